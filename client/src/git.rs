//! What git says to a credential helper and is answered (git-credential(1), gitcredentials(7)).

use dt_cred_proto::{
    message::{Failure, FailureKind},
    secret::Secret,
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    bearer,
    origin::{Origin, OriginError},
};

/// Longest input, in bytes: a token, and what stands around it.
pub const LIMIT: usize = 64 * 1024;

/// What git asks about. What it did not say is empty or none, and matches nothing (CVE-2020-11008).
#[derive(Default)]
pub struct Description {
    /// `protocol`: the URL's scheme.
    pub protocol: Option<String>,
    /// `host`: the URL's host, and its port where it has one.
    pub host: Option<String>,
    /// `path`: the URL's path, where `credential.useHttpPath` has git say it.
    pub path: Option<String>,
    /// `username`: the URL's user.
    pub username: Option<String>,
    /// `password`: of a Basic credential.
    pub password: Option<Secret>,
    /// `authtype`: the scheme of `credential`.
    pub authtype: Option<String>,
    /// `credential`: what follows the scheme in the header.
    pub credential: Option<Secret>,
    /// `capability[]`: what this git understands.
    pub capabilities: Vec<String>,
    /// `wwwauth[]`: the server's challenges.
    pub wwwauth: Vec<String>,
}

/// Why git's lines are refused. No message quotes a value: it may be a secret.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum GitError {
    /// More than [`LIMIT`] bytes.
    #[error("git's description is longer than {LIMIT} bytes")]
    TooLong,
    /// Not text.
    #[error("line {0} of git's description is not UTF-8")]
    NotUtf8(usize),
    /// CR, NUL or another control character (CVE-2020-5260, CVE-2024-52006).
    #[error("line {0} of git's description holds a control character")]
    ControlCharacter(usize),
    /// No `=`.
    #[error("line {0} of git's description has no \"=\": it is key=value")]
    NoEquals(usize),
    /// A key that has one value, for the second time.
    #[error("line {line} of git's description: {key} stands there twice")]
    Duplicate {
        /// Where, counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// What should be answered would break a line.
    #[error("the daemon's answer holds no token of the RFC 6750 alphabet: run dt-cred stop, then again")]
    NotAToken,
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        match error {
            GitError::NotAToken => Self::new(FailureKind::Other, error.to_string()),
            _ => {
                Self::new(FailureKind::Usage, format!("{error}; git writes it, see git help git-credential"))
            }
        }
    }
}

impl Description {
    /// Whether this git takes anything but a user and a password (git 2.46 or newer).
    pub fn takes_authtype(&self) -> bool {
        self.capabilities.iter().any(|capability| capability == "authtype")
    }

    /// What it is about; none where protocol or host are missing.
    pub fn origin(&self) -> Option<Result<Origin, OriginError>> {
        Some(Origin::of_parts(self.protocol.as_deref()?, self.host.as_deref()?))
    }
}

/// Reads git's description up to an empty line or the end. A key that is not known is left out, as the protocol has it.
///
/// # Errors
/// [`GitError`], for the first line that is wrong.
pub fn read(input: &[u8]) -> Result<Description, GitError> {
    if input.len() > LIMIT {
        return Err(GitError::TooLong);
    }
    let mut description = Description::default();
    for (index, bytes) in input.split(|&byte| byte == b'\n').enumerate() {
        let line = index + 1;
        if bytes.is_empty() {
            break;
        }
        let text = std::str::from_utf8(bytes).map_err(|_| GitError::NotUtf8(line))?;
        if text.chars().any(char::is_control) {
            return Err(GitError::ControlCharacter(line));
        }
        let (key, value) = text.split_once('=').ok_or(GitError::NoEquals(line))?;
        description.take(key, value).map_err(|key| GitError::Duplicate { line, key })?;
    }
    Ok(description)
}

