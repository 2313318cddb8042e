//! The search of a transcript.

use std::{collections::BTreeSet, fmt, fs, io, path::Path, path::PathBuf};

use super::{Record, SAID, SECRETS, TOKENS};
use crate::search::{Search, is_distinct};

/// Less than this is no transcript of all tests, and what is not in it is no proof.
#[derive(Clone, Copy, Debug)]
pub struct Least {
    /// Programs of ours that said something.
    pub records: usize,
    /// Lines of daemons' logs that are below the usual level: they log all that they can.
    pub details: usize,
    /// Secrets and tokens that are looked for.
    pub secrets: usize,
}

/// Why a transcript proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// It cannot be read.
    #[error("cannot read {path:?}: {source}")]
    Unreadable {
        /// A file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else lies there.
    #[error("{0:?} is not of a transcript")]
    Foreign(PathBuf),
    /// Too little of something.
    #[error("it is too small for all tests: {count} {what}, and {least} at least would be there")]
    Small {
        /// What there is too little of.
        what: &'static str,
        /// So many there are.
        count: usize,
        /// So many there must be.
        least: usize,
    },
    /// The search does not find what is there.
    #[error("what was planted is not found: {0}")]
    Blind(&'static str),
}

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// Where something was said that must not be: the file, the form, the record.
    pub finds: Vec<(PathBuf, &'static str, Record)>,
    /// Secrets that are too short or too plain to be told from other text, and were not looked for.
    pub skipped: BTreeSet<String>,
    counted: Least,
    bytes: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { skipped, counted: Least { records, details, secrets }, bytes, .. } = self;
        writeln!(
            f,
            "{bytes} bytes of {records} records, {details} lines below the usual level, {secrets} secrets"
        )?;
        let plain: Vec<String> = skipped.iter().map(|secret| secret.chars().take(20).collect()).collect();
        write!(f, "{} more are too short or too plain to be told from other text: {plain:?}", plain.len())
    }
}

/// Searches the transcript in `folder`, and tries whether a find would be made.
///
/// # Errors
/// [`TranscriptError`] where it proves nothing, whatever is found.
pub fn search(folder: &Path, least: Least) -> Result<Found, TranscriptError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| TranscriptError::Unreadable { path, source }
    };
    let (mut records, mut secrets, mut tokens) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let foreign = || TranscriptError::Foreign(path.clone());
        let bytes = fs::read(&path).map_err(unreadable(&path))?;
        match path.extension().and_then(|ending| ending.to_str()) {
            Some(SAID) => records.push((path.clone(), Record::from_bytes(&bytes).ok_or_else(foreign)?)),
            Some(kind @ (SECRETS | TOKENS)) => {
                let known = if kind == SECRETS { &mut secrets } else { &mut tokens };
                for line in String::from_utf8_lossy(&bytes).lines() {
                    known.insert(serde_json::from_str::<String>(line).map_err(|_| foreign())?);
                }
            }
            _ => return Err(foreign()),
        }
    }
    records.sort_by(|(one, _), (other, _)| one.cmp(other));
    let distinct = |known: BTreeSet<String>| known.into_iter().partition(|known| is_distinct(known));
    let (secrets, mut skipped): (BTreeSet<_>, BTreeSet<_>) = distinct(secrets);
    let (tokens, plain): (BTreeSet<_>, BTreeSet<_>) = distinct(tokens);
    skipped.extend(plain);
    let counted = Least {
        records: records.iter().filter(|(_, record)| record.is_ours()).count(),
        details: records.iter().map(|(_, record)| details(&record.said)).sum(),
        secrets: secrets.len() + tokens.len(),
    };
    for (what, count, least) in [
        ("records", counted.records, least.records),
        ("lines below the usual level", counted.details, least.details),
        ("secrets", counted.secrets, least.secrets),
    ] {
        if count < least {
            return Err(TranscriptError::Small { what, count, least });
        }
    }
    let (search, search_for_secrets) = (Search::of(secrets.iter().chain(&tokens)), Search::of(&secrets));
    if let Some(form) = secrets.iter().chain(&tokens).find_map(|known| search.misses(known)) {
        return Err(TranscriptError::Blind(form));
    }
    let bytes = records.iter().map(|(_, record)| record.said.len()).sum();
    let found = |(path, record): (PathBuf, Record)| {
        // The words of the command are the test's; what a program makes of them is its own.
        let form = match (record.may_hold_a_token(), record.is_ours()) {
            (false, _) => search.find(&record.said),
            (true, true) => search_for_secrets.find(&record.said),
            // A shell's, whose script may print what it likes.
            (true, false) => None,
        };
        form.map(|form| (path, form, record))
    };
    Ok(Found { finds: records.into_iter().filter_map(found).collect(), skipped, counted, bytes })
}

