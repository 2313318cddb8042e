//! A file with one token in it, for tools that can only read one: written whole or not at all, and never over anything
//! that is not such a file of the user's own.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use dt_cred_proto::{message::FileFormat, secret::Secret};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    config::TokenFile,
    grant::{TOKEN_LIMIT, is_b64token},
    platform::{self, TrustError},
};

/// What stands before the token in a header's line.
const HEADER: &str = "Authorization: Bearer ";

/// Longest line, in bytes, with its end.
const LIMIT: usize = HEADER.len() + TOKEN_LIMIT + 1;

/// A file that is kept fresh.
pub struct Sink {
    path: PathBuf,
    format: FileFormat,
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
    /// The system refuses.
    #[error("cannot {doing} {path:?}: {source}")]
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
    Token(Zeroizing<Vec<u8>>),
    Foreign,
}

impl Sink {
    /// The file as it is configured; nothing is touched yet.
    pub fn new(file: &TokenFile) -> Self {
        Self { path: file.path.clone(), format: file.format }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands in it.
    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// Puts `token` in the file, mode 0600, in a folder of mode 0700, which is made where it is missing. Whoever reads
    /// sees the old line or the new one.
    ///
    /// # Errors
    /// [`SinkError`]; what lay there is as it was.
    pub fn write(&self, token: &Secret) -> Result<(), SinkError> {
        platform::private_folder(self.folder(), false)?;
        let line = self.line(token);
        match self.look()? {
            There::Foreign => return Err(SinkError::Foreign(self.path.clone())),
            There::Token(kept) if *kept == *line => return Ok(()),
            There::Nothing | There::Token(_) => {}
        }
        let new = self.new_path();
        self.remove_left_over()?;
        let mut file = platform::create_private(&new).map_err(io("create", &new))?;
        let written = file.write_all(&line).and_then(|()| file.sync_all()).map_err(io("write", &new));
        let replaced =
            written.and_then(|()| std::fs::rename(&new, &self.path).map_err(io("replace", &self.path)));
        if replaced.is_err() {
            // A part of a token on a full disk is of no use to anybody.
            let _ = std::fs::remove_file(&new);
        }
        replaced
    }

    /// Removes the file, and what a daemon left that was killed while it wrote.
    ///
    /// # Errors
    /// [`SinkError`]; what is no file with one token in it is left as it is.
    pub fn remove(&self) -> Result<(), SinkError> {
        match self.look()? {
            There::Nothing => {}
            There::Token(_) => std::fs::remove_file(&self.path).map_err(io("remove", &self.path))?,
            There::Foreign => return Err(SinkError::Foreign(self.path.clone())),
        }
        self.remove_left_over()
    }

    fn look(&self) -> Result<There, SinkError> {
        let io = io("read", &self.path);
        let file = match platform::open_regular(&self.path) {
            Ok(Some(file)) if platform::is_own_file(&file) => file,
            Ok(_) => return Ok(There::Foreign),
            Err(error) if missing(&error) => return Ok(There::Nothing),
            Err(error) => return Err(io(error)),
        };
        let mut kept = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
        file.take(LIMIT as u64 + 1).read_to_end(&mut kept).map_err(io)?;
        Ok(if is_token_line(&kept) { There::Token(kept) } else { There::Foreign })
    }

    fn remove_left_over(&self) -> Result<(), SinkError> {
        let new = self.new_path();
        match std::fs::remove_file(&new) {
            Err(error) if !missing(&error) => Err(io("remove", &new)(error)),
            _ => Ok(()),
        }
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

fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> SinkError + use<> {
    let path = path.to_owned();
    move |source| SinkError::Io { doing, path: path.clone(), source }
}

fn missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether it is one line with one token, as this daemon writes it in either format and as the guides have it.
fn is_token_line(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let token = line.strip_prefix(HEADER).unwrap_or(line);
    token.len() <= TOKEN_LIMIT && is_b64token(token)
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, TOKEN_LIMIT, is_token_line};

    #[test]
    fn only_one_line_with_one_token_may_be_replaced() {
        let longest = "x".repeat(TOKEN_LIMIT);
        for line in [
            "Authorization: Bearer aa.bb-cc_dd==\n",
            "Authorization: Bearer aa.bb.cc",
            "aa.bb.cc\n",
            "aa.bb.cc\r\n",
            &longest,
            &format!("Authorization: Bearer {longest}\n"),
        ] {
            assert!(line.len() <= LIMIT && is_token_line(line.as_bytes()), "{line:.40}");
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
            assert!(!is_token_line(other.as_bytes()), "{other:.40}");
        }
        assert!(!is_token_line(b"aa\xff"));
    }
}
