//! The daemon that listens now, and what it tells of itself.

use dt_cred_proto::message::{Failure, FileStatus, Operation, Response, Status};

use super::{Check, Verdict};
use crate::{connection::Connection, daemon, deadline::Deadline, duration::in_words, settings::Settings};

const NAME: &str = "daemon";

/// What a daemon said.
pub(super) struct Seen {
    pub(super) status: Box<Status>,
    pub(super) files: Vec<FileStatus>,
}

/// Asks the daemon that listens; there is nothing seen where none does.
pub(super) fn look(settings: &Settings, deadline: Deadline) -> (Check, Option<Seen>) {
    let asked = match daemon::running(settings, deadline) {
        Ok(Some(mut connection)) => ask(&mut connection, deadline),
        Ok(None) => return (nobody(settings), None),
        Err(error) => Err(error.into()),
    };
    match asked {
        Ok(seen) => (judged(&seen.status), Some(seen)),
        Err(failure) => (Check::told(NAME, Verdict::Fails, failure.message), None),
    }
}

fn ask(connection: &mut Connection, deadline: Deadline) -> Result<Seen, Failure> {
    let Response::Status(status) = daemon::ask_over(connection, Operation::Status, deadline)? else {
        return Err(daemon::unexpected());
    };
    match daemon::ask_over(connection, Operation::Files, deadline)? {
        Response::Files(files) => Ok(Seen { status, files }),
        _ => Err(daemon::unexpected()),
    }
}

/// None is needed before the first `get`, where that may start one.
fn nobody(settings: &Settings) -> Check {
    if settings.start && !settings.endpoint.explicit {
        Check::ok(NAME, "none runs; the next dt-cred get starts one")
    } else {
        Check::told(NAME, Verdict::Fails, daemon::nobody(settings).message)
    }
}

/// Whose it is was seen when it was connected to.
fn judged(status: &Status) -> Check {
    let (own, uptime) = (env!("CARGO_PKG_VERSION"), in_words(status.uptime_ms));
    let Status { release, pid, .. } = status;
    let found = format!("dt-credd {release}, pid {pid}, up {uptime}, listened for by you or by the system");
    if release.as_str() == own {
        Check::ok(NAME, found)
    } else {
        let found = format!("{found}; this dt-cred is {own}");
        Check::warning(NAME, found, "run dt-cred stop; the next dt-cred get starts the other one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::status;

    #[test]
    fn a_daemon_of_another_release_is_warned_about() {
        let mut status = Status { release: env!("CARGO_PKG_VERSION").into(), ..status() };
        assert_eq!(judged(&status).verdict, Verdict::Ok);
        status.release = "9.9.9".into();
        let check = judged(&status);
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.mend.is_some_and(|mend| mend.as_str().contains("dt-cred stop")));
    }
}