fn details(said: &[u8]) -> usize {
    let is_detail = |line: &&[u8]| line.windows(7).any(|word| word == b" TRACE " || word == b" DEBUG ");
    said.split(|byte| *byte == b'\n').filter(is_detail).count()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::Channel, Least, Record, TranscriptError, search};
    use crate::search::forms;

    const SECRET: &str = "a secret & the \"only\" one: €";
    const ONE: Least = Least { records: 1, details: 1, secrets: 1 };

    /// A transcript of one program that said this.
    fn of(command: &str, channel: Channel, said: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = [SECRET, "short"].map(|secret| serde_json::to_string(secret).expect("text") + "\n");
        fs::write(folder.path().join("1.secrets"), secrets.concat()).expect("written");
        let command = command.split(' ').map(str::to_owned).collect();
        let said = format!("a TRACE of it\n{said}\n").into_bytes();
        let record = Record { command, channel, code: Some(0), said };
        fs::write(folder.path().join("1-0.said"), record.to_bytes()).expect("written");
        folder
    }

    #[test]
    fn a_secret_in_any_form_is_found_in_what_a_program_says() {
        for (form, text) in forms(SECRET) {
            for (command, channel) in [
                ("dt-cred get", Channel::Stderr),
                ("dt-cred status", Channel::Stdout),
                ("dt-cred get", Channel::Stdout),
                ("dt-credd", Channel::Log),
                ("dt-cred login", Channel::Screen),
            ] {
                let found =
                    search(of(command, channel, &format!("it: {text}!")).path(), ONE).expect("a search");
                assert_eq!(found.finds.len(), 1, "{form}: {text}");
                assert_eq!(found.skipped.iter().collect::<Vec<_>>(), ["short"]);
            }
        }
        let innocent = search(of("dt-credd", Channel::Log, "it: a secret").path(), ONE).expect("a search");
        assert!(innocent.finds.is_empty());
    }

    #[test]
    fn a_token_where_it_may_stand_is_no_find() {
        const TOKEN: &str = "eyJ-a-token-of-its-own.0123456789";
        for (command, finds) in [("dt-cred get", 0), ("dt-cred status", 1)] {
            let folder = of(command, Channel::Stdout, TOKEN);
            fs::write(folder.path().join("1.tokens"), format!("\"{TOKEN}\"\n")).expect("written");
            assert_eq!(search(folder.path(), ONE).expect("a search").finds.len(), finds, "{command}");
        }
    }

    #[test]
    fn a_transcript_that_is_too_small_proves_nothing() {
        let folder = of("dt-credd", Channel::Log, "");
        for least in [Least { records: 2, ..ONE }, Least { details: 2, ..ONE }, Least { secrets: 2, ..ONE }] {
            assert!(matches!(search(folder.path(), least), Err(TranscriptError::Small { .. })), "{least:?}");
        }
        assert!(matches!(search(&folder.path().join("none"), ONE), Err(TranscriptError::Unreadable { .. })));
        fs::write(folder.path().join("stray"), "").expect("written");
        assert!(matches!(search(folder.path(), ONE), Err(TranscriptError::Foreign(_))));
    }
}
