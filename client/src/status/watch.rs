//! `dt-cred status --watch`: the state on a screen of its own, drawn anew each second, until a signal ends it.

use std::time::Duration;

use dt_cred_proto::{
    message::{Failure, FailureKind},
    profile::Profile,
};

use super::{State, look::Look, table};
use crate::{
    canvas::{Canvas, Size, Standard},
    connection::Connection,
    daemon,
    deadline::Deadline,
    output::OutputError,
    platform, service,
    settings::Settings,
};

/// How long each picture is shown.
const PAUSE: Duration = Duration::from_secs(1);

/// The terminal's other screen, without a cursor; and its own one as it was (xterm's control sequences, `DECSET` 1049 and 25).
const BEGIN: &str = "\x1b[?1049h\x1b[?25l";
const END: &str = "\x1b[?25h\x1b[?1049l";

/// Draws the state until a signal ends this process, as Ctrl-C does, which leaves the terminal as it was.
///
/// # Errors
/// No terminal that can be drawn on, or why the daemon that runs does not answer.
pub(super) fn run(settings: &Settings, named: Option<&Profile>) -> Result<(), Failure> {
    let mut canvas = Canvas::open(Standard::Output, BEGIN, END).ok_or_else(nothing_to_draw_on)?;
    let mut connection = None;
    loop {
        let deadline = Deadline::after(settings.timeout);
        let state = ask(settings, &mut connection, deadline)?;
        let size = Size::of(Standard::Output);
        let text = match state {
            Some(mut state) => {
                state.keep(named);
                table::render(&state, named, Look::of_terminal(size, true))
            }
            None => table::nobody(settings.starts_one(), service::failure(settings, deadline).as_ref()),
        };
        canvas.draw(&picture(&text, size)).map_err(OutputError::from)?;
        platform::pause(PAUSE, Deadline::after(PAUSE));
    }
}

/// The state by the connection that there is, or by a new one: the daemon may have ended, and another one begun.
fn ask(
    settings: &Settings,
    connection: &mut Option<Connection>,
    deadline: Deadline,
) -> Result<Option<State>, Failure> {
    if let Some(connected) = connection
        && let Ok(state) = State::of(settings, connected, deadline)
    {
        return Ok(Some(state));
    }
    *connection = daemon::awake(settings, deadline)?;
    connection.as_mut().map(|connected| State::of(settings, connected, deadline)).transpose()
}

/// The text as it is drawn over the one before: from the top, each line in place of the old one, nothing below. What has no
/// room is cut off, or the screen would move. A line is emptied first: behind a full one its last character would go.
fn picture(text: &str, size: Size) -> String {
    let lines: Vec<_> =
        text.lines().take(size.rows).map(|line| format!("\x1b[K{}", cut(line, size.columns))).collect();
    let below = if lines.len() < size.rows { "\r\n\x1b[J" } else { "" };
    format!("\x1b[H{}{below}", lines.join("\r\n"))
}

/// As many characters as there are columns, and every colour.
fn cut(line: &str, columns: usize) -> String {
    let (mut shown, mut in_code) = (0, false);
    let stays = |c: &char| {
        let code = in_code || *c == '\x1b';
        in_code = code && *c != 'm';
        shown += usize::from(!code);
        code || shown <= columns
    };
    line.chars().filter(stays).collect()
}

fn nothing_to_draw_on() -> Failure {
    let message = "--watch draws, and standard output is no terminal that can be drawn on: leave it out, or ask again and \
                   again with --json";
    Failure::new(FailureKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_never_moves_the_screen() {
        let size = Size { columns: 5, rows: 2 };
        assert_eq!(picture("a\nb\nc\n", size), "\x1b[H\x1b[Ka\r\n\x1b[Kb");
        assert_eq!(picture("abcdefg\n", size), "\x1b[H\x1b[Kabcde\r\n\x1b[J");
        let coloured = "abc\x1b[31mdefg\x1b[0mhi";
        assert_eq!(cut(coloured, 5), "abc\x1b[31mde\x1b[0m");
        assert_eq!(cut("░░░░░░", 5), "░░░░░");
    }
}
