//! What one program said on one channel.

use serde::{Deserialize, Serialize};

/// The commands whose standard output is a token, or made of one.
const ANSWERS: [&str; 5] = ["get", "inspect", "exec", "git-credential", "kubectl-credential"];

/// The options before a command that take a value.
const VALUED: [&str; 3] = ["-p", "--profile", "--timeout"];

/// Where something was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The log file.
    Log,
    /// A terminal's screen.
    Screen,
}

/// What a command said there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its words.
    pub command: Vec<String>,
    /// Where it was said.
    pub channel: Channel,
    /// The exit code; none where there was none.
    pub code: Option<i32>,
    /// The bytes.
    pub said: Vec<u8>,
}

impl Record {
    /// As it is kept: one line about it, then the bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let line =
            serde_json::to_string(&(&self.command, self.channel, self.code)).expect("words and numbers");
        [line.as_bytes(), b"\n", &self.said].concat()
    }

    /// As it was before it was kept.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (command, channel, code) = serde_json::from_slice(&bytes[..end]).ok()?;
        Some(Self { command, channel, code, said: bytes[end + 1..].to_vec() })
    }

    /// Whether it is where a token may stand: the standard output of a command that is there to give one and did not fail. One
    /// that a signal ended may have given it before. What a shell prints there is whatever its script made of it.
    pub fn may_hold_a_token(&self) -> bool {
        if self.channel != Channel::Stdout {
            return false;
        }
        match runs(&self.command, "dt-cred") {
            Some(client) => {
                self.code.is_none_or(|code| code == 0)
                    && name(&self.command[client + 1..]).is_some_and(|name| ANSWERS.contains(&name))
            }
            None => !self.is_ours(),
        }
    }

    /// Whether one of this project's programs said it by itself.
    pub fn is_ours(&self) -> bool {
        runs(&self.command, "dt-cred").is_some() || runs(&self.command, "dt-credd").is_some()
    }
}

/// Whether a command is this project's or a shell's, which may run one of them.
pub(super) fn speaks(command: &[String]) -> bool {
    ["dt-cred", "dt-credd", "sh", "bash"].iter().any(|program| runs(command, program).is_some())
}

/// Which word of a command is this program: its first one or, as others run it by a path, one that is a path.
fn runs(command: &[String], program: &str) -> Option<usize> {
    let is_it = |(at, word): &(usize, &String)| {
        let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
        name.strip_suffix(".exe").unwrap_or(name) == program && (*at == 0 || name != *word || program == "sh")
    };
    command.iter().enumerate().find(is_it).map(|(at, _)| at)
}

/// The command among the client's arguments.
fn name(arguments: &[String]) -> Option<&str> {
    let mut words = arguments.iter().map(String::as_str);
    loop {
        let word = words.next()?;
        if VALUED.contains(&word) {
            words.next()?;
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Record};

    fn record(command: &str, channel: Channel, code: i32) -> Record {
        let command = command.split(' ').map(str::to_owned).collect();
        Record { command, channel, code: Some(code), said: b"a\n\xffb".to_vec() }
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let record = record("/x/dt-cred get", Channel::Stderr, 1);
        assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
        assert_eq!(Record::from_bytes(b"no record"), None);
    }

    #[test]
    fn a_token_may_stand_in_what_a_command_prints_that_is_there_for_it_and_succeeds_and_nowhere_else() {
        for command in [
            "/x/dt-cred get",
            "C:\\x\\dt-cred.exe get --format json",
            "/x/dt-cred -p get --timeout 5 get",
            "/usr/bin/setpriv --reuid 7 /x/dt-cred inspect",
            "sh -c x",
            "unshare --mount sh -c x",
        ] {
            assert!(record(command, Channel::Stdout, 0).may_hold_a_token(), "{command}");
            assert!(!record(command, Channel::Stderr, 0).may_hold_a_token(), "{command}");
            assert!(!record(command, Channel::Log, 0).may_hold_a_token(), "{command}");
            assert!(!record(command, Channel::Screen, 0).may_hold_a_token(), "{command}");
        }
        for command in [
            "/x/dt-cred status --json",
            "/x/dt-cred -p get status",
            "/x/dt-cred store",
            "/x/dt-cred --profile get",
            "/x/dt-credd",
            "/x/dt-credd get",
            "sh /x/dt-credd get",
        ] {
            assert!(!record(command, Channel::Stdout, 0).may_hold_a_token(), "{command}");
        }
        assert!(!record("/x/dt-cred get", Channel::Stdout, 1).may_hold_a_token());
    }

    #[test]
    fn what_other_programs_are_told_of_this_project_makes_them_none_of_it() {
        for (command, speaks) in [
            ("/x/dt-cred get", true),
            ("dt-credd", true),
            ("prlimit --nofile=9 /x/dt-credd", true),
            ("unshare --mount sh -c x", true),
            ("secret-tool lookup service dt-cred", false),
            ("keyctl show", false),
        ] {
            assert_eq!(super::speaks(&record(command, Channel::Stdout, 0).command), speaks, "{command}");
        }
    }
}
