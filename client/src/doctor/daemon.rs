//! The daemon that listens now, and what it tells of itself.

use dt_cred_proto::message::{
    Defence, Examine, Examined, Failure, KeyringStatus, Operation, Response, Starter, Status, Verdict,
};

use super::Check;
use crate::{daemon, deadline::Deadline, duration::in_words, settings::Settings, status::State};

const NAME: &str = "daemon";

/// What the daemon tells.
pub(super) struct Seen {
    pub(super) state: State,
    pub(super) keyrings: Vec<KeyringStatus>,
    pub(super) examined: Examined,
}

/// Asks the daemon that listens, or starts one where that is allowed; there is nothing seen where none answers.
pub(super) fn look(settings: &Settings) -> (Check, Option<Seen>) {
    match see(settings) {
        Ok(seen) => (judged(&seen.state, seen.examined.starter), Some(seen)),
        Err(failure) => (Check::told(NAME, Verdict::Fails, failure.message), None),
    }
}

fn see(settings: &Settings) -> Result<Seen, Failure> {
    let deadline = || Deadline::after(settings.timeout);
    let mut connection = daemon::reach(settings, deadline())?;
    let examine = Operation::Examine(Examine { profile: settings.profile.clone() });
    let Response::Examined(examined) = daemon::ask_over(&mut connection, examine, deadline())? else {
        return Err(daemon::unexpected());
    };
    let Response::Keyrings(keyrings) = daemon::ask_over(&mut connection, Operation::Keyrings, deadline())?
    else {
        return Err(daemon::unexpected());
    };
    // Last, so that it tells what became of the token that was asked for.
    Ok(Seen { state: State::of(settings, &mut connection, deadline())?, keyrings, examined })
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

/// Whose it is was seen when it was connected to.
fn judged(State { status, other_release, .. }: &State, starter: Starter) -> Check {
    let Status { release, pid, .. } = &**status;
    let uptime = in_words(status.uptime_ms);
    let starter = match starter {
        Starter::Client => "a dt-cred",
        Starter::ServiceManager => "the service manager",
        Starter::Person => "hand",
    };
    let found = format!(
        "dt-credd {release}, pid {pid}, up {uptime}, started by {starter}, listened for by you or by the system"
    );
    match other_release {
        None => Check::ok(NAME, found),
        Some(advice) => {
            let found = format!("{found}; this dt-cred is {}", env!("CARGO_PKG_VERSION"));
            Check::warning(NAME, found, advice.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::state;

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
        let mut state = state();
        assert_eq!(judged(&state, Starter::Client).verdict, Verdict::Ok);
        state.other_release = Some("run dt-cred stop".to_owned());
        let check = judged(&state, Starter::ServiceManager);
        assert!(check.found.as_str().contains("started by the service manager"));
        assert_eq!(check.verdict, Verdict::Warning);
        assert!(check.mend.is_some_and(|mend| mend.as_str().contains("dt-cred stop")));
    }
}
