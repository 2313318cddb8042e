//! Unix: the socket's file and what lies around it.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use dt_cred_proto::{
    message::Verdict,
    platform::{own_uid, trusted_parents},
    text::Text,
};

use super::Check;
use crate::{platform::ENDPOINT_MEND, settings::Settings};

const NAME: &str = "socket";

/// What everybody but the owner may do.
const OTHERS: u32 = 0o077;

impl Check {
    fn fails(name: impl Into<Text>, found: impl Into<Text>, mend: impl Into<Text>) -> Self {
        let mend = Some(mend.into());
        Self { name: name.into(), verdict: Verdict::Fails, found: found.into(), mend }
    }
}

/// The socket: where it is, whose, and for whom.
pub(super) fn socket(settings: &Settings) -> Check {
    let path = &settings.endpoint.path;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Check::ok(NAME, format!("{} is not there: no daemon listens", path.display()));
        }
        Err(error) => {
            return Check::fails(NAME, format!("cannot look at {}: {error}", path.display()), ENDPOINT_MEND);
        }
    };
    let (mode, owner) = (found.mode() & 0o7777, found.uid());
    let is_ours = owner == own_uid();
    let told = format!("{} (mode {mode:04o}, uid {owner})", path.display());
    if !found.file_type().is_socket() {
        return Check::fails(NAME, format!("{told} is no socket"), "move it away");
    }
    if !is_ours && owner != 0 && Some(owner) != settings.server_uid {
        return Check::fails(NAME, format!("{told} is another user's"), ENDPOINT_MEND);
    }
    if let Err(error) = trusted_parents(path) {
        return Check::told(NAME, Verdict::Fails, format!("{told}: {error}"));
    }
    if is_ours && mode & OTHERS != 0 {
        return Check::fails(
            NAME,
            format!("{told} is open to others"),
            format!("chmod 600 {}", path.display()),
        );
    }
    match open_folder(path) {
        // What the user names lies where they like, as does what was mounted from another.
        Some(mode) if is_ours && !settings.endpoint.explicit => {
            let folder = path.parent().unwrap_or(path).display();
            let found = format!("{told} lies in {folder}, which is open to others (mode {mode:04o})");
            Check::fails(NAME, found, format!("chmod 700 {folder}"))
        }
        _ => Check::ok(NAME, told),
    }
}

/// The mode of the socket's folder where others may look into it.
fn open_folder(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path.parent()?).ok()?.mode() & 0o7777;
    (mode & OTHERS != 0).then_some(mode)
}
