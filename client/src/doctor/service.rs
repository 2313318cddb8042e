//! Whether a user service is installed that starts the daemon.

use std::{ffi::OsString, path::Path};

use super::Check;
use crate::platform;

const NAME: &str = "service";

/// The check. None is needed: a client starts the daemon.
pub(super) fn check(starts: bool, variable: impl Fn(&str) -> Option<OsString>) -> Check {
    judged(starts, platform::service_files(variable).into_iter().find(|file| file.exists()).as_deref())
}

fn judged(starts: bool, installed: Option<&Path>) -> Check {
    match installed {
        Some(file) => Check::ok(NAME, format!("installed: {}", file.display())),
        None if !starts => Check::ok(NAME, "none is installed"),
        None => Check::ok(NAME, "none is installed, and none is needed: dt-cred starts the daemon"),
    }
}
