//! What a panic says: where it was, and nothing of what it was about.

use std::{panic, process};

use crate::message::FailureKind;

/// Has every panic of this process `tell` its place and end it with the exit code of a bug.
///
/// The text of a panic may hold what was being worked on, and half a process that holds secrets serves nobody.
pub fn end_process(tell: fn(place: &str)) {
    panic::set_hook(Box::new(move |panic| {
        tell(&panic.location().map(ToString::to_string).unwrap_or_default());
        process::exit(FailureKind::Other.exit_code().into());
    }));
}
