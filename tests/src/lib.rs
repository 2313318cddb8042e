//! The sandbox issuer and the real parts that the tests run.

pub mod issuer;
#[cfg(target_os = "linux")]
pub mod parts;
#[cfg(target_os = "linux")]
pub mod user;
