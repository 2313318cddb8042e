//! Real keyrings: gnome-keyring and KeePassXC on a bus of the test's own, the kernel's.
#![cfg(target_os = "linux")]

mod absence;
mod apart;
mod bus;
mod desktop;
mod erase_all;
mod failures;
mod items;
mod keepassxc;
mod kernel;
mod locked;
mod moving;
mod programs;
mod quota;
mod refused;
mod renewal;
mod sessions;
mod swallowed;
mod windows;
