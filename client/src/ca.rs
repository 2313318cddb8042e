//! A profile's own CA file, put where the daemon may read it.
//!
//! The daemon gives up the right to read its user's files when it starts. So a CA file that does not lie where every
//! program of the system may read is copied into the state folder, once for each content, and the copy is what the profile
//! is pinned to.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    endpoint::state_folder,
    message::{Attributes, Failure, FailureKind},
    platform::private_folder,
    text::Text,
};

use crate::platform;

/// Largest file that is copied, in bytes: the daemon takes no larger one.
const LIMIT: u64 = 1 << 20;

/// What a CA file holds at least.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Makes the CA file's path one that the daemon, which runs elsewhere and with fewer rights, can open.
///
/// # Errors
/// A path that cannot be written as text, or a copy that cannot be made.
pub(crate) fn settle(attributes: &mut Attributes) -> Result<(), Failure> {
    // An empty one takes the kept one away.
    let Some(given) = attributes.ca_file.take_if(|given| !given.is_empty()) else { return Ok(()) };
    let usage = |what: String| Failure::new(FailureKind::Usage, what);
    let unwritable = || {
        usage(format!(
            "the CA file's path {} cannot be made absolute: give it from the root on",
            Text::new(&given)
        ))
    };
    let absolute = std::path::absolute(&given).map_err(|_| unwritable())?;
    let place = if platform::may_daemon_read(&absolute) { absolute } else { copied(absolute)? };
    attributes.ca_file = Some(place.into_os_string().into_string().map_err(|_| unwritable())?);
    Ok(())
}

/// Where a copy of the file lies; the file itself where it is none that the daemon would take, which tells why.
fn copied(file: PathBuf) -> Result<PathBuf, Failure> {
    let Some(bytes) = read(&file) else { return Ok(file) };
    let Some(state) = state_folder() else { return Ok(file) };
    let failed = |copy: &Path, error: &dyn std::fmt::Display| {
        let what = format!(
            "the CA file {file:?} cannot be copied to {copy:?}, where the daemon may read it: {error}; see to the folder's owner and to the space on the disk"
        );
        Failure::new(FailureKind::Other, what)
    };
    let mut digest = DefaultHasher::new();
    bytes.hash(&mut digest);
    let folder = state.join(format!("ca/{:016x}", digest.finish()));
    let copy = folder.join(file.file_name().unwrap_or_default());
    // Others pin this one too.
    if fs::read(&copy).is_ok_and(|kept| kept == bytes) {
        return Ok(copy);
    }
    private_folder(&folder, true).map_err(|error| failed(&copy, &error))?;
    let new = folder.join(format!(".{}", std::process::id()));
    let written = fs::write(&new, &bytes).and_then(|()| fs::rename(&new, &copy));
    if let Err(error) = written {
        let _ = fs::remove_file(&new);
        return Err(failed(&copy, &error));
    }
    Ok(copy)
}

/// What the file holds, where it may be one of certificates.
fn read(file: &Path) -> Option<Vec<u8>> {
    // Opening a FIFO or a device may wait for ever.
    fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    let read: io::Result<_> =
        fs::File::open(file).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
    let fits = read.is_ok() && bytes.len() as u64 <= LIMIT;
    (fits && bytes.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_made_absolute() {
        let absolute = if cfg!(windows) { r"C:\ca.pem" } else { "/etc/ca.pem" };
        let here = std::env::current_dir().expect("a folder").join("ca.pem");
        for (given, expected) in [("ca.pem", here.to_str().expect("text")), (absolute, absolute)] {
            let mut attributes = Attributes { ca_file: Some(given.to_owned()), ..Attributes::default() };
            settle(&mut attributes).expect("a path");
            assert_eq!(attributes.ca_file.as_deref(), Some(expected));
        }
    }
}
