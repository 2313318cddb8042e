//! `docs/errors.md`: every message of the programs as a list, read from their sources, so that it cannot go stale.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use source::{Message, Room};

use crate::snapshot;

mod source;

const PROGRAMS: [(&str, &str); 3] =
    [("client", "The client, `dt-cred`"), ("daemon", "The daemon, `dt-credd`"), ("proto", "What both share")];

const HEAD: &str = "\
# What can go wrong, and what is said then

Every message of the programs with its placeholders, by the room that says it: one place to read them all. A message says in one
line what failed, why, and what to do next; a part stands in the message of another room, which then says the rest. The exit code stands
before it where the sources tell it: 1 try later, 2 usage, 3 no daemon, 4 credentials refused, 5 nothing stored, 6 keyring,
7 configuration, 8 anything else. Under \"also\" stand the other sentences of a room: parts of its messages, and what it answers.

This page is written from the sources by `DT_CRED_SNAPSHOTS=write cargo test -p dt-cred-tests --test cli catalogue`; a test sees that it
is current. What is wrong in it is mended in the room.
";

/// The sources below a folder, in the order of their names.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Every room of a program that says something.
fn rooms(program: &str) -> Vec<(String, Room)> {
    let root = root();
    let files: Vec<_> = sources(&root.join(program).join("src"))
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source");
            let name = path.strip_prefix(&root).expect("it lies below").display().to_string();
            (name, syn::parse_file(&text).expect("Rust"))
        })
        .collect();
    let kinds = source::kinds(files.iter().map(|(_, file)| file));
    files
        .into_iter()
        .map(|(name, file)| (name, source::room(&file, &kinds)))
        .filter(|(_, room)| !room.messages.is_empty() || !room.others.is_empty())
        .collect()
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (program, title) in PROGRAMS {
        let _ = write!(page, "\n## {title}\n");
        for (name, room) in rooms(program) {
            let _ = write!(page, "\n### `{name}`\n\n");
            for Message { exit, text } in &room.messages {
                let exit = exit.map_or_else(|| "·".to_owned(), |exit| exit.to_string());
                let _ = writeln!(page, "- **{exit}** {}", shown(text));
            }
            if !room.others.is_empty() {
                let _ = writeln!(page, "- also:");
            }
            for text in &room.others {
                let _ = writeln!(page, "  - {}", shown(text));
            }
        }
    }
    page
}

/// As code, which keeps what Markdown would take for its own.
fn shown(text: &str) -> String {
    let text = text.replace('\n', "⏎").replace('\t', "⇥");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

#[test]
fn the_page_of_every_message_is_current() {
    snapshot::same("../../docs/errors.md", &page());
}

#[test]
fn every_message_of_exit_6_in_the_sources_names_unlock() {
    let messages = PROGRAMS.iter().flat_map(|(program, _)| rooms(program));
    let six: Vec<_> = messages
        .flat_map(|(name, room)| room.messages.into_iter().map(move |message| (name.clone(), message)))
        .filter(|(_, message)| message.exit == Some(6))
        .collect();
    assert!(six.len() > 20, "they are found");
    for (name, Message { text, .. }) in six {
        // What holds the message of another room is looked at there, as is one that is nothing but that.
        let holds_another = ["{error}", "{AGAIN}", "{}", "{0}"].iter().any(|other| text.contains(other));
        // It stands in "what the keyring_command prints is not the lines that store reads ({error}): …".
        let is_part = text == "keyring and no_check may not stand there";
        assert!(is_part || holds_another || text.contains("dt-cred unlock"), "{name}: {text}");
    }
}

#[test]
fn every_message_is_one_line() {
    for (program, _) in PROGRAMS {
        for (name, room) in rooms(program) {
            for Message { text, .. } in room.messages {
                assert!(!text.contains(['\n', '\r', '\t']), "{name}: {text:?}");
            }
        }
    }
}
