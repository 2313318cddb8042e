//! The demo on Linux, with the kernel keyring.

mod full;
mod job;
mod stage;

use std::{env, process::ExitCode};

use anyhow::Result;

use stage::Interruption;

pub(crate) fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let demo: fn(Interruption) -> Result<()> = match words.as_slice() {
        [] => job::demo,
        [word] if word == "full" => full::demo,
        _ => {
            eprintln!(
                "demo: it is `cargo demo`, the job, or `cargo demo full`, the guide from nothing to assets"
            );
            return ExitCode::from(2);
        }
    };
    match Interruption::caught().and_then(demo) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
