//! What the daemon and the client keep from other programs of their own user, and what the daemon keeps from itself.

#![cfg(target_os = "linux")]

mod attacks;
mod ca;
mod confinement;
mod outgoing;
mod process;
mod reload;
