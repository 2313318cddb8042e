//! The daemon that listens now, and what it tells of itself.

use dt_cred_proto::message::{Defence, Status};

use super::{Check, Verdict};
use crate::{daemon, deadline::Deadline, duration::in_words, settings::Settings, status::State};

const NAME: &str = "daemon";

/// Asks the daemon that listens; there is nothing seen where none does.
pub(super) fn look(settings: &Settings, deadline: Deadline) -> (Check, Option<State>) {
    let asked = match daemon::running(settings, deadline) {
        Ok(Some(mut connection)) => State::of(&mut connection, deadline),
        Ok(None) => return (nobody(settings), None),
        Err(error) => Err(error.into()),
    };
    match asked {
        Ok(seen) => (judged(&seen.status), Some(seen)),
        Err(failure) => (Check::told(NAME, Verdict::Fails, failure.message), None),
    }
}

/// What the daemon does against other programs, a line each.
pub(super) fn defences(seen: &State) -> impl Iterator<Item = Check> + '_ {
    seen.defences.iter().map(|Defence { name, active, note }| {
        let name = format!("defence: {name}");
        match (*active, mend(note.as_str())) {
            (true, _) => Check::ok(name, note.clone()),
            (false, Some(mend)) => Check::warning(name, note.clone(), mend),
            (false, None) => Check::told(name, Verdict::Warning, note.clone()),
        }
    })
}

/// What would make a defence active that is not, where its user can.
fn mend(note: &str) -> Option<&'static str> {
    note.contains("locked memory")
        .then_some("raise it (ulimit -l, LimitMEMLOCK= in a unit), dt-cred stop, then again")
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
    use crate::status::tests::{state, status};

    #[test]
    fn a_defence_that_is_not_active_is_warned_about_with_what_its_user_can_do() {
        let mut seen = state();
        let limit = "8192 bytes may be swapped out: the limit of locked memory is reached";
        seen.defences.push(Defence { name: "secret pages".into(), active: false, note: limit.into() });
        let checks: Vec<_> = defences(&seen).collect();
        let verdicts: Vec<_> = checks.iter().map(|check| (check.verdict, check.mend.is_some())).collect();
        let expected = [(Verdict::Ok, false), (Verdict::Warning, false), (Verdict::Warning, true)];
        assert_eq!(verdicts, expected);
        assert_eq!(checks[1].found.as_str(), "this kernel has no Landlock");
    }

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
