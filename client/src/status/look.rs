//! How the state looks where it goes: words alone, or a terminal's bar, width and colours.

use dt_cred_proto::message::ProfileState;

use crate::canvas::{Size, is_coloured};

/// How it looks.
#[derive(Clone, Copy)]
pub(super) enum Look {
    /// For what is no terminal: no bar, no colours, as wide as it is.
    Plain,
    /// For a terminal.
    Terminal {
        /// Characters in a line.
        columns: usize,
        /// Whether colours are understood, and wanted.
        coloured: bool,
    },
}

/// Colours that every terminal has (ECMA-48 §8.3.117).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
}

impl Look {
    /// That of a terminal of this size, which understands colours or not.
    pub(super) fn of_terminal(size: Size, understands: bool) -> Self {
        Self::Terminal { columns: size.columns, coloured: understands && is_coloured() }
    }

    /// The text in this colour, where it is to be seen.
    pub(super) fn paint(self, text: String, colour: Option<Colour>) -> String {
        let (Self::Terminal { coloured: true, .. }, Some(colour)) = (self, colour) else { return text };
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Whether every line has room.
    pub(super) fn has_room(self, text: &str) -> bool {
        match self {
            Self::Plain => true,
            Self::Terminal { columns, .. } => text.lines().all(|line| line.chars().count() <= columns),
        }
    }
}

/// The colour of a state.
pub(super) fn of_state(state: ProfileState) -> Option<Colour> {
    match state {
        ProfileState::Idle => None,
        ProfileState::Valid => Some(Colour::Green),
        ProfileState::Fetching => Some(Colour::Yellow),
        ProfileState::Failing | ProfileState::Refused => Some(Colour::Red),
    }
}

/// The colour of what is left of a token's life. A new one is asked for before it is red.
pub(super) fn of_rest(left: u64, whole: u64) -> Colour {
    match u128::from(left) * 20 {
        twenty if twenty >= u128::from(whole) * 5 => Colour::Green,
        twenty if twenty > u128::from(whole) => Colour::Yellow,
        _ => Colour::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_green_then_yellow_then_red() {
        for (left, whole, colour) in [
            (100, 100, Colour::Green),
            (25, 100, Colour::Green),
            (24, 100, Colour::Yellow),
            (6, 100, Colour::Yellow),
            (5, 100, Colour::Red),
            (0, 100, Colour::Red),
            (u64::MAX, 1, Colour::Green),
        ] {
            assert_eq!(of_rest(left, whole), colour, "{left} of {whole}");
        }
    }

    #[test]
    fn only_a_terminal_that_understands_colours_is_sent_some() {
        let red = |look: Look| look.paint("a".to_owned(), Some(Colour::Red));
        assert_eq!(red(Look::Terminal { columns: 80, coloured: true }), "\x1b[31ma\x1b[0m");
        for look in [Look::Plain, Look::Terminal { columns: 80, coloured: false }] {
            assert_eq!(red(look), "a");
        }
    }
}
