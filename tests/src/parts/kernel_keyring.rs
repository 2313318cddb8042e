//! The kernel keyring (keyrings(7)): whether it can be used here, and profiles that leave nothing in it.
//!
//! The persistent keyring belongs to the uid, not to a home: every test takes names that are its own.

use std::{
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Output, on_path, require, run};

/// The service that dt-cred's items belong to.
const SERVICE: &str = "dt-cred";

/// Whether a key can be kept in the user's persistent keyring and read back, in a session keyring of its own.
/// Containers often forbid it.
pub fn works() -> bool {
    let probe = Profile::unique("probe");
    let present = on_path(&["keyctl"])
        && session(r#"keyctl add user "$KEY" probe "$(keyctl get_persistent @s)""#, &probe).code == Some(0)
        && probe.is_kept();
    require("the kernel keyring (package keyutils, and a kernel that permits it)", present)
}

/// A profile's name that no other test has. What is kept under it in the kernel keyring is removed on drop.
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

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the persistent keyring holds a key for it.
    pub fn is_kept(&self) -> bool {
        let script = r#"keyctl search "$(keyctl get_persistent @s)" user "$KEY""#;
        session(script, self).code == Some(0)
    }

    /// The key's description, as the keyring's Rust store composes it.
    fn key(&self) -> String {
        format!("keyring:{}@{SERVICE}", self.name)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        if on_path(&["keyctl"]) {
            let script = r#"keyring=$(keyctl get_persistent @s) && key=$(keyctl search "$keyring" user "$KEY") &&
                keyctl unlink "$key" "$keyring""#;
            // Mostly the test has erased it already.
            session(script, self);
        }
    }
}

/// Runs a shell script in a new session keyring, with the profile's key in `KEY`.
fn session(script: &str, profile: &Profile) -> Output {
    let mut keyctl = Command::new("keyctl");
    keyctl.args(["session", "-", "sh", "-c", script]).env("KEY", profile.key());
    run(keyctl, "")
}
