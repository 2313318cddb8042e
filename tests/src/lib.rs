//! The sandbox issuer and the real parts that the tests run.

pub mod any_issuer;
pub mod commands;
pub mod issuer;
pub mod parts;
pub mod search;
pub mod transcript;
pub mod user;
