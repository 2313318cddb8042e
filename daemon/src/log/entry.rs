//! An event as an entry of systemd's journal: a line for people, and each of its fields by name.

use std::{
    fmt::{Debug, Write},
    io,
};

use dt_cred_proto::text::Text;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::platform::Journal;

/// What the program is called in the journal.
const IDENTIFIER: &str = "dt-credd";

/// Writes every event to the journal; to standard error, which is the journal's too, what it does not take.
pub(super) struct Entries(pub(super) Journal);

impl<S: Subscriber> Layer<S> for Entries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let priority = priority(*event.metadata().level());
        if self.0.write(entry.fields(priority).as_bytes()).is_err() {
            // Where that takes nothing either there is nobody to tell.
            let _ =
                io::Write::write_all(&mut io::stderr(), format!("<{priority}>{}\n", entry.line()).as_bytes());
        }
    }
}

/// As syslog(3) counts.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// What an event says. Every value is one line without control characters, whoever wrote it: else it could end its field
/// and begin one of its own.
#[derive(Default)]
struct Entry {
    message: String,
    /// As they stand in the line: text in quotes.
    quoted: String,
    fields: String,
}

impl Entry {
    fn line(&self) -> String {
        format!("{}{}", self.message, self.quoted)
    }

    fn fields(&self, priority: u8) -> String {
        let (line, fields) = (self.line(), &self.fields);
        format!("MESSAGE={line}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n{fields}")
    }

    fn add(&mut self, field: &Field, value: &str, quoted: &str) {
        let (value, quoted) = (Text::new(value), Text::new(quoted));
        if field.name() == "message" {
            self.message = value.as_str().to_owned();
            return;
        }
        // Never fails: it is memory that is written to.
        let _ = write!(self.quoted, " {}={quoted}", field.name());
        let _ = writeln!(self.fields, "DT_CRED_{}={value}", variable(field.name()));
    }
}

/// A name as the journal takes it: of capital letters, digits and underscores.
fn variable(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value, &format!("{value:?}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        self.add(field, &value, &value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::{layer::SubscriberExt, registry};

    use super::*;

    /// Keeps what would be written.
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut entry = Entry::default();
            event.record(&mut entry);
            self.0.lock().unwrap().push(entry.fields(priority(*event.metadata().level())));
        }
    }

    fn told(tell: impl FnOnce()) -> Vec<String> {
        let kept = Arc::default();
        tracing::subscriber::with_default(registry().with(Kept(Arc::clone(&kept))), tell);
        std::mem::take(&mut kept.lock().unwrap())
    }

    #[test]
    fn an_event_is_a_line_for_people_and_each_field_by_its_name() {
        let entries = told(|| {
            tracing::info!(uid = 1000_u32, pid = None::<u32>, comm = "sh", profile = %"one", "served");
            tracing::warn!(path = ?std::path::Path::new("/a b"), "no file");
        });
        assert_eq!(
            entries,
            [
                "MESSAGE=served uid=1000 comm=\"sh\" profile=one\nPRIORITY=6\nSYSLOG_IDENTIFIER=dt-credd\n\
                 DT_CRED_UID=1000\nDT_CRED_COMM=sh\nDT_CRED_PROFILE=one\n",
                "MESSAGE=no file path=\"/a b\"\nPRIORITY=4\nSYSLOG_IDENTIFIER=dt-credd\nDT_CRED_PATH=\"/a b\"\n",
            ]
        );
    }

    #[test]
    fn no_value_ends_its_field_or_holds_a_control_character_whoever_wrote_it() {
        let hostile = "a\nDT_CRED_UID=0\r\u{1b}[2J\u{202e}\0";
        let entries = told(|| tracing::error!(comm = hostile, error = %hostile, ?hostile, "{hostile}"));
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        let names: Vec<_> = entry.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let expected =
            ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "DT_CRED_COMM", "DT_CRED_ERROR", "DT_CRED_HOSTILE"];
        assert_eq!(names, expected, "{entry:?}");
        assert!(entry.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{entry:?}");
        assert!(entry.len() < 20_000);
    }

    #[test]
    fn a_name_is_one_that_the_journal_takes() {
        assert_eq!(variable("expires_at.ms-2"), "EXPIRES_AT_MS_2");
    }
}
