//! What a terminal shows while something takes longer than half a second. It is drawn from the wait itself.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use dt_cred_proto::{
    message::{Operation, Store},
    text::Text,
};

use crate::{
    canvas::{Canvas, Size, Standard},
    deadline::Deadline,
};

/// How long nothing is drawn, and nobody is asked whether there is a terminal.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long each picture is shown.
const FRAME: Duration = Duration::from_millis(100);

/// Pictures that every terminal has.
const FRAMES: [char; 4] = ['-', '\\', '|', '/'];

/// To the line's start, and nothing behind it.
const ERASE: &str = "\r\x1b[K";

/// Whether nothing is drawn, however long something takes.
static STILL: AtomicBool = AtomicBool::new(false);

/// Has nothing drawn from now on: many wait in this process at once.
#[cfg(unix)]
pub(crate) fn keep_still() {
    STILL.store(true, Ordering::Relaxed);
}

/// Makes `attempt`, which gives up with [`io::ErrorKind::TimedOut`] at the deadline that it is given, until the deadline;
/// `left` is what was left of it when the wait began. Standard error shows for what is waited where it is a terminal.
///
/// # Errors
/// As the last attempt.
pub(crate) fn while_waiting<T>(
    deadline: Deadline,
    left: Duration,
    waiting_for: impl FnOnce() -> Text,
    mut attempt: impl FnMut(Deadline) -> io::Result<T>,
) -> io::Result<T> {
    let mut is_over = |deadline| match attempt(deadline) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => None,
        done => Some(done),
    };
    let first = is_over(deadline.within(left, PATIENCE));
    if let Some(done) = first {
        return done;
    }
    if !STILL.load(Ordering::Relaxed)
        && let Some(mut canvas) = Canvas::open(Standard::Error, "", ERASE)
    {
        let line = clipped(&format!("{}…", waiting_for()), Size::of(Standard::Error).columns);
        for frame in FRAMES.into_iter().cycle() {
            let left = deadline.remaining();
            if left.is_zero() || canvas.draw(&format!("\r{frame} {line}\x1b[K")).is_err() {
                break;
            }
            if let Some(done) = is_over(deadline.within(left, FRAME)) {
                return done;
            }
        }
    }
    is_over(deadline).unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

/// As much of `text` as a line has room for behind the picture: one that is broken could not be erased.
fn clipped(text: &str, columns: usize) -> String {
    let mut room = columns.saturating_sub(3);
    let fits = |c: &char| {
        // Some are as wide as two.
        let width = if c.is_ascii() { 1 } else { 2 };
        let fits = room >= width;
        room = room.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).collect()
}

/// What the daemon does for an operation that it does not answer at once.
pub(crate) fn waiting_for(operation: &Operation) -> Text {
    match operation {
        Operation::Get(_) | Operation::Lend(_) => "asking the issuer for a token".into(),
        Operation::Test(_) | Operation::Manage(_) => "asking the API".into(),
        Operation::Examine(_) => "looking at what is between you and a token".into(),
        Operation::Store(store) => proof(store),
        Operation::Describe(_) | Operation::Unlock(_) | Operation::Erase(_) | Operation::Move(_) => {
            "waiting for the keyring, which may show a prompt".into()
        }
        _ => "waiting for the daemon".into(),
    }
}

fn proof(store: &Store) -> Text {
    match &store.attributes.token_url {
        _ if !store.check => "waiting for the keyring, which may show a prompt".into(),
        Some(url) => format!("asking {url} for a token").into(),
        None => "asking the issuer for a token".into(),
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{Attributes, Get, Test};

    use super::*;

    #[test]
    fn what_is_waited_for_is_said_as_far_as_it_is_known() {
        let store = |check, url: Option<&str>| {
            let attributes = Attributes { token_url: url.map(str::to_owned), ..Attributes::default() };
            Operation::Store(Box::new(Store { profile: None, keyring: None, check, attributes }))
        };
        for (operation, expected) in [
            (Operation::Get(Get::default()), "asking the issuer for a token"),
            (store(true, None), "asking the issuer for a token"),
            (store(true, Some("https://a.example/t\x1b")), "asking https://a.example/t\u{fffd} for a token"),
            (store(false, Some("https://a.example/t")), "waiting for the keyring, which may show a prompt"),
            (Operation::Test(Test::default()), "asking the API"),
            (Operation::Status, "waiting for the daemon"),
        ] {
            assert_eq!(waiting_for(&operation).as_str(), expected);
        }
    }

    #[test]
    fn a_line_is_never_broken() {
        for (text, columns, expected) in
            [("abc", 80, "abc"), ("abc", 5, "ab"), ("a日b", 6, "a日"), ("日本", 6, "日"), ("abc", 0, "")]
        {
            assert_eq!(clipped(text, columns), expected, "{text} in {columns}");
        }
    }

    #[test]
    fn what_is_done_in_time_is_waited_for_once() {
        let deadline = Deadline::after(Duration::from_secs(3600));
        let mut attempts = 0;
        let done = while_waiting(
            deadline,
            deadline.remaining(),
            || unreachable!("nothing is said"),
            |_| {
                attempts += 1;
                Ok(7)
            },
        );
        assert_eq!((done.expect("done"), attempts), (7, 1));
    }
}
