//! The state for people: one line for the daemon, a table of profiles, a line for each error.

use std::fmt::Write;

use dt_cred_proto::{
    message::{Failure, FileStatus, ProfileStatus, Status},
    profile::Profile,
};

use super::{
    State,
    json::word,
    look::{self, Look},
};
use crate::{columns, duration::in_words, validity};

/// Cells of the bar that shows how much of a token's life is left.
const BAR: u64 = 10;

const COLUMNS: usize = 8;

/// The columns that a terminal must have room for if there is to be a table.
const NARROW: usize = 6;

/// Where the state and what is left of the token stand, which are coloured.
const STATE: usize = 1;
const LEFT: usize = 2;

const HEADER: [&str; COLUMNS] =
    ["PROFILE", "STATE", "TIME LEFT", "NEXT REFRESH", "SERVED", "FETCHES", "PROXY", "KEPT IN"];

/// That no daemon runs, and what starts the next one, or why nothing does.
pub(super) fn nobody(starts: bool, failure: Option<&Failure>) -> String {
    let next = failure.map(ToString::to_string);
    let next = next.unwrap_or_else(|| {
        if starts { "the next dt-cred get starts one" } else { "run dt-cred start" }.to_owned()
    });
    format!("no daemon is running; {next}\n")
}

/// The state as text, as it looks there.
pub(super) fn render(state: &State, named: Option<&Profile>, look: Look) -> String {
    let State { status, files, defences, secrets, at, other_release } = state;
    let mut text = format!(
        "dt-credd {}, pid {}, up {}, {} requests\n",
        status.release,
        status.pid,
        in_words(status.uptime_ms),
        status.requests
    );
    if let Some(advice) = other_release {
        let _ = writeln!(text, "this dt-cred is {}: {advice}", env!("CARGO_PKG_VERSION"));
    }
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
        text += &named.map_or("no profile: run dt-cred login\n".to_owned(), |name| {
            format!("nothing is stored for profile {name}: run dt-cred login -p {name}\n")
        });
        return text;
    }
    text.push_str(&profiles(status, look));
    for profile in &status.profiles {
        if let Some(error) = &profile.last_error {
            let _ = writeln!(text, "{}: last error: {error}", profile.profile);
        }
    }
    for secret in secrets {
        for warning in validity::warnings(secret, *at) {
            let _ = writeln!(text, "{}: {warning}", secret.profile);
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

/// The profiles as a table; where it has no room, as one without the wide columns, which follow it; else one below the other.
fn profiles(status: &Status, look: Look) -> String {
    let header = HEADER.map(str::to_owned);
    let rows: Vec<_> = status.profiles.iter().map(|profile| row(status, profile, look)).collect();
    let all: Vec<&[String]> = std::iter::once(&header).chain(&rows).map(|row| &row[..]).collect();
    let narrow: Vec<_> = all.iter().map(|row| &row[..NARROW]).collect();
    let table = |rows: &[&[String]]| {
        let paint = |row: usize, column, cell| {
            let profile = row.checked_sub(1).and_then(|row| status.profiles.get(row));
            look.paint(cell, profile.and_then(|profile| colour(column, profile)))
        };
        look.has_room(&columns::align(rows)).then(|| columns::painted(rows, &paint))
    };
    if let Some(table) = table(&all) {
        return table;
    }
    let narrow = table(&narrow);
    let mut text = narrow.clone().unwrap_or_default();
    for (row, profile) in rows.iter().zip(&status.profiles) {
        if narrow.is_some() {
            for (name, cell) in HEADER[NARROW..].iter().zip(&row[NARROW..]) {
                if !matches!(cell.as_str(), "-" | "none") {
                    // A String takes everything, here and below.
                    let _ = writeln!(text, "{}: {} {cell}", profile.profile, name.to_ascii_lowercase());
                }
            }
        } else {
            let _ = writeln!(text, "{}", row[0]);
            let cells = HEADER[1..].iter().zip(&row[1..]);
            let lines: Vec<_> = cells
                .map(|(name, cell)| [format!("  {}", name.to_ascii_lowercase()), cell.clone()])
                .collect();
            let lines: Vec<_> = lines.iter().map(|line| &line[..]).collect();
            text.push_str(&columns::painted(&lines, &|line, column, cell| {
                look.paint(cell, if column == 0 { None } else { colour(line + 1, profile) })
            }));
        }
    }
    text
}

fn colour(column: usize, profile: &ProfileStatus) -> Option<look::Colour> {
    match (column, profile.expires_in_ms) {
        (STATE, _) => look::of_state(profile.state),
        (LEFT, Some(left)) => Some(look::of_rest(left, profile.lifetime_ms.unwrap_or(left))),
        _ => None,
    }
}

fn row(status: &Status, profile: &ProfileStatus, look: Look) -> [String; COLUMNS] {
    let mark = if profile.profile == status.default_profile { " *" } else { "" };
    let left = match (profile.expires_in_ms, look) {
        (Some(left), Look::Terminal { .. }) => {
            format!("{} {}", bar(left, profile.lifetime_ms.unwrap_or(left)), in_words(left))
        }
        (Some(left), Look::Plain) => in_words(left),
        (None, _) => "-".to_owned(),
    };
    let next = profile.next_fetch_in_ms.map_or("-".to_owned(), |next| format!("in {}", in_words(next)));
    let place = match (profile.keyring, &profile.lasts) {
        (Some(keyring), Some(lasts)) => format!("{}, {lasts}", keyring.place()),
        (Some(keyring), None) => keyring.place().to_owned(),
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

    fn terminal(columns: usize) -> Look {
        Look::Terminal { columns, coloured: false }
    }

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
default: its secret ends in 12 d, at 2025-12-06T16:00:00Z: dt-cred integration rotate default --as OWNER puts another one in its place, as does dt-cred login -p default one that is made elsewhere
staging: a rotation of its secret has begun and not ended: dt-cred integration rotate staging --as boss finishes it
default: file /home/u/.datatrails/bearer-token.txt (header): fresh
default: file /home/u/raw (raw): the disk is full
";
        assert_eq!(render(&state(), None, terminal(132)), expected);
    }

    #[test]
    fn a_narrower_terminal_has_the_wide_columns_below_the_table() {
        let expected = "\
PROFILE    STATE    TIME LEFT          NEXT REFRESH  SERVED  FETCHES
default *  valid    ███████░░░ 42 min  in 37 min     12      3
staging    refused  -                  -             0       2
default: kept in the kernel keyring, until the next boot
staging: proxy http://proxy:3128
staging: kept in the kernel keyring, until the next boot
staging: last error: the issuer refused the credentials: log in
";
        let text = render(&state(), None, terminal(80));
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn where_no_table_has_room_the_profiles_stand_one_below_the_other() {
        let expected = "\
default *
  state         valid
  time left     ███████░░░ 42 min
  next refresh  in 37 min
  served        12
  fetches       3
  proxy         none
  kept in       the kernel keyring, until the next boot
staging
  state         refused
";
        let text = render(&state(), None, terminal(40));
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn states_and_bars_are_coloured_where_colours_are_wanted_and_change_no_width() {
        for columns in [132, 80, 40] {
            let coloured = render(&state(), None, Look::Terminal { columns, coloured: true });
            for word in ["\x1b[32mvalid", "\x1b[31mrefused", "\x1b[32m███████░░░"] {
                assert!(coloured.contains(word), "{word:?} is not in {coloured}");
            }
            let codes = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"];
            let plain = codes.iter().fold(coloured, |text, code| text.replace(code, ""));
            let trimmed: Vec<_> = plain.lines().collect();
            assert_eq!(trimmed, render(&state(), None, terminal(columns)).lines().collect::<Vec<_>>());
        }
    }

    #[test]
    fn without_a_terminal_there_is_no_bar_and_one_table() {
        let text = render(&state(), None, Look::Plain);
        assert!(!text.contains(['█', '░', '\x1b']) && text.contains("PROXY"), "{text}");
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
        assert_eq!(nobody(true, None), "no daemon is running; the next dt-cred get starts one\n");
        assert_eq!(nobody(false, None), "no daemon is running; run dt-cred start\n");
        let failure = Failure::new(dt_cred_proto::message::FailureKind::Daemon, "systemd gave up");
        assert_eq!(nobody(true, Some(&failure)), "no daemon is running; systemd gave up\n");
        let mut empty = state();
        empty.status.profiles.clear();
        assert!(render(&empty, None, terminal(80)).ends_with("no profile: run dt-cred login\n"));
        let nope = "nope".parse().expect("a name");
        let told = render(&empty, Some(&nope), terminal(80));
        assert!(told.ends_with("nothing is stored for profile nope: run dt-cred login -p nope\n"), "{told}");
    }
}
