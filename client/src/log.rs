//! `dt-cred log`: who was served lately, as far as the daemon remembers. Starts nothing, changes nothing.

use dt_cred::moment::Moment;
use dt_cred_proto::message::{Caller, Failure, LogEntry, Operation, Outcome, Response};
use serde_json::{Value, json};

use crate::{
    cli::{Globals, LogArguments},
    columns, daemon,
    deadline::Deadline,
    output, platform,
    settings::Settings,
};

const COLUMNS: usize = 8;

/// What a program calls itself stands last, where it can pass for nothing else.
const HEADER: [&str; COLUMNS] =
    ["TIME", "UID", "PID", "OUTCOME", "PROFILE", "GENERATION", "PROGRAM", "STARTED BY"];

/// Prints the log.
///
/// # Errors
/// Why the daemon that runs does not answer.
pub(crate) fn run(settings: &Settings, globals: &Globals, arguments: &LogArguments) -> Result<(), Failure> {
    let mut entries = ask(settings)?;
    if let (Some(entries), Some(wanted)) = (&mut entries, &globals.profile) {
        entries
            .retain(|entry| matches!(&entry.outcome, Outcome::Served { profile, .. } if profile == wanted));
    }
    let text = if arguments.json {
        for_programs(entries.as_deref())
    } else {
        for_people(entries.as_deref(), platform::east_of_utc)
    };
    Ok(output::write(text)?)
}

/// What the daemon remembers; none where none runs.
fn ask(settings: &Settings) -> Result<Option<Vec<LogEntry>>, Failure> {
    let deadline = Deadline::after(settings.timeout);
    let Some(mut connection) = daemon::awake(settings, deadline)? else { return Ok(None) };
    match daemon::ask_over(&mut connection, Operation::Log, deadline)? {
        Response::Log(entries) => Ok(Some(entries)),
        _ => Err(daemon::unexpected()),
    }
}

fn for_people(entries: Option<&[LogEntry]>, east: fn(i64) -> i32) -> String {
    match entries {
        None => "no daemon is running, and what one remembers ends with it\n".to_owned(),
        Some([]) => "nobody was served\n".to_owned(),
        Some(entries) => {
            let header = HEADER.map(str::to_owned);
            let rows: Vec<_> =
                std::iter::once(header).chain(entries.iter().map(|entry| row(entry, east))).collect();
            columns::align(&rows)
        }
    }
}

fn row(entry: &LogEntry, east: fn(i64) -> i32) -> [String; COLUMNS] {
    let LogEntry { caller: Caller { uid, pid, program, parent }, outcome, .. } = entry;
    // With its distance from UTC: where the zone is not known it is UTC.
    let time =
        time(entry).map(|time| time.by_clock(east(i64::try_from(entry.at_ms / 1000).unwrap_or(i64::MAX))));
    let (profile, generation) = match outcome {
        Outcome::Served { profile, generation } => (Some(profile.to_string()), Some(generation.to_string())),
        Outcome::Refused => (None, None),
    };
    [
        time,
        uid.map(|uid| uid.to_string()),
        pid.map(|pid| pid.to_string()),
        Some(word(outcome).to_owned()),
        profile,
        generation,
        program.as_ref().map(ToString::to_string),
        parent.as_ref().map(ToString::to_string),
    ]
    .map(|cell| cell.filter(|cell| !cell.is_empty()).unwrap_or_else(|| "-".to_owned()))
}

fn for_programs(entries: Option<&[LogEntry]>) -> String {
    let listed: Vec<_> = entries.into_iter().flatten().map(json).collect();
    format!("{}\n", json!({ "schema": 1, "running": entries.is_some(), "entries": listed }))
}

fn json(entry: &LogEntry) -> Value {
    let LogEntry { caller: Caller { uid, pid, program, parent }, outcome, .. } = entry;
    let (profile, generation) = match outcome {
        Outcome::Served { profile, generation } => (Some(profile), Some(generation)),
        Outcome::Refused => (None, None),
    };
    json!({
        "time": time(entry).map(|time| time.to_string()),
        "uid": uid,
        "pid": pid,
        "program": program,
        "started_by": parent,
        "outcome": word(outcome),
        "profile": profile,
        "generation": generation,
    })
}

/// When it was; none beyond the year 9999.
fn time(entry: &LogEntry) -> Option<Moment> {
    Moment::from_milliseconds(entry.at_ms)
}

/// An outcome by its name.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Served { .. } => "served",
        Outcome::Refused => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> [LogEntry; 3] {
        let served = |at_ms, caller, profile: &str| LogEntry {
            at_ms,
            caller,
            outcome: Outcome::Served {
                profile: profile.parse().expect("a name"),
                generation: 1_763_998_200_000,
            },
        };
        let caller = Caller {
            uid: Some(1000),
            pid: Some(4242),
            program: Some("dt-cred".into()),
            parent: Some("deploy.sh".into()),
        };
        let forger = Caller { program: Some("  a  work \u{1b}[2J".into()), parent: None, ..caller.clone() };
        [
            served(1_764_000_000_123, caller.clone(), "default"),
            served(u64::MAX, Caller::default(), "work"),
            LogEntry { at_ms: 1_764_003_600_000, caller: forger, outcome: Outcome::Refused },
        ]
    }

    #[test]
    fn a_person_sees_a_table_in_local_time_with_what_anybody_may_write_last() {
        let expected = "\
TIME                        UID   PID   OUTCOME  PROFILE  GENERATION     PROGRAM       STARTED BY
2025-11-24 17:00:00 +01:00  1000  4242  served   default  1763998200000  dt-cred       deploy.sh
-                           -     -     served   work     1763998200000  -             -
2025-11-24 18:00:00 +01:00  1000  4242  refused  -        -              a  work \u{fffd}[2J  -
";
        assert_eq!(for_people(Some(&entries()), |_| 3600), expected);
        assert_eq!(for_people(Some(&[]), |_| 3600), "nobody was served\n");
        let nobody = "no daemon is running, and what one remembers ends with it\n";
        assert_eq!(for_people(None, |_| 3600), nobody);
    }

    #[test]
    fn a_program_sees_the_same() {
        let value: Value = serde_json::from_str(&for_programs(Some(&entries()))).expect("JSON");
        let expected = json!({
            "schema": 1,
            "running": true,
            "entries": [
                {
                    "time": "2025-11-24T16:00:00.123Z", "uid": 1000, "pid": 4242, "program": "dt-cred",
                    "started_by": "deploy.sh", "outcome": "served", "profile": "default",
                    "generation": 1_763_998_200_000_u64,
                },
                {
                    "time": null, "uid": null, "pid": null, "program": null, "started_by": null,
                    "outcome": "served", "profile": "work", "generation": 1_763_998_200_000_u64,
                },
                {
                    "time": "2025-11-24T17:00:00.000Z", "uid": 1000, "pid": 4242,
                    "program": "a  work \u{fffd}[2J", "started_by": null, "outcome": "refused",
                    "profile": null, "generation": null,
                },
            ],
        });
        assert_eq!(value, expected);
        assert_eq!(for_programs(None), "{\"entries\":[],\"running\":false,\"schema\":1}\n");
    }
}
