//! The state for people: one line for the daemon, a table of profiles, a line for each error.

use std::fmt::Write;

use dt_cred_proto::message::{FileStatus, ProfileStatus, Status};

use super::{State, json::word};
use crate::{columns, duration::in_words, kept};

/// Cells of the bar that shows how much of a token's life is left.
const BAR: u64 = 10;

const COLUMNS: usize = 8;

const HEADER: [&str; COLUMNS] =
    ["PROFILE", "STATE", "TIME LEFT", "NEXT REFRESH", "SERVED", "FETCHES", "PROXY", "KEPT IN"];

/// That no daemon runs.
pub(super) fn nobody() -> String {
    "no daemon is running; the next dt-cred get starts one\n".to_owned()
}

/// The state as text; the bar is for a terminal.
pub(super) fn render(state: &State, terminal: bool) -> String {
    let State { status, files, defences } = state;
    let mut text = format!(
        "dt-credd {}, pid {}, up {}, {} requests\n",
        status.release,
        status.pid,
        in_words(status.uptime_ms),
        status.requests
    );
    let (active, others): (Vec<_>, Vec<_>) = defences.iter().partition(|defence| defence.active);
    let line = |what: &str, defences: Vec<String>| {
        if defences.is_empty() { String::new() } else { format!("{what}: {}\n", defences.join(", ")) }
    };
    text += &line("defended", active.iter().map(|active| active.name.to_string()).collect());
    text += &line(
        "not defended",
        others.iter().map(|other| format!("{} ({})", other.name, other.note)).collect(),
    );
    if status.profiles.is_empty() {
        text.push_str("no profile: run dt-cred login\n");
        return text;
    }
    let rows = status.profiles.iter().map(|profile| row(status, profile, terminal));
    let header = HEADER.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
    text.push_str(&columns::align(&rows));
    for profile in &status.profiles {
        if let Some(error) = &profile.last_error {
            // A String takes everything, here and below.
            let _ = writeln!(text, "{}: last error: {error}", profile.profile);
        }
    }
    for file in files {
        let FileStatus { profile, path, format, generation, error } = file;
        let state = match (error, generation) {
            (Some(error), _) => error.to_string(),
            (None, Some(_)) => "fresh".to_owned(),
            (None, None) => "not there: no token is held".to_owned(),
        };
        let _ = writeln!(text, "{profile}: file {path} ({format}): {state}");
    }
    text
}

fn row(status: &Status, profile: &ProfileStatus, terminal: bool) -> [String; COLUMNS] {
    let mark = if profile.profile == status.default_profile { " *" } else { "" };
    let left = match profile.expires_in_ms {
        Some(left) if terminal => {
            format!("{} {}", bar(left, profile.lifetime_ms.unwrap_or(left)), in_words(left))
        }
        Some(left) => in_words(left),
        None => "-".to_owned(),
    };
    let next = profile.next_fetch_in_ms.map_or("-".to_owned(), |next| format!("in {}", in_words(next)));
    let place = match (profile.keyring, &profile.lasts) {
        (Some(keyring), Some(lasts)) => format!("{}, {lasts}", kept::place(keyring)),
        (Some(keyring), None) => kept::place(keyring).to_owned(),
        (None, _) => "-".to_owned(),
    };
    [
        format!("{}{mark}", profile.profile),
        word(profile.state).to_owned(),
        left,
        next,
        profile.served.to_string(),
        profile.fetches.to_string(),
        profile.proxy.as_ref().map_or("none".to_owned(), ToString::to_string),
        place,
    ]
}

/// How much is left of a whole, drawn.
fn bar(left: u64, whole: u64) -> String {
    let full = (u128::from(left) * u128::from(BAR)).div_ceil(u128::from(whole.max(1))).min(u128::from(BAR));
    (0..u128::from(BAR)).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::tests::state, *};

    #[test]
    fn a_person_sees_a_table_and_the_errors_below_it() {
        let expected = "\
dt-credd 0.1.0, pid 4242, up 3 h 12 min, 57 requests
defended: memory
not defended: files (this kernel has no Landlock)
PROFILE    STATE    TIME LEFT          NEXT REFRESH  SERVED  FETCHES  PROXY              KEPT IN
default *  valid    ███████░░░ 42 min  in 37 min     12      3        none               the kernel keyring, until the next boot
staging    refused  -                  -             0       2        http://proxy:3128  the kernel keyring, until the next boot
staging: last error: the issuer refused the credentials: log in
default: file /home/u/.datatrails/bearer-token.txt (header): fresh
default: file /home/u/raw (raw): the disk is full
";
        assert_eq!(render(&state(), true), expected);
    }

    #[test]
    fn without_a_terminal_there_is_no_bar() {
        assert!(!render(&state(), false).contains(['█', '░']));
    }

    #[test]
    fn the_bar_is_empty_only_when_nothing_is_left() {
        for (left, whole, full) in
            [(0, 10, 0), (1, 1000, 1), (500, 1000, 5), (1000, 1000, 10), (9, 3, 10), (0, 0, 0)]
        {
            assert_eq!(bar(left, whole).matches('█').count(), full, "{left} of {whole}");
        }
    }

    #[test]
    fn no_daemon_and_no_profile_are_told_with_what_to_do() {
        assert_eq!(nobody(), "no daemon is running; the next dt-cred get starts one\n");
        let mut empty = state();
        empty.status.profiles.clear();
        assert!(render(&empty, true).ends_with("no profile: run dt-cred login\n"));
    }
}
