//! What a panic says: where it was, and nothing of what it was about, as that may be what was being worked on.

use std::{panic, process};

use crate::message::FailureKind;

/// Has every panic of this process `tell` its place and end it, with the exit code of a bug: half a process that holds
/// secrets serves nobody. Nothing is unwound, so that nobody need be able to.
pub fn end_process(tell: fn(place: &str)) {
    panic::set_hook(Box::new(move |panic| {
        tell(&panic.location().map(ToString::to_string).unwrap_or_default());
        process::exit(FailureKind::Other.exit_code().into());
    }));
}
