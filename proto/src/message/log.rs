//! Who came to the daemon.

use serde::{Deserialize, Serialize};

use crate::{profile::Profile, text::Text};

/// What the daemon remembers of somebody who came to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who it was.
    pub caller: Caller,
    /// What became of it.
    pub outcome: Outcome,
}

/// Who came, as the system says. All but the uid are hints, no proof: a process calls itself what it likes, and its number
/// is another's once it has ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Caller {
    /// The user; none on Windows, where nobody but the daemon's own can connect.
    pub uid: Option<u32>,
    /// The process that connected; none where it is in a PID namespace that the daemon does not see.
    pub pid: Option<u32>,
    /// What the system calls its program.
    pub program: Option<Text>,
    /// What it calls the program that started that one.
    pub parent: Option<Text>,
}

/// What became of somebody who came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// A token was served.
    Served {
        /// Whose.
        profile: Profile,
        /// Its generation.
        generation: u64,
    },
    /// Another user was refused before a byte of theirs was read.
    Refused,
}
