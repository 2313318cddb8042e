//! The state for programs, schema 1: durations in whole seconds, rounded down.

use dt_cred_proto::message::{Defence, Failure, FileStatus, ProfileState, ProfileStatus, SecretStatus};
use serde_json::{Value, json};

use super::State;
use crate::{
    error,
    validity::{Validity, moment},
};

/// That no daemon runs, and why the service manager starts none, where that is so.
pub(super) fn nobody(failure: Option<&Failure>) -> String {
    line(&Value::Null, failure, &[], &[], &[])
}

/// The state as one line of JSON; `daemon` is null where none runs.
pub(super) fn render(state: &State) -> String {
    let State { status, files, defences, secrets, at, .. } = state;
    let secret = |known: &ProfileStatus| secrets.iter().find(|secret| secret.profile == known.profile);
    let daemon = json!({
        "release": status.release,
        "pid": status.pid,
        "uptime": status.uptime_ms / 1000,
        "default_profile": status.default_profile,
        "requests": status.requests,
    });
    let each = |values: &mut dyn Iterator<Item = Value>| values.collect::<Vec<_>>();
    line(
        &daemon,
        None,
        &each(&mut status.profiles.iter().map(|known| profile(known, secret(known), *at))),
        &each(&mut files.iter().map(file)),
        &each(&mut defences.iter().map(defence)),
    )
}

fn line(
    daemon: &Value,
    failure: Option<&Failure>,
    profiles: &[Value],
    files: &[Value],
    defences: &[Value],
) -> String {
    let state = json!({
        "schema": 1,
        "daemon": daemon,
        "service_failure": failure.map(error::json),
        "profiles": profiles,
        "files": files,
        "defences": defences,
    });
    format!("{state}\n")
}

/// A defence for programs.
pub(crate) fn defence(defence: &Defence) -> Value {
    json!({ "name": defence.name, "active": defence.active, "note": defence.note })
}

fn profile(status: &ProfileStatus, secret: Option<&SecretStatus>, at: i64) -> Value {
    let until = secret.and_then(|secret| secret.valid_until);
    let seconds = |milliseconds: Option<u64>| milliseconds.map(|milliseconds| milliseconds / 1000);
    json!({
        "profile": status.profile,
        "state": word(status.state),
        "url": status.url,
        "keyring": status.keyring,
        "lasts": status.lasts,
        "expires_in": seconds(status.expires_in_ms),
        "lifetime": seconds(status.lifetime_ms),
        "generation": status.generation,
        "next_fetch_in": seconds(status.next_fetch_in_ms),
        "last_error": status.last_error.as_ref().map(error::json),
        "check": status.check.as_ref().map(error::json),
        "proxy": status.proxy,
        "served": status.served,
        "fetches": status.fetches,
        "secret_valid_until": until.and_then(moment),
        "secret_validity": until.map(|until| Validity::of(until, at).word()),
        "rotation": secret.and_then(|secret| secret.rotation.as_ref()),
    })
}

fn file(status: &FileStatus) -> Value {
    json!({
        "profile": status.profile,
        "path": status.path,
        "format": status.format.to_string(),
        "generation": status.generation,
        "error": status.error.as_ref().map(error::json),
    })
}

/// A state by its name.
pub(super) fn word(state: ProfileState) -> &'static str {
    match state {
        ProfileState::Idle => "idle",
        ProfileState::Valid => "valid",
        ProfileState::Fetching => "fetching",
        ProfileState::Failing => "failing",
        ProfileState::Refused => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::state, *};

    #[test]
    fn without_a_daemon_it_is_null() {
        let expected = "{\"daemon\":null,\"defences\":[],\"files\":[],\"profiles\":[],\"schema\":1,\"service_failure\":null}\n";
        assert_eq!(nobody(None), expected);
        let failure = Failure::new(dt_cred_proto::message::FailureKind::Daemon, "systemd gave up");
        let told = "\"service_failure\":{\"exit_code\":3,\"message\":\"systemd gave up\"}";
        assert!(nobody(Some(&failure)).contains(told));
    }

    #[test]
    fn everything_is_told_in_whole_seconds() {
        let value: Value = serde_json::from_str(&render(&state())).expect("JSON");
        let expected = json!({
            "schema": 1,
            "service_failure": null,
            "daemon": {"release": "0.1.0", "pid": 4242, "uptime": 11520, "default_profile": "default", "requests": 57},
            "profiles": [
                {
                    "profile": "default", "state": "valid", "url": "https://app.datatrails.ai",
                    "keyring": "keyutils", "lasts": "until the next boot", "expires_in": 2520, "lifetime": 3600,
                    "generation": 1_763_998_200_000_u64, "next_fetch_in": 2220, "last_error": null, "check": null,
                    "proxy": null, "served": 12, "fetches": 3, "secret_valid_until": "2025-12-06T16:00:00Z",
                    "secret_validity": "ending", "rotation": null,
                },
                {
                    "profile": "staging", "state": "refused", "url": "https://app.datatrails.ai",
                    "keyring": "keyutils", "lasts": "until the next boot", "expires_in": null, "lifetime": null,
                    "generation": null, "next_fetch_in": null,
                    "last_error": {"exit_code": 4, "message": "the issuer refused the credentials: log in"},
                    "check": {"exit_code": 4, "message": "the issuer refused the credentials: log in"},
                    "proxy": "http://proxy:3128", "served": 0, "fetches": 2, "secret_valid_until": null,
                    "secret_validity": null, "rotation": "boss",
                },
            ],
            "files": [
                {
                    "profile": "default", "path": "/home/u/.datatrails/bearer-token.txt", "format": "header",
                    "generation": 1_763_998_200_000_u64, "error": null,
                },
                {
                    "profile": "default", "path": "/home/u/raw", "format": "raw", "generation": null,
                    "error": {"exit_code": 7, "message": "the disk is full"},
                },
            ],
            "defences": [
                {"name": "memory", "active": true, "note": "not for other processes of this user"},
                {"name": "files", "active": false, "note": "this kernel has no Landlock"},
            ],
        });
        assert_eq!(value, expected);
    }
}
