//! Windows: curl reads the token's line from standard input, as it inherits no descriptor by number.

use std::{
    convert::Infallible,
    io::{self, Write},
    process::{Child, Command, ExitStatus, Stdio},
};

/// Whether curl's standard input is left to the user.
pub(super) const LEAVES_INPUT: bool = false;

/// The way of the token's line to curl.
pub(super) struct Line;

impl Line {
    /// Opens it, and says to `command` where it ends.
    ///
    /// # Errors
    /// None.
    pub(super) fn open(command: &mut Command) -> io::Result<Self> {
        command.args(["--config", "-"]).stdin(Stdio::piped());
        Ok(Self)
    }

    /// Writes the line to curl, which may have ended meanwhile.
    pub(super) fn send(self, curl: &mut Child, line: &[u8]) {
        // curl says why it ended.
        let _ = curl.stdin.take().map(|mut input| input.write_all(line));
    }
}

/// The headers of the answers: there is no way to have them told besides, so that they are told by marks.
pub(super) struct Watch(Infallible);

impl Watch {
    /// None.
    ///
    /// # Errors
    /// None.
    pub(super) fn open(_command: &mut Command) -> io::Result<Option<Self>> {
        Ok(None)
    }

    /// Looks at them until curl ends; whether a server refused the token.
    ///
    /// # Errors
    /// None.
    pub(super) fn refused(self, _follows: bool) -> io::Result<bool> {
        match self.0 {}
    }
}

/// Nothing: the console tells both of Ctrl-C.
pub(super) fn tie(_command: &mut Command) {}

/// The exit code.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
