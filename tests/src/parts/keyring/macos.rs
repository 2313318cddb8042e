//! macOS: the login keychain, by security(1).

use std::process::Command;

use super::{Profile, SERVICE};
use crate::parts::{Output, run};

pub(super) const STORE: &str = "keychain";

pub(super) const NEEDED: &str = "a login keychain that is unlocked";

pub(super) fn works(probe: &Profile) -> bool {
    security("add-generic-password", &["-w", "probe"], probe).code == Some(0) && probe.is_kept()
}

pub(super) fn is_kept(profile: &Profile) -> bool {
    security("find-generic-password", &[], profile).code == Some(0)
}

pub(super) fn remove(profile: &Profile) {
    security("delete-generic-password", &[], profile);
}

fn security(command: &str, options: &[&str], profile: &Profile) -> Output {
    let mut security = Command::new("/usr/bin/security");
    security.args([command, "-s", SERVICE, "-a", profile.name()]).args(options);
    run(security, "")
}
