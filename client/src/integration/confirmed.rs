//! What cannot be undone is done once a person has said so.

use dt_cred_proto::{
    message::{Failure, FailureKind},
    text::Text,
};

use crate::terminal::{Terminal, TerminalError};

/// Whoever can say so.
pub(super) struct Person(Terminal);

impl Person {
    /// The person at the terminal.
    ///
    /// # Errors
    /// That there is none, and how nobody is asked.
    pub(super) fn at_terminal() -> Result<Self, Failure> {
        Terminal::open().map(Self).map_err(|error| match error {
            TerminalError::None => Failure::new(
                FailureKind::Usage,
                "this asks first, and there is no terminal to ask on: give --yes where you mean it",
            ),
            other => other.into(),
        })
    }

    /// Has them shown what it is about, and asked.
    ///
    /// # Errors
    /// That they do not want it.
    pub(super) fn confirm(&mut self, lines: &str, question: &str) -> Result<(), Failure> {
        for line in lines.lines() {
            self.0.say(&Text::new(line))?;
        }
        match self.0.ask(&Text::new(question))?.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::new(FailureKind::Other, "you did not say yes: nothing was changed")),
        }
    }
}
