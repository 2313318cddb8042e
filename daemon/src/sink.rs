//! A file with one token in it, for tools that can only read one: written whole or not at all, and never over anything
//! that is not such a file of the user's own. Only what this daemon wrote is ever removed.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use dt_cred_proto::{message::FileFormat, secret::Secret};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    config::TokenFile,
    grant::{TOKEN_LIMIT, is_b64token},
    platform::{self, Lock, TrustError},
    state::{State, StateError},
};

/// What stands before the token in a header's line.
const HEADER: &str = "Authorization: Bearer ";

/// Longest line, in bytes, with its end.
const LIMIT: usize = HEADER.len() + TOKEN_LIMIT + 2;

/// A file that is kept fresh.
pub struct Sink {
    path: PathBuf,
    format: FileFormat,
    /// In a folder that only this daemon writes to: nothing is noted for the next one, which clears it.
    lent: bool,
    /// Against another daemon with the same configuration.
    lock: Option<Lock>,
    /// The digest of what this daemon wrote last, also where the state file cannot be read any more.
    written: Option<String>,
}

/// Why a file is not kept fresh.
#[derive(Debug, Error)]
pub enum SinkError {
    /// Its folder is not the user's alone.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// Something else lies there, and stays as it is.
    #[error(
        "{0:?} is no file with one token in it, and is left as it is: move it away, or name another path"
    )]
    Foreign(PathBuf),
    /// Another daemon of this user writes it.
    #[error("another dt-credd keeps {0:?}: end it, or name the file in one configuration only")]
    Shared(PathBuf),
    /// The daemon gave up what it did not need when it started, and the folder was not there then.
    #[error(
        "the daemon may not write in {0:?}: if that was made since the daemon started, dt-cred stop, then again; else \
         see to the folder's owner and mode"
    )]
    Refused(PathBuf),
    /// What is written cannot be noted.
    #[error(transparent)]
    State(#[from] StateError),
    /// The system refuses.
    #[error("cannot {doing} {path:?}: {source}; see to the folder's owner and to the space on the disk")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What lies at a path.
enum There {
    Nothing,
    Line(Zeroizing<Vec<u8>>),
    Foreign,
}

impl Sink {
    /// The file as it is configured; nothing is touched yet.
    pub fn new(file: &TokenFile) -> Self {
        Self { path: file.path.clone(), format: file.format, lent: false, lock: None, written: None }
    }

    /// A file that is lent; nothing is touched yet.
    pub fn lent(file: &TokenFile) -> Self {
        Self { lent: true, ..Self::new(file) }
    }

    /// Whether it is.
    pub fn is_lent(&self) -> bool {
        self.lent
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `token` in the file, mode 0600, in a folder of mode 0700, which is made where it is missing. Whoever reads
    /// sees the old line or the new one.
    ///
    /// # Errors
    /// [`SinkError`]; what lay there is as it was.
    pub fn write(&mut self, state: &State, token: &Secret) -> Result<(), SinkError> {
        self.take(state)?;
        self.see_to_folder()?;
        let line = self.line(token);
        match look(&self.path)? {
            There::Foreign => return Err(SinkError::Foreign(self.path.clone())),
            There::Line(kept) if *kept == *line => return Ok(()),
            There::Line(kept) if !is_replaceable(&kept) && !self.wrote(state, &kept) => {
                return Err(SinkError::Foreign(self.path.clone()));
            }
            There::Nothing | There::Line(_) => {}
        }
        self.remove_left_over()?;
        if !self.lent {
            // Before it is there: whatever happens then, it is known to be ours.
            state.note_written(&self.path, &digest(&line))?;
        }
        let new = self.new_path();
        let mut file = platform::create_private(&new).map_err(io("create", &new))?;
        let written = file.write_all(&line).and_then(|()| file.sync_all()).map_err(io("write", &new));
        drop(file);
        let replaced =
            written.and_then(|()| platform::replace(&new, &self.path).map_err(io("replace", &self.path)));
        if replaced.is_ok() {
            self.written = Some(digest(&line));
        } else {
            // A part of a token on a full disk is of no use to anybody.
            let _ = fs::remove_file(&new);
        }
        replaced
    }

    /// Removes the file where this daemon, or one before it, wrote what is in it, and what was left by one that was
    /// killed while it wrote. Anything else stays.
    ///
    /// # Errors
    /// [`SinkError`]; what could not be removed is as it was.
    pub fn remove(&mut self, state: &State) -> Result<(), SinkError> {
        self.take(state)?;
        match fs::symlink_metadata(self.folder()) {
            Err(error) if missing(&error) => return Ok(()),
            _ => self.see_to_folder()?,
        }
        if let There::Line(kept) = look(&self.path)?
            && self.wrote(state, &kept)
        {
            fs::remove_file(&self.path).map_err(io("remove", &self.path))?;
        }
        self.remove_left_over()
    }

    /// Whether this daemon, or one before it, wrote this line.
    fn wrote(&self, state: &State, line: &[u8]) -> bool {
        let digest = digest(line);
        self.written.as_ref() == Some(&digest) || !self.lent && state.wrote(&self.path, &digest)
    }

    /// Becomes the one who writes the file.
    fn take(&mut self, state: &State) -> Result<(), SinkError> {
        if self.lock.is_none() && !self.lent {
            let name = &digest(platform::folded(&self.path).as_os_str().as_encoded_bytes())[..16];
            let path = state.folder().join(format!("file-{name}.lock"));
            let lock = Lock::take(&path).map_err(io("lock", &path))?;
            self.lock = Some(lock.ok_or_else(|| SinkError::Shared(self.path.clone()))?);
        }
        Ok(())
    }

    /// What lies where only this daemon's lock lets anybody write, if it is a file of ours.
    fn remove_left_over(&self) -> Result<(), SinkError> {
        let new = self.new_path();
        let ours = match platform::open_regular(&new) {
            Ok(file) => file.is_some_and(|file| platform::is_own_file(&file)),
            Err(error) if missing(&error) => return Ok(()),
            Err(error) => return Err(io("look at", &new)(error)),
        };
        if !ours {
            return Err(SinkError::Foreign(new));
        }
        fs::remove_file(&new).map_err(io("remove", &new))
    }

    fn line(&self, token: &Secret) -> Zeroizing<Vec<u8>> {
        // As large as it becomes: a buffer that grows leaves copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(HEADER.len() + token.expose().len() + 1));
        if self.format == FileFormat::Header {
            line.extend_from_slice(HEADER.as_bytes());
        }
        line.extend_from_slice(token.expose().as_bytes());
        line.push(b'\n');
        line
    }

    fn see_to_folder(&self) -> Result<(), SinkError> {
        platform::private_folder(self.folder(), false).map_err(|error| match error {
            TrustError::Io { source, .. } if is_refused(&source) => {
                SinkError::Refused(self.folder().to_owned())
            }
            other => other.into(),
        })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Where a new file is written before it takes the old one's place: a name that is nobody else's.
    fn new_path(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".dt-cred-new");
        self.path.with_file_name(name)
    }
}

fn look(path: &Path) -> Result<There, SinkError> {
    let io = io("read", path);
    let file = match platform::open_regular(path) {
        Ok(Some(file)) if platform::is_own_file(&file) => file,
        Ok(_) => return Ok(There::Foreign),
        Err(error) if missing(&error) => return Ok(There::Nothing),
        Err(error) => return Err(io(error)),
    };
    let mut kept = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
    file.take(LIMIT as u64 + 1).read_to_end(&mut kept).map_err(io)?;
    Ok(if token_of(&kept).is_some() { There::Line(kept) } else { There::Foreign })
}

fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> SinkError + use<> {
    let path = path.to_owned();
    move |source| match path.parent() {
        Some(folder) if is_refused(&source) => SinkError::Refused(folder.to_owned()),
        _ => SinkError::Io { doing, path: path.clone(), source },
    }
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

fn missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a line is known by, without holding a token.
fn digest(line: &[u8]) -> String {
    Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The token of what is one line with one token, in either format and as the guides write it, and whether it is said to
/// be one.
fn token_of(bytes: &[u8]) -> Option<(&str, bool)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let token = line.strip_prefix(HEADER);
    let (token, is_header) = (token.unwrap_or(line), token.is_some());
    (token.len() <= TOKEN_LIMIT && is_b64token(token)).then_some((token, is_header))
}

/// Whether a line that this daemon did not write is a token all the same, as the by-hand way leaves one: a header, or a
/// JWT. Another single word may be anything: a password, a version.
fn is_replaceable(line: &[u8]) -> bool {
    token_of(line).is_some_and(|(token, is_header)| {
        is_header || (token.starts_with("ey") && token.split('.').count() == 3)
    })
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, TOKEN_LIMIT, is_replaceable, token_of};

    #[test]
    fn a_line_is_a_token_only_if_nothing_else_is_in_it() {
        let longest = "x".repeat(TOKEN_LIMIT);
        for line in [
            "Authorization: Bearer aa.bb-cc_dd==\n",
            "Authorization: Bearer aa.bb.cc",
            "aa.bb.cc\n",
            "aa.bb.cc\r\n",
            &longest,
            &format!("Authorization: Bearer {longest}\r\n"),
        ] {
            assert!(line.len() <= LIMIT && token_of(line.as_bytes()).is_some(), "{line:.40}");
        }
        for other in [
            "",
            "\n",
            "aa\nbb\n",
            "aa bb\n",
            "aa\n\n",
            "Authorization: Bearer \n",
            "Authorization: Basic aa\n",
            "authorization: bearer aa bb",
            "Authorization: Bearer Authorization: Bearer aa\n",
            "key = \"value\"\n",
            &format!("{longest}x"),
            "gr\u{fc}n",
        ] {
            assert!(token_of(other.as_bytes()).is_none(), "{other:.40}");
        }
        assert!(token_of(b"aa\xff").is_none());
    }

    #[test]
    fn a_word_that_nobody_says_is_a_token_is_not_replaced() {
        for line in ["Authorization: Bearer opaque\n", "eyJhbGciOi.eyJpc3Mi.c2ln\n"] {
            assert!(is_replaceable(line.as_bytes()), "{line}");
        }
        for word in ["hunter2\n", "3.11.7\n", "hvs.CAESI\n", "eyes\n", "a.b.c\n"] {
            assert!(!is_replaceable(word.as_bytes()), "{word}");
        }
    }
}
