//! `dt-cred forward`: what it gives to whom, and what it refuses.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;
