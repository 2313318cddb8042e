//! A profile's own CA file, pinned by its digest: whoever can write the file cannot move the profile's trust.

use std::{
    fs,
    io::{ErrorKind, Read},
    path::Path,
};

use dt_cred_proto::text::Text;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::platform::{has_read_permission, trusted, trusted_parents};

/// Largest CA file, in bytes.
const LIMIT: u64 = 1 << 20;

/// A CA file and what it held at login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ca {
    /// Its absolute path.
    pub file: String,
    /// SHA-256 of what it held, 64 hexadecimal digits.
    pub sha256: String,
}

/// The certificates of a CA file that are to be trusted.
pub struct CaFile {
    /// In DER.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// Why a CA file cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CaError {
    /// The daemon's working folder is not the user's.
    #[error("ca_file must be an absolute path")]
    NotAbsolute,
    /// It cannot be read.
    #[error("the CA file {file} cannot be read: {reason}")]
    Unreadable {
        /// Its path.
        file: Text,
        /// What the system says.
        reason: String,
    },
    /// It could be read, but for what the daemon gave up when it started.
    #[error("the daemon gave up the right to read the CA file {file} when it started")]
    GivenUp {
        /// Its path.
        file: String,
    },
    /// It holds no certificate that can be trusted.
    #[error("the CA file {file} is not a PEM file of CA certificates")]
    NoCertificate {
        /// Its path.
        file: Text,
    },
    /// Somebody else can change it, and it is pinned by nothing but its place.
    #[error("the CA file cannot be trusted: {0}")]
    Untrusted(String),
    /// It is not what it was at login.
    #[error("the CA file {file} is not the one given at login: its content has changed")]
    Changed {
        /// Its path.
        file: Text,
    },
}

impl Ca {
    /// Reads the file at `path` and pins what it holds.
    ///
    /// # Errors
    /// A path that is not absolute, a file that cannot be read, or one without a CA certificate.
    pub fn pin(path: &str) -> Result<Self, CaError> {
        if !Path::new(path).is_absolute() {
            return Err(CaError::NotAbsolute);
        }
        let bytes = read(path)?;
        certificates(path, &bytes)?;
        Ok(Self { file: path.to_owned(), sha256: sha256(&bytes) })
    }

    /// Sees that nobody but the user and root can change the file, or make its path lead elsewhere.
    ///
    /// # Errors
    /// [`CaError::Untrusted`].
    pub fn trusted(&self) -> Result<(), CaError> {
        let path = Path::new(&self.file);
        let judged = trusted_parents(path).and_then(|()| trusted(path, false));
        judged.map_err(|error| CaError::Untrusted(error.to_string()))
    }

    /// Reads the file again and compares it with what was pinned.
    ///
    /// # Errors
    /// A file that cannot be read, that has changed, or without a CA certificate.
    pub fn read(&self) -> Result<CaFile, CaError> {
        // Another program may have written the item, and the daemon's folder is nobody's.
        if !Path::new(&self.file).is_absolute() {
            return Err(CaError::NotAbsolute);
        }
        let bytes = read(&self.file)?;
        if sha256(&bytes) != self.sha256 {
            return Err(CaError::Changed { file: Text::new(&self.file) });
        }
        Ok(CaFile { certificates: certificates(&self.file, &bytes)? })
    }
}

/// Whether the file at `path` holds CA certificates and nothing that is secret: what anybody may read.
pub fn is_public(path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let public = |bytes: &[u8]| !bytes.windows(PRIVATE.len()).any(|window| window == PRIVATE);
    read(path).is_ok_and(|bytes| certificates(path, &bytes).is_ok() && public(&bytes))
}

/// What stands in a file that holds a key.
const PRIVATE: &[u8] = b"PRIVATE KEY";

/// Whether `text` is a SHA-256 in hexadecimal.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn read(path: &str) -> Result<Vec<u8>, CaError> {
    let unreadable = |reason: String| CaError::Unreadable { file: Text::new(path), reason };
    let told = |error: std::io::Error| unreadable(error.to_string());
    // Opening a FIFO or a device may wait for ever.
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(path).map_err(|error| {
        if error.kind() == ErrorKind::PermissionDenied && has_read_permission(Path::new(path)) {
            CaError::GivenUp { file: path.to_owned() }
        } else {
            told(error)
        }
    });
    opened?.take(LIMIT + 1).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 > LIMIT {
        return Err(unreadable(format!("it is longer than {LIMIT} bytes")));
    }
    Ok(bytes)
}

fn certificates(path: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CaError> {
    let none = || CaError::NoCertificate { file: Text::new(path) };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| none())?;
    let mut roots = RootCertStore::empty();
    found.iter().try_for_each(|certificate| roots.add(certificate.clone())).map_err(|_| none())?;
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
