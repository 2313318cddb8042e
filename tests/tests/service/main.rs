//! The units of `packaging/systemd`, as a package installs them, with the user manager of a booted systemd; and what the daemon
//! tells any service manager.
#![cfg(target_os = "linux")]

mod broken;
mod enabled;
mod handover;
mod journal;
mod life;
mod machine;
mod notify;
mod reload;
mod units;
