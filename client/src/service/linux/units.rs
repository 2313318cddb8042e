//! The two units as `systemctl show` tells of them. Pure.

use dt_cred_proto::message::{Failure, FailureKind};

use super::{Activity, SERVICE, SOCKET};

/// What is asked of a unit.
pub(super) const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,Result,UnitFileState,FragmentPath,NeedDaemonReload,DropInPaths,MainPID,ExecStart,ExecMainCode,ExecMainStatus,NRestarts";

/// What systemd ends with itself where there is no program at the path that the unit has (systemd.exec(5)).
const NO_PROGRAM: u8 = 203;

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
    /// The program that it starts.
    pub(super) program: String,
    /// Whether its file is another one than systemd has read, as after an upgrade.
    stale: bool,
    /// Whether something changes what the file says.
    pub(super) has_drop_ins: bool,
    end: End,
    restarts: u32,
}

/// How its process ended the last time.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum End {
    /// It has not.
    #[default]
    None,
    /// By itself, with this exit code.
    Exit(u8),
    /// By this signal.
    Signal(u8),
}

impl End {
    /// Of `ExecMainCode` (waitid(2)'s `si_code`) and `ExecMainStatus`.
    fn parse(code: &str, status: &str) -> Self {
        let status = status.parse().unwrap_or_default();
        match code {
            "1" => Self::Exit(status),
            "2" | "3" => Self::Signal(status),
            _ => Self::None,
        }
    }

    /// Whether the daemon ended as it is to: it was told to, or cannot serve and has said why to whoever asked.
    fn is_orderly(self) -> bool {
        let usage = FailureKind::Usage.exit_code();
        let expected = [0, usage, FailureKind::Daemon.exit_code(), FailureKind::Configuration.exit_code()];
        matches!(self, Self::Exit(code) if expected.contains(&code))
    }

    /// For people, behind what happened.
    fn told(self) -> String {
        match self {
            Self::None | Self::Exit(0) => String::new(),
            Self::Exit(code) => format!(", with exit code {code} the last time"),
            Self::Signal(number) => format!(", by signal {number} the last time"),
        }
    }
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
                program: program(&value("ExecStart")),
                stale: value("NeedDaemonReload") == "yes",
                has_drop_ins: !value("DropInPaths").is_empty(),
                end: End::parse(&value("ExecMainCode"), &value("ExecMainStatus")),
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

