//! What only Windows has.
#![cfg(windows)]

mod command;
mod console;
mod keyring;
mod life;
mod pipe;
mod service;
mod shells;
mod streams;
mod trust;

use dt_cred_tests::parts::Output;

#[track_caller]
fn failed(output: &Output, code: i32, words: &str) {
    assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{}", output.stderr);
    assert!(output.stderr.contains(words), "{words:?} is not in {}", output.stderr);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
}
