//! The service as `service status` tells it, to people and to programs (schema 1).

use serde_json::json;

use super::{Activity, State};
use crate::{error, platform::DAEMON};

/// The service, or that none is installed.
pub(super) fn state(state: Option<&State>, is_json: bool) -> String {
    if is_json { for_programs(state) } else { for_people(state) }
}

fn for_people(state: Option<&State>) -> String {
    let Some(State { place, others, written, enabled, activity, failure, .. }) = state else {
        return "no service is installed, and none is needed: dt-cred starts the daemon\n".to_owned();
    };
    let enabled = match enabled {
        Some(true) => ", enabled",
        Some(false) => ", disabled: dt-cred service install has it there after each login",
        None => "",
    };
    let activity = match (failure, activity) {
        (Some(failure), _) => format!("{failure}\n"),
        (None, Some(Activity::Running(pid))) => format!("{DAEMON} runs, pid {pid}\n"),
        (None, Some(Activity::Listening)) => {
            format!("{DAEMON} does not run, and is started for whoever connects\n")
        }
        (None, Some(Activity::Stopped | Activity::GivenUp)) => {
            format!("{DAEMON} does not run: dt-cred start\n")
        }
        (None, None) => String::new(),
    };
    // What a user or an administrator has put before a package's is theirs.
    let mend = if *written { ": one is enough, and dt-cred service install leaves a package's" } else { "" };
    let others: String = others.iter().map(|other| format!("also there: {other}{mend}\n")).collect();
    format!("installed: {place}{enabled}\n{activity}{others}")
}

fn for_programs(state: Option<&State>) -> String {
    let (word, pid) = match state.and_then(|state| state.activity) {
        Some(Activity::Running(pid)) => (Some("running"), Some(pid)),
        Some(Activity::Listening) => (Some("listening"), None),
        Some(Activity::Stopped) => (Some("stopped"), None),
        Some(Activity::GivenUp) => (Some("failed"), None),
        None => (None, None),
    };
    let told = json!({
        "schema": 1,
        "installed": state.map(|state| &state.place),
        "others": state.map_or(&[][..], |state| &state.others),
        "written": state.is_some_and(|state| state.written),
        "enabled": state.and_then(|state| state.enabled),
        "state": word,
        "pid": pid,
        "failure": state.and_then(|state| state.failure.as_ref()).map(error::json),
    });
    format!("{told}\n")
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{Failure, FailureKind};

    use super::*;

    fn with(activity: Option<Activity>, failure: Option<Failure>) -> State {
        let place = "/u/dt-cred.socket".to_owned();
        State {
            place,
            others: Vec::new(),
            program: None,
            written: true,
            enabled: Some(true),
            activity,
            failure,
        }
    }

    #[test]
    fn people_are_told_by_what_it_is_installed_and_what_becomes_of_the_daemon() {
        let failure = Failure::new(FailureKind::Daemon, "systemd gave up");
        for (state, expected) in [
            (with(Some(Activity::Running(42)), None), "dt-credd runs, pid 42\n"),
            (with(Some(Activity::Stopped), None), "dt-credd does not run: dt-cred start\n"),
            (with(Some(Activity::GivenUp), Some(failure)), "systemd gave up\n"),
            (with(None, None), ""),
        ] {
            let expected = expected.replace("dt-credd", DAEMON);
            assert_eq!(
                for_people(Some(&state)),
                format!("installed: /u/dt-cred.socket, enabled\n{expected}")
            );
        }
        assert!(for_people(None).starts_with("no service is installed"));
        let two = State { others: vec!["/p/dt-cred.socket".to_owned()], ..with(None, None) };
        assert!(for_people(Some(&two)).contains("\nalso there: /p/dt-cred.socket: one is enough"));
        assert!(for_programs(Some(&two)).contains("\"others\":[\"/p/dt-cred.socket\"]"));
    }

    #[test]
    fn programs_are_told_the_same() {
        let failure = Failure::new(FailureKind::Daemon, "systemd gave up");
        let expected = "{\"enabled\":true,\"failure\":{\"exit_code\":3,\"message\":\"systemd gave up\"},\
                        \"installed\":\"/u/dt-cred.socket\",\"others\":[],\"pid\":null,\"schema\":1,\"state\":\"failed\",\"written\":true}\n";
        assert_eq!(for_programs(Some(&with(Some(Activity::GivenUp), Some(failure)))), expected);
        let expected = "{\"enabled\":null,\"failure\":null,\"installed\":null,\"others\":[],\"pid\":null,\"schema\":1,\"state\":null,\
                        \"written\":false}\n";
        assert_eq!(for_programs(None), expected);
        let running = for_programs(Some(&with(Some(Activity::Running(42)), None)));
        assert!(running.contains("\"pid\":42") && running.contains("\"state\":\"running\""), "{running}");
    }
}