impl Description {
    /// Takes one line; the error is a key that was there before.
    fn take(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        let text = || value.to_owned();
        match key {
            "protocol" => once("protocol", &mut self.protocol, text()),
            "host" => once("host", &mut self.host, text()),
            "path" => once("path", &mut self.path, text()),
            "username" => once("username", &mut self.username, text()),
            "password" => once("password", &mut self.password, Secret::new(text())),
            "authtype" => once("authtype", &mut self.authtype, text()),
            "credential" => once("credential", &mut self.credential, Secret::new(text())),
            "capability[]" => {
                append(&mut self.capabilities, value);
                Ok(())
            }
            "wwwauth[]" => {
                append(&mut self.wwwauth, value);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn once<T>(key: &'static str, place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    if place.replace(value).is_some() { Err(key) } else { Ok(()) }
}

/// An empty value clears what was said before.
fn append(list: &mut Vec<String>, value: &str) {
    if value.is_empty() { list.clear() } else { list.push(value.to_owned()) }
}

/// The answer to `get`: a bearer token that ends at `expires_at`, in seconds since the Unix epoch, and that no helper should
/// keep (`ephemeral`).
///
/// # Errors
/// [`GitError::NotAToken`]; then nothing may be printed.
pub fn write(token: &Secret, expires_at: u64) -> Result<Zeroizing<Vec<u8>>, GitError> {
    let token = token.expose();
    if !bearer::is_token(token) {
        return Err(GitError::NotAToken);
    }
    let before = "capability[]=authtype\nauthtype=Bearer\ncredential=";
    let after = format!("\npassword_expiry_utc={expires_at}\nephemeral=true\n");
    // Sized beforehand: a buffer that grows leaves copies of what it held behind.
    let mut answer = Zeroizing::new(Vec::with_capacity(before.len() + token.len() + after.len()));
    [before, token, &after].iter().for_each(|piece| answer.extend_from_slice(piece.as_bytes()));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(input: impl AsRef<[u8]>) -> Description {
        match read(input.as_ref()) {
            Ok(description) => description,
            Err(error) => panic!("{error}"),
        }
    }

    fn error(input: impl AsRef<[u8]>) -> GitError {
        read(input.as_ref()).err().expect("refused")
    }

    /// What git 2.47 sends for `get`.
    const GET: &str = "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=app.datatrails.ai:443\n\
                       path=a.git\nwwwauth[]=Bearer realm=\"a\"\nwwwauth[]=Basic realm=\"b\"\n\n";

    #[test]
    fn what_git_sends_is_read_and_unknown_keys_are_left_out() {
        let read = description(GET);
        assert_eq!(read.protocol.as_deref(), Some("https"));
        assert_eq!(read.host.as_deref(), Some("app.datatrails.ai:443"));
        assert_eq!(read.path.as_deref(), Some("a.git"));
        assert_eq!(read.wwwauth, ["Bearer realm=\"a\"", "Basic realm=\"b\""]);
        assert!(read.takes_authtype());
        let erase = description(
            "protocol=https\nhost=a\nnonsense=1\nstate[]=x\n=\nauthtype=Bearer\ncredential=t=\npassword=p=q\nephemeral=1\n",
        );
        assert!(erase.credential.is_some_and(|credential| credential.expose() == "t="));
        assert!(erase.password.is_some_and(|password| password.expose() == "p=q"));
        assert_eq!(erase.authtype.as_deref(), Some("Bearer"));
    }

    #[test]
    fn nothing_counts_behind_an_empty_line() {
        let read = description("protocol=https\n\nhost=a\r\0");
        assert_eq!((read.protocol.as_deref(), read.host), (Some("https"), None));
        assert!(description("\nprotocol=https\n").protocol.is_none());
    }

    #[test]
    fn the_capability_must_be_announced_and_may_be_taken_back() {
        for (input, takes) in [
            ("", false),
            ("capability[]=state\n", false),
            ("capability=authtype\n", false),
            ("capability[]=authtypes\n", false),
            ("capability[]=Authtype\n", false),
            ("capability[]=authtype\n", true),
            ("capability[]=authtype\ncapability[]=\n", false),
            ("capability[]=\ncapability[]=authtype", true),
        ] {
            assert_eq!(description(input).takes_authtype(), takes, "{input:?}");
        }
    }

    #[test]
    fn control_characters_are_refused_wherever_they_stand() {
        for c in ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').filter(|c| *c != '\n') {
            for line in
                [format!("host=a{c}b"), format!("ho{c}st=a"), format!("nonsense[]={c}"), format!("{c}")]
            {
                let input = format!("protocol=https\n{line}\n\n");
                assert_eq!(error(&input), GitError::ControlCharacter(2), "{input:?}");
            }
        }
        assert_eq!(error("protocol=https\r\nhost=a\r\n\r\n"), GitError::ControlCharacter(1));
    }

    #[test]
    fn what_is_malformed_is_named_by_its_line() {
        let duplicate = |line, key| GitError::Duplicate { line, key };
        let cases: &[(&[u8], GitError)] = &[
            (b"protocol", GitError::NoEquals(1)),
            (b"protocol=https\nhost\n", GitError::NoEquals(2)),
            (b"host=\xff", GitError::NotUtf8(1)),
            (b"host=a\nhost=b\n", duplicate(2, "host")),
            (b"host=a\nprotocol=https\nhost=a\n", duplicate(3, "host")),
            (b"credential=a\ncredential=b\n", duplicate(2, "credential")),
        ];
        for (input, expected) in cases {
            assert_eq!(error(input), *expected, "{:?}", String::from_utf8_lossy(input));
        }
        assert_eq!(error(vec![b'\n'; LIMIT + 1]), GitError::TooLong);
        assert!(read(&vec![b'\n'; LIMIT]).is_ok());
    }

    #[test]
    fn a_description_without_protocol_or_host_is_about_nothing() {
        for input in ["", "protocol=https\n", "host=app.datatrails.ai\n", "path=x\nusername=y\n"] {
            assert!(description(input).origin().is_none(), "{input:?}");
        }
        for input in [
            "protocol=\nhost=\n",
            "protocol=https\nhost=\n",
            "protocol=\nhost=a\n",
            "protocol=https\nhost=a/b\n",
        ] {
            assert!(description(input).origin().is_some_and(|origin| origin.is_err()), "{input:?}");
        }
        let origin = description(GET).origin();
        assert_eq!(origin, Some(Origin::of("https://app.datatrails.ai")));
    }

    #[test]
    fn the_answer_is_one_that_git_keeps_nowhere() {
        let token = Secret::new("a.b_c==".to_owned());
        let answer = write(&token, 1_764_000_000).expect("an answer");
        let expected = "capability[]=authtype\nauthtype=Bearer\ncredential=a.b_c==\npassword_expiry_utc=1764000000\nephemeral=true\n";
        assert_eq!(String::from_utf8_lossy(&answer), expected);
        assert_eq!(answer.len(), answer.capacity(), "the buffer never grew");
    }

    #[test]
    fn what_would_break_a_line_is_not_answered() {
        for text in ["", "a\nusername=b", "a\r", "a\0", "a b"] {
            let refused = write(&Secret::new(text.to_owned()), 0);
            assert_eq!(refused.err(), Some(GitError::NotAToken), "{text:?}");
        }
    }
}
