//! Linux: no curl outlives whoever waits for it.

use std::{os::unix::process::CommandExt, process::Command};

use rustix::process::{Signal, set_parent_process_death_signal};

/// Has the child end when this process does: a signal to this one alone would leave it behind.
pub(in crate::curl) fn tie(command: &mut Command) {
    let tied = || Ok(set_parent_process_death_signal(Some(Signal::TERM))?);
    #[expect(unsafe_code, reason = "what a child does before its program has no safe wrapper")]
    // SAFETY: between fork(2) and execve(2) it makes one system call, and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(tied);
    }
}
