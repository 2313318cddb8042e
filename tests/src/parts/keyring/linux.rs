//! Linux: the kernel keyring (keyrings(7)).

use std::process::Command;

use super::{Profile, SERVICE};
use crate::parts::{Output, on_path, run};

pub(super) const STORE: &str = "keyutils";

pub(super) const NEEDED: &str = "the kernel keyring (package keyutils, and a kernel that permits it)";

/// Whether a key can be kept in the user's persistent keyring and read back, in a session keyring of its own.
/// Containers often forbid it.
pub(super) fn works(probe: &Profile) -> bool {
    on_path(&["keyctl"])
        && session(r#"keyctl add user "$KEY" probe "$(keyctl get_persistent @s)""#, probe).code == Some(0)
        && probe.is_kept()
}

pub(super) fn is_kept(profile: &Profile) -> bool {
    let script = r#"keyctl search "$(keyctl get_persistent @s)" user "$KEY""#;
    session(script, profile).code == Some(0)
}

pub(super) fn remove(profile: &Profile) {
    if on_path(&["keyctl"]) {
        let script = r#"keyring=$(keyctl get_persistent @s) && key=$(keyctl search "$keyring" user "$KEY") &&
            keyctl unlink "$key" "$keyring""#;
        session(script, profile);
    }
}

/// Runs a shell script in a new session keyring, with the profile's key in `KEY`.
fn session(script: &str, profile: &Profile) -> Output {
    let mut keyctl = Command::new("keyctl");
    keyctl.args(["session", "-", "sh", "-c", script]);
    // The key's description, as the keyring's Rust store composes it.
    keyctl.env("KEY", format!("keyring:{}@{SERVICE}", profile.name()));
    run(keyctl, "")
}
