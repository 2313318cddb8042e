//! Where the daemon listens: one function for both sides, so that cron, `su -` and an SSH login reach the same one.

use std::{ffi::OsString, path::PathBuf};

use thiserror::Error;

use crate::platform;

/// Environment variable that names another socket, for both sides.
pub const SOCKET_VARIABLE: &str = "DT_CRED_SOCKET";

/// Where the daemon listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The socket's path (Windows: the pipe's name).
    pub path: PathBuf,
    /// Named by the user: no daemon is started for it by itself, and its folder is not repaired.
    pub explicit: bool,
}

/// Why there is no endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum EndpointError {
    /// Not absolute: the two sides could mean different ones.
    #[error("{SOCKET_VARIABLE} is {0:?}: it must be an absolute path")]
    Relative(PathBuf),
    /// `sun_path` holds no more (unix(7)).
    #[error(
        "the socket's path {path:?} has {length} bytes, this system takes {limit}: set {SOCKET_VARIABLE} to a shorter one"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length, in bytes.
        length: usize,
        /// What fits.
        limit: usize,
    },
    /// No pipe of this machine: what opens a pipe opens files and other machines' pipes as well.
    #[error(r"{SOCKET_VARIABLE} is {0:?}: it must be a pipe's name, as in \\.\pipe\NAME")]
    NotAPipe(PathBuf),
    /// The system does not tell whose process this is.
    #[error("there is no name for the pipe: the user's SID is not known ({0}); set {SOCKET_VARIABLE}")]
    NoUser(String),
    /// Neither a runtime folder nor a home.
    #[error(
        "there is no folder for the socket: neither XDG_RUNTIME_DIR nor a home folder is known; set {SOCKET_VARIABLE}, or XDG_STATE_HOME"
    )]
    NoFolder,
}

/// The folder of the state file, the log and copies of CA files; on some systems of the socket too. None without a home.
pub fn state_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    platform::state_home(variable).map(|folder| folder.join("dt-cred"))
}

/// Where the daemon of this user listens.
///
/// # Errors
/// [`EndpointError`], each of which names what to set.
pub fn endpoint() -> Result<Endpoint, EndpointError> {
    resolve(|name| std::env::var_os(name))
}

/// [`endpoint`] with these environment variables; an empty one counts as not set (XDG Base Directory Specification).
///
/// # Errors
/// As [`endpoint`].
pub fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Result<Endpoint, EndpointError> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let (path, explicit) = match variable(SOCKET_VARIABLE) {
        Some(named) => (platform::named_endpoint(named)?, true),
        None => (platform::default_endpoint(variable)?, false),
    };
    Ok(Endpoint { path, explicit })
}

#[cfg(all(test, unix))]
mod tests {
    use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

    use super::{EndpointError, resolve};

    /// With these variables and no others.
    fn with(variables: &[(&str, &str)]) -> Result<super::Endpoint, EndpointError> {
        let variables: BTreeMap<&str, OsString> =
            variables.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        resolve(|name| variables.get(name).cloned())
    }

    #[test]
    fn the_socket_that_the_user_names_is_the_one() {
        let others = [("HOME", "/home/u"), ("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/r")];
        for path in ["/x/agent.sock", "/a b/\u{e9}.sock", "/x/../y.sock", "/s"] {
            for others in [&others[..], &[]] {
                let endpoint = with(&[others, &[("DT_CRED_SOCKET", path)]].concat()).unwrap();
                assert_eq!(endpoint.path, PathBuf::from(path));
                assert!(endpoint.explicit);
            }
        }
    }

    #[test]
    fn a_relative_socket_is_refused_because_the_two_sides_could_mean_different_ones() {
        for path in ["agent.sock", "./agent.sock", "../agent.sock", "~/agent.sock", " /agent.sock", " "] {
            let refused = with(&[("DT_CRED_SOCKET", path), ("HOME", "/home/u")]);
            assert_eq!(refused, Err(EndpointError::Relative(PathBuf::from(path))));
        }
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let home = [("HOME", "/home/u")];
        let none = with(&home).unwrap();
        assert!(!none.explicit);
        for name in ["DT_CRED_SOCKET", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"] {
            assert_eq!(with(&[&home[..], &[(name, "")]].concat()), Ok(none.clone()), "{name}");
        }
    }

    #[test]
    fn every_error_says_what_to_set() {
        let long = format!("/{}", "x".repeat(200));
        for variables in [[("DT_CRED_SOCKET", "x")], [("DT_CRED_SOCKET", long.as_str())]] {
            assert!(with(&variables).unwrap_err().to_string().contains("DT_CRED_SOCKET"), "{variables:?}");
        }
        assert!(EndpointError::NoFolder.to_string().contains("set DT_CRED_SOCKET"));
    }
}
