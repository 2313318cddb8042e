//! The sandbox issuer, judged from outside: by curl, by rustls, and by the key that it publishes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod applications;
mod curl;
mod faults;
mod grants;
mod policies;
mod program;
