//! The main job, end to end: real programs, a real keyring, issuers on loopback.
#![cfg(target_os = "linux")]

mod outage;
mod refusal;
mod rejection;
mod request;
mod restart;
mod rotation;
mod storm;
