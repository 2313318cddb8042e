//! The daemon: keeps a fresh access token in memory for each profile and serves it over a local socket.
//!
//! `main → server → session → service → audit, keeper → {lifecycle, issuer → grant, api → grant, keyring, sink, state}`; imports
//! point this way only. `lifecycle`, `grant` and what `audit` decides by are pure: no I/O, no clock. Platform code lies in
//! the files named for it.

pub mod api;
pub mod audit;
pub mod clock;
pub mod config;
pub mod confinement;
pub mod credentials;
pub mod fault_point;
pub mod grant;
mod http;
pub mod issuer;
pub mod keeper;
pub mod keyring;
pub mod lifecycle;
pub mod log;
pub mod manager;
pub mod server;
pub mod service;
pub mod session;
pub mod sink;
pub mod start;
pub mod state;
#[cfg(not(target_os = "linux"))]
mod ticks;
#[cfg(not(target_os = "linux"))]
mod unmanaged;

#[cfg(unix)]
#[path = "unix.rs"]
pub mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
pub mod platform;
