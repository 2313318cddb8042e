//! The two units as `systemctl show` tells of them. Pure.

use dt_cred_proto::message::{Failure, FailureKind};

use super::{Activity, SERVICE, SOCKET};

/// What is asked of a unit.
pub(super) const PROPERTIES: &str =
    "--property=Id,LoadState,ActiveState,Result,UnitFileState,FragmentPath,MainPID,ExecMainStatus,NRestarts";

/// As often a daemon may end and be started again before that is called a loop.
const FEW: u32 = 3;

/// A unit, as systemd has it.
#[derive(Default, Debug)]
pub(super) struct Unit {
    /// Whether systemd knows it.
    pub(super) loaded: bool,
    active: String,
    result: String,
    file_state: String,
    /// By which file it knows it.
    pub(super) file: String,
    /// The process that it runs as, or zero.
    pub(super) pid: u32,
    code: u8,
    restarts: u32,
}

impl Unit {
    /// Whether it is started with what it belongs to.
    pub(super) fn is_enabled(&self) -> bool {
        self.file_state.starts_with("enabled")
    }

    /// Whether it is up, or on its way there.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.active.as_str(), "" | "inactive" | "failed")
    }
}

/// Both units.
#[derive(Default, Debug)]
pub(super) struct Units {
    /// What listens.
    pub(super) socket: Unit,
    /// What is started by it.
    pub(super) service: Unit,
}

impl Units {
    /// What `systemctl show` prints: a line for each property, an empty one behind each unit.
    pub(super) fn parse(text: &str) -> Self {
        let mut units = Self::default();
        for block in text.split("\n\n") {
            let value = |name: &str| {
                let found = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
                found.unwrap_or_default().to_owned()
            };
            let unit = Unit {
                loaded: value("LoadState") == "loaded",
                active: value("ActiveState"),
                result: value("Result"),
                file_state: value("UnitFileState"),
                file: value("FragmentPath"),
                pid: value("MainPID").parse().unwrap_or_default(),
                code: value("ExecMainStatus").parse().unwrap_or_default(),
                restarts: value("NRestarts").parse().unwrap_or_default(),
            };
            match value("Id").as_str() {
                SOCKET => units.socket = unit,
                SERVICE => units.service = unit,
                _ => {}
            }
        }
        units
    }

    /// What becomes of the daemon.
    pub(super) fn activity(&self) -> Activity {
        let is_up = matches!(self.service.active.as_str(), "active" | "reloading" | "deactivating");
        if is_up && self.service.pid != 0 {
            Activity::Running(self.service.pid)
        } else if self.socket.is_active() {
            Activity::Listening
        } else if self.failure().is_some() {
            Activity::GivenUp
        } else {
            Activity::Stopped
        }
    }

    /// That systemd starts the daemon no more: it has closed the socket, and opens it for nobody before it is told to. Or that it
    /// starts it again and again.
    pub(super) fn failure(&self) -> Option<Failure> {
        let code = match self.service.code {
            0 => String::new(),
            code => format!(", with exit code {code} the last time"),
        };
        let see = format!("see why by `journalctl --user -u {SERVICE}`, mend it");
        let message = match (self.socket.active.as_str(), self.socket.result.as_str()) {
            ("failed", "service-start-limit-hit" | "trigger-limit-hit") => format!(
                "systemd gave up on {SERVICE}, which ended again and again{code}: {see}, then run `systemctl --user reset-failed {SOCKET} {SERVICE}` and `dt-cred start`"
            ),
            ("failed", result) => format!(
                "systemd gave up on {SOCKET}, which failed ({result}): see why by `journalctl --user -u {SOCKET}`, mend it, then run `systemctl --user reset-failed {SOCKET} {SERVICE}` and `dt-cred start`"
            ),
            _ if self.service.active == "activating" && self.service.restarts >= FEW => format!(
                "systemd starts {SERVICE} again and again, {} times by now, as it ends{code}: {see}, then run `systemctl --user restart {SERVICE}`",
                self.service.restarts
            ),
            _ => return None,
        };
        let kind = if self.service.code == FailureKind::Configuration.exit_code() {
            FailureKind::Configuration
        } else {
            FailureKind::Daemon
        };
        Some(Failure::new(kind, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTENING: &str = "\
Id=dt-cred.socket
LoadState=loaded
ActiveState=active
Result=success
UnitFileState=enabled
FragmentPath=/usr/lib/systemd/user/dt-cred.socket

Id=dt-cred.service
MainPID=0
ExecMainStatus=0
LoadState=loaded
ActiveState=inactive
Result=success
";

    #[test]
    fn what_systemd_tells_is_understood_in_whatever_order() {
        let running = LISTENING.replace("MainPID=0", "MainPID=42").replace("inactive", "active");
        let starting = LISTENING.replace("MainPID=0", "MainPID=42").replace("=inactive", "=activating");
        let stopped = LISTENING.replace("=active", "=inactive");
        let failed = LISTENING.replace("=active", "=failed");
        for (text, activity) in [
            (LISTENING, Activity::Listening),
            (&running, Activity::Running(42)),
            // It has a number already, and may end before it answers.
            (&starting, Activity::Listening),
            (&stopped, Activity::Stopped),
            (&failed, Activity::GivenUp),
            ("", Activity::Stopped),
        ] {
            assert_eq!(Units::parse(text).activity(), activity, "{text}");
        }
        assert_eq!(Units::parse(LISTENING).socket.file_state, "enabled");
    }

    #[test]
    fn a_crash_loop_is_told_with_its_mend_and_a_wrong_configuration_by_its_own_code() {
        let failed = LISTENING.replace("=active", "=failed").replacen(
            "Result=success",
            "Result=service-start-limit-hit",
            1,
        );
        for (code, expected) in [("1", 3), ("7", 7)] {
            let text = failed.replace("ExecMainStatus=0", &format!("ExecMainStatus={code}"));
            let failure = Units::parse(&text).failure().expect("given up");
            assert_eq!(failure.kind.exit_code(), expected);
            for word in [
                "dt-cred.service, which ended again and again",
                &format!("exit code {code}"),
                "reset-failed dt-cred.socket dt-cred.service",
                "dt-cred start",
                "journalctl --user -u dt-cred.service",
            ] {
                assert!(failure.message.as_str().contains(word), "{word}: {failure}");
            }
        }
        let other = Units::parse(&LISTENING.replace("=active", "=failed")).failure().expect("given up");
        assert!(other.message.as_str().contains("dt-cred.socket, which failed (success)"), "{other}");
    }

    #[test]
    fn a_loop_that_has_not_ended_yet_is_told_while_it_starts_and_no_longer() {
        let loops = |active: &str, restarts: u32| {
            let text = LISTENING.replace("=inactive", active) + &format!("NRestarts={restarts}\n");
            Units::parse(&text).failure().map(|failure| failure.message.to_string())
        };
        let told = loops("=activating", 7).expect("told");
        assert!(told.contains("7 times") && told.contains("journalctl --user -u dt-cred.service"), "{told}");
        assert_eq!((loops("=activating", 2), loops("=active", 7), loops("=inactive", 7)), (None, None, None));
    }
}
