//! The main job, end to end: real programs, a real keyring, issuers on loopback.

mod outage;
#[cfg(target_os = "linux")]
mod provider;
mod refusal;
mod rejection;
mod request;
mod restart;
mod rotation;
#[cfg(target_os = "linux")]
mod socket;
mod storm;
