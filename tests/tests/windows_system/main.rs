//! What only Windows has: its jobs, the end of its sessions, its shells.
#![cfg(windows)]

mod life;
mod shells;
mod trust;