    /// Whether systemd goes by older files than there are.
    pub(super) fn are_stale(&self) -> bool {
        self.socket.stale || self.service.stale
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

    /// Whether systemd has given up on what does not crash: it was only started too often, by those who stop it or by those who
    /// ask a daemon that cannot serve. Another try costs no loop then.
    pub(super) fn is_worn_out(&self) -> bool {
        let is_socket = self.socket.active == "failed" && self.socket.result == "start-limit-hit";
        // Whom systemd itself started again had crashed; and who ends before it is ready has not served (`protocol`).
        let is_orderly =
            self.service.end.is_orderly() && self.service.restarts == 0 && self.service.result != "protocol";
        is_socket || self.has_given_up() && is_orderly
    }

    fn has_given_up(&self) -> bool {
        self.socket.active == "failed"
            && matches!(self.socket.result.as_str(), "service-start-limit-hit" | "trigger-limit-hit")
    }

    /// That systemd starts the daemon no more: it has closed the socket, and opens it for nobody before it is told to. Or that it
    /// starts it again and again.
    pub(super) fn failure(&self) -> Option<Failure> {
        let end = self.service.end.told();
        let see = format!("see why by `journalctl --user -u {SERVICE}`, mend it");
        let message = if self.is_worn_out() {
            let often = format!("systemd starts {SERVICE} no more, which was started too often");
            match (self.socket.result.as_str(), end.as_str()) {
                // No reset-failed takes this limit back.
                ("trigger-limit-hit", _) => {
                    format!("{often} within a minute{end}: wait a minute, then run `dt-cred start`")
                }
                (_, "") => format!("{often} within a few minutes: run `dt-cred start`"),
                _ => format!(
                    "{often} within a few minutes{end}: `dt-cred start` or `journalctl --user -u {SERVICE}` says why; mend that, then run `dt-cred start`"
                ),
            }
        } else if self.has_given_up() && self.service.end == End::Exit(NO_PROGRAM) {
            format!(
                "systemd gave up on {SERVICE}, as {program} cannot be run, by {file}: run `dt-cred service install`, then `dt-cred start`",
                program = self.service.program,
                file = self.service.file
            )
        } else if self.has_given_up() {
            format!(
                "systemd gave up on {SERVICE}, which ended again and again{end}: {see}, then run `systemctl --user reset-failed {SOCKET} {SERVICE}` and `dt-cred start`"
            )
        } else if self.socket.active == "failed" {
            format!(
                "systemd gave up on {SOCKET}, which failed ({result}): see why by `journalctl --user -u {SOCKET}`, mend it, then run `systemctl --user reset-failed {SOCKET} {SERVICE}` and `dt-cred start`",
                result = self.socket.result
            )
        } else if self.service.active == "activating" && self.service.restarts >= FEW {
            format!(
                "systemd starts {SERVICE} again and again, {} times by now, as it ends{end}: {see}, then run `systemctl --user restart {SERVICE}`",
                self.service.restarts
            )
        } else {
            return None;
        };
        let configuration = FailureKind::Configuration;
        let kind = if self.service.end == End::Exit(configuration.exit_code()) {
            configuration
        } else {
            FailureKind::Daemon
        };
        Some(Failure::new(kind, message))
    }
}

/// The path in `ExecStart=`, which is told as `{ path=… ; argv[]=… ; … }`.
fn program(line: &str) -> String {
    let path = line.strip_prefix("{ path=").and_then(|rest| rest.split(" ; ").next());
    path.unwrap_or_default().to_owned()
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
ExecStart={ path=/usr/bin/dt-credd ; argv[]=/usr/bin/dt-credd ; ignore_errors=no ; pid=0 }
ExecMainCode=1
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

    fn given_up(code: &str, status: &str) -> Units {
        let failed = LISTENING.replace("=active", "=failed");
        let failed = failed.replacen("Result=success", "Result=service-start-limit-hit", 1);
        let code = failed.replace("ExecMainCode=1", &format!("ExecMainCode={code}"));
        Units::parse(&code.replace("ExecMainStatus=0", &format!("ExecMainStatus={status}")))
    }

    #[test]
    fn a_crash_loop_is_told_with_its_mend_and_is_not_taken_back() {
        // SIGBUS has the number of a wrong configuration.
        for (code, status, end) in
            [("1", "1", "exit code 1"), ("2", "7", "by signal 7"), ("3", "11", "by signal 11")]
        {
            let units = given_up(code, status);
            assert!(!units.is_worn_out(), "{end}");
            let failure = units.failure().expect("given up");
            assert_eq!(failure.kind, FailureKind::Daemon);
            for word in [
                "dt-cred.service, which ended again and again",
                end,
                "reset-failed dt-cred.socket dt-cred.service",
                "dt-cred start",
                "journalctl --user -u dt-cred.service",
            ] {
                assert!(failure.message.as_str().contains(word), "{word}: {failure}");
            }
        }
        let other = Units::parse(&LISTENING.replace("=active", "=failed"));
        assert!(!other.is_worn_out(), "the socket itself failed");
        let other = other.failure().expect("given up");
        assert!(other.message.as_str().contains("dt-cred.socket, which failed (success)"), "{other}");
    }

    #[test]
    fn a_daemon_that_was_only_started_too_often_is_started_again_by_whoever_asks() {
        for (status, kind, end) in [
            ("0", FailureKind::Daemon, "within a few minutes: run `dt-cred start`"),
            ("3", FailureKind::Daemon, "exit code 3"),
            ("7", FailureKind::Configuration, "exit code 7"),
        ] {
            let units = given_up("1", status);
            assert!(units.is_worn_out() && units.activity() == Activity::GivenUp, "{status}");
            let failure = units.failure().expect("given up");
            assert_eq!(failure.kind, kind);
            assert!(failure.message.as_str().contains(end), "{failure}");
            assert!(!failure.message.as_str().contains("reset-failed"), "{failure}");
        }
        assert!(!Units::parse(LISTENING).is_worn_out());
    }

    #[test]
    fn whoever_ends_before_it_is_ready_or_was_started_again_by_systemd_has_crashed() {
        let text = |service: &str| {
            LISTENING.replace("=active", "=failed").replacen("=success", "=service-start-limit-hit", 1)
                + service
        };
        for (service, expected) in
            [("NRestarts=0\n", true), ("NRestarts=20\n", false), ("Result=protocol\n", false)]
        {
            // The first line of a name counts.
            let text = text("").replace("ActiveState=inactive\nResult=success\n", service);
            assert_eq!(Units::parse(&text).is_worn_out(), expected, "{text}");
        }
    }

    #[test]
    fn what_no_reset_takes_back_is_waited_for_and_a_socket_that_was_started_too_often_is_started_again() {
        let failed = |result: &str| LISTENING.replace("=active", "=failed").replacen("=success", result, 1);
        let told = |result: &str| {
            let units = Units::parse(&failed(result));
            (units.is_worn_out(), units.failure().expect("given up").message.to_string())
        };
        let (worn, message) = told("=trigger-limit-hit");
        assert!(worn && message.contains("wait a minute, then run `dt-cred start`"), "{message}");
        let (worn, message) = told("=start-limit-hit");
        assert!(worn && message.ends_with("run `dt-cred start`"), "{message}");
    }

    #[test]
    fn a_unit_whose_program_is_gone_is_told_with_what_writes_it_anew() {
        let failure = given_up("1", "203").failure().expect("given up");
        for word in ["/usr/bin/dt-credd cannot be run", "`dt-cred service install`"] {
            assert!(failure.message.as_str().contains(word), "{failure}");
        }
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
