//! `dt-cred integration` as a person types it, against the sandbox's Applications and Access Policies APIs.

#[cfg(target_os = "linux")]
mod due;
#[cfg(target_os = "linux")]
mod processes;
mod refusals;
mod scene;
#[cfg(target_os = "linux")]
mod terminal;
mod walk;
