//! `dt-cred status`: the daemon and its profiles. Starts nothing, changes nothing.

mod json;
mod look;
mod table;
mod watch;

use std::io::{self, IsTerminal};

use dt_cred_proto::{
    message::{Defence, Failure, FailureKind, FileStatus, Operation, Response, SecretStatus, Status},
    profile::Profile,
};

use self::look::Look;
use crate::{
    canvas::{Canvas, Size, Standard},
    cli::{Globals, StatusArguments},
    connection::Connection,
    daemon,
    deadline::Deadline,
    output, service,
    settings::Settings,
    validity,
};

/// Prints the state, or exits as `get` would.
///
/// # Errors
/// Why the daemon that runs does not answer; with `--check` what `get` would fail with.
pub(crate) fn run(
    settings: &Settings,
    globals: &Globals,
    arguments: &StatusArguments,
) -> Result<(), Failure> {
    if arguments.watch {
        return watch::run(settings, globals.profile.as_ref());
    }
    let deadline = Deadline::after(settings.timeout);
    let Some(mut state) = ask(settings, deadline)? else {
        if arguments.check {
            return Err(daemon::nobody(settings, deadline));
        }
        let failure = service::failure(settings, deadline);
        return Ok(output::write(if arguments.json {
            json::nobody(failure.as_ref())
        } else {
            table::nobody(settings.starts_one(), failure.as_ref())
        })?);
    };
    if arguments.check {
        return check(&state.status, settings.profile.as_ref());
    }
    state.keep(globals.profile.as_ref());
    if arguments.json {
        return Ok(output::write(json::render(&state))?);
    }
    // For as long as it is written to, where that takes a console that understands colours.
    let canvas = Canvas::open(Standard::Output, "", "");
    let look = match io::stdout().is_terminal() {
        true => Look::of_terminal(Size::of(Standard::Output), canvas.is_some()),
        false => Look::Plain,
    };
    Ok(output::write(table::render(&state, globals.profile.as_ref(), look))?)
}

/// Everything that the daemon tells of itself.
pub(crate) struct State {
    pub(crate) status: Box<Status>,
    pub(crate) files: Vec<FileStatus>,
    pub(crate) defences: Vec<Defence>,
    pub(crate) secrets: Vec<SecretStatus>,
    /// When it was told, in seconds since the Unix epoch.
    pub(crate) at: i64,
    /// What to do about a daemon of another release than this client; none where it is of the same.
    pub(crate) other_release: Option<String>,
}

/// What the daemon tells of itself; none where none runs.
fn ask(settings: &Settings, deadline: Deadline) -> Result<Option<State>, Failure> {
    let connection = daemon::awake(settings, deadline)?;
    connection.map(|mut connection| State::of(settings, &mut connection, deadline)).transpose()
}

impl State {
    /// What the daemon at the other end tells of itself.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn of(
        settings: &Settings,
        connection: &mut Connection,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let mut ask = |operation| daemon::ask_over(connection, operation, deadline);
        let Response::Status(status) = ask(Operation::Status)? else { return Err(daemon::unexpected()) };
        let Response::Files(files) = ask(Operation::Files)? else { return Err(daemon::unexpected()) };
        let Response::Defences(defences) = ask(Operation::Defences)? else {
            return Err(daemon::unexpected());
        };
        let asked = daemon::ask_newer(connection, Operation::Secrets, deadline)?;
        let secrets = match asked {
            Some(Response::Secrets(secrets)) => secrets,
            Some(_) => return Err(daemon::unexpected()),
            None => Vec::new(),
        };
        // As after an upgrade, until it is ended.
        let is_other = status.release.as_str() != env!("CARGO_PKG_VERSION");
        let other_release = is_other.then(|| {
            let beside = || "run dt-cred stop; the next dt-cred get starts the daemon beside it".to_owned();
            service::other_program(settings, deadline).unwrap_or_else(beside)
        });
        Ok(Self { status, files, defences, secrets, at: validity::now(), other_release })
    }

    /// Leaves out every other profile where one is named.
    fn keep(&mut self, named: Option<&Profile>) {
        self.status.profiles.retain(|known| named.is_none_or(|named| known.profile == *named));
        self.files.retain(|file| named.is_none_or(|named| file.profile == *named));
        self.secrets.retain(|secret| named.is_none_or(|named| secret.profile == *named));
    }
}

