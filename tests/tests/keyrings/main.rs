//! Real keyrings: gnome-keyring on a bus of the test's own, the kernel's.
#![cfg(target_os = "linux")]

mod absence;
mod apart;
mod desktop;
mod erase_all;
mod failures;
mod items;
mod kernel;
mod locked;
mod moving;
mod quota;
mod refused;
mod renewal;
mod sessions;
