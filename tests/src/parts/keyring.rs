//! The store that is the user's own on this system, whether it can be used here, and profiles that leave nothing in it.
//!
//! It belongs to the user, not to a home: every test takes names that are its own.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::require;

#[cfg(target_os = "linux")]
#[path = "keyring/linux.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "keyring/macos.rs"]
mod platform;
#[cfg(windows)]
#[path = "keyring/windows.rs"]
mod platform;

/// The store's name, as `store` takes it.
pub const STORE: &str = platform::STORE;

/// The service that dt-cred's items belong to.
const SERVICE: &str = "dt-cred";

/// Whether an item can be kept in the store and found there.
pub fn works() -> bool {
    require(platform::NEEDED, platform::works(&Profile::unique("probe")))
}

/// A profile's name that no other test has. What is kept under it in the store is removed on drop.
pub struct Profile {
    name: String,
}

impl Profile {
    /// A name that begins with `start`.
    pub fn unique(start: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("{start}-{}-{now}-{count}", process::id()) }
    }

    /// One that another program has made.
    pub fn made(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the store holds an item for it.
    pub fn is_kept(&self) -> bool {
        platform::is_kept(self)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Mostly the test has erased it already.
        platform::remove(self);
    }
}