/// What `get` would fail with for this profile.
fn check(status: &Status, profile: Option<&Profile>) -> Result<(), Failure> {
    let profile = profile.unwrap_or(&status.default_profile);
    match status.profiles.iter().find(|known| known.profile == *profile) {
        Some(known) => known.check.clone().map_or(Ok(()), Err),
        None => Err(Failure::new(
            FailureKind::NothingStored,
            format!("nothing is stored for profile {profile}: log in with `dt-cred login -p {profile}`"),
        )),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use dt_cred_proto::message::{FileFormat, Keyring, ProfileState, ProfileStatus};

    use super::*;

    pub(crate) fn profile(name: &str) -> ProfileStatus {
        ProfileStatus {
            profile: name.parse().expect("a name"),
            state: ProfileState::Valid,
            url: Some("https://app.datatrails.ai".into()),
            keyring: Some(Keyring::Keyutils),
            lasts: Some("until the next boot".into()),
            expires_in_ms: Some(42 * 60_000),
            lifetime_ms: Some(60 * 60_000),
            generation: Some(1_763_998_200_000),
            next_fetch_in_ms: Some(37 * 60_000),
            last_error: None,
            check: None,
            proxy: None,
            served: 12,
            fetches: 3,
        }
    }

    pub(crate) fn status() -> Status {
        let staging = ProfileStatus {
            state: ProfileState::Refused,
            expires_in_ms: None,
            lifetime_ms: None,
            generation: None,
            next_fetch_in_ms: None,
            last_error: Some(Failure::new(
                FailureKind::Refused,
                "the issuer refused the credentials: log in",
            )),
            check: Some(Failure::new(FailureKind::Refused, "the issuer refused the credentials: log in")),
            proxy: Some("http://proxy:3128".into()),
            served: 0,
            fetches: 2,
            ..profile("staging")
        };
        Status {
            release: "0.1.0".into(),
            pid: 4242,
            uptime_ms: 11_520_000,
            default_profile: "default".parse().expect("a name"),
            requests: 57,
            profiles: vec![profile("default"), staging],
        }
    }

    pub(crate) fn state() -> State {
        let defence =
            |name: &str, active, note: &str| Defence { name: name.into(), active, note: note.into() };
        let defences = vec![
            defence("memory", true, "not for other processes of this user"),
            defence("files", false, "this kernel has no Landlock"),
        ];
        State {
            status: Box::new(status()),
            files: files(),
            defences,
            secrets: secrets(),
            at: 1_764_000_000,
            other_release: None,
        }
    }

    /// The one ends in twelve days, and of the other nothing is known but that a rotation was cut off.
    fn secrets() -> Vec<SecretStatus> {
        let name = |name: &str| name.parse().expect("a name");
        let ending = SecretStatus {
            profile: name("default"),
            valid_until: Some(1_764_000_000 + 12 * 24 * 3600),
            rotation: None,
        };
        vec![
            ending,
            SecretStatus { profile: name("staging"), valid_until: None, rotation: Some(name("boss")) },
        ]
    }

    pub(crate) fn files() -> Vec<FileStatus> {
        let fresh = FileStatus {
            profile: "default".parse().expect("a name"),
            path: "/home/u/.datatrails/bearer-token.txt".into(),
            format: FileFormat::Header,
            generation: Some(1_763_998_200_000),
            error: None,
        };
        let broken = FileStatus {
            path: "/home/u/raw".into(),
            format: FileFormat::Raw,
            generation: None,
            error: Some(Failure::new(FailureKind::Configuration, "the disk is full")),
            ..fresh.clone()
        };
        vec![fresh, broken]
    }

    #[test]
    fn check_fails_as_get_would() {
        let status = status();
        let code = |name: Option<&str>| {
            let profile = name.map(|name| name.parse().expect("a name"));
            check(&status, profile.as_ref()).map_err(|failure| failure.kind.exit_code())
        };
        assert_eq!(code(None), Ok(()));
        assert_eq!(code(Some("default")), Ok(()));
        assert_eq!(code(Some("staging")), Err(4));
        assert_eq!(code(Some("unknown")), Err(5));
    }
}
