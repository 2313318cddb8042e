//! systemd's credentials (systemd.exec(5), "Credentials"): `LoadCredential=dt-cred.NAME:…` in the unit that starts the
//! daemon gives the lines of `store` for the profile NAME. Read only.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    attributes::LIMIT,
    platform::{trusted, trusted_parents},
    profile::Profile,
    text::Text,
};
use zeroize::Zeroizing;

use super::KeyringError;
use crate::platform::open_regular;

/// Where the credentials of this service lie.
const VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// What the name of each of ours begins with.
const PREFIX: &str = "dt-cred.";

/// Every profile that has one.
pub(super) fn profiles() -> Result<Vec<Profile>, KeyringError> {
    let Some(folder) = folder() else { return Ok(Vec::new()) };
    let unreadable = |error: &dyn ToString| unreadable(&folder, error);
    let entries = fs::read_dir(&folder).map_err(|error| unreadable(&error))?;
    let names: Result<Vec<OsString>, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    Ok(names.map_err(|error| unreadable(&error))?.iter().filter_map(|name| named(name)).collect())
}

/// The lines for `profile`.
pub(super) fn read(profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    folder().map_or(Ok(None), |folder| read_from(&folder, profile))
}

fn read_from(folder: &Path, profile: &Profile) -> Result<Option<Vec<u8>>, KeyringError> {
    let path = folder.join(format!("{PREFIX}{profile}"));
    let unreadable = |error: &dyn ToString| unreadable(&path, error);
    let file = match open_regular(&path) {
        Ok(file) => file.ok_or_else(|| unreadable(&"it is not a regular file"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    // systemd's own are root's or the user's. Whoever else could write it would say where the secret goes.
    trusted_parents(&path).and_then(|()| trusted(&path, false)).map_err(|error| unreadable(&error))?;
    // Of its full size from the start: a buffer that grows leaves copies of what it held behind.
    let mut lines = Zeroizing::new(Vec::with_capacity(LIMIT + 2));
    let mut limited = file.take(LIMIT as u64 + 1);
    limited.read_to_end(&mut lines).map_err(|error| unreadable(&error))?;
    Ok(Some(std::mem::take(&mut *lines)))
}

fn folder() -> Option<PathBuf> {
    env::var_os(VARIABLE).map(PathBuf::from).filter(|folder| folder.is_absolute())
}

/// The profile that a credential of this name is for.
fn named(name: &OsStr) -> Option<Profile> {
    name.to_str()?.strip_prefix(PREFIX)?.parse().ok()
}

fn unreadable(path: &Path, error: &dyn ToString) -> KeyringError {
    let path = Text::from(path.display().to_string());
    KeyringError::Credential { path, reason: Text::from(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt};

    use super::{KeyringError, LIMIT, named, read_from};

    #[test]
    fn a_credential_is_a_profiles_only_if_it_is_named_so_exactly() {
        assert_eq!(named(OsStr::new("dt-cred.a.b-c")), Some("a.b-c".parse().unwrap()));
        for other in ["dt-cred.", "dt-cred", "dt-cred-a", "dt-cred.a b", "x.dt-cred.a", "DT-CRED.a"] {
            assert_eq!(named(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_credential_is_read_whole_or_refused_and_one_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, profile) = (folder.path().join("dt-cred.a"), "a".parse().unwrap());
        assert_eq!(read_from(folder.path(), &profile), Ok(None));
        fs::write(&path, "client_id=x\n").unwrap();
        assert_eq!(read_from(folder.path(), &profile), Ok(Some(b"client_id=x\n".to_vec())));
        for mode in [0o664, 0o606, 0o646] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read_from(folder.path(), &profile).is_err();
            assert_eq!(refused, mode & 0o022 != 0, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        // What is longer than the lines may be is given as such, and refused by whoever reads them.
        fs::write(&path, vec![b'x'; LIMIT + 100]).unwrap();
        assert_eq!(read_from(folder.path(), &profile).unwrap().map(|lines| lines.len()), Some(LIMIT + 1));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(read_from(folder.path(), &profile), Err(KeyringError::Credential { .. })));
    }
}
