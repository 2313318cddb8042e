//! The sandbox issuer and the real parts that the tests run.

#[cfg(target_os = "linux")]
pub mod any_issuer;
pub mod issuer;
#[cfg(target_os = "linux")]
pub mod parts;
#[cfg(target_os = "linux")]
pub mod user;
