//! Windows: the pipe's name, the user's folders.

use std::{ffi::OsString, path::PathBuf};

use crate::endpoint::EndpointError;

#[path = "windows/descriptor.rs"]
mod descriptor;
#[expect(unsafe_code, reason = "pages are asked of the system")]
#[path = "windows/pages.rs"]
pub(crate) mod pages;
#[path = "windows/sid.rs"]
mod sid;
#[path = "windows/trust.rs"]
mod trust;

pub use descriptor::create_private;
pub use sid::Sid;
pub use trust::{TrustError, private_file, private_folder, trusted, trusted_parents, trusted_program};

/// Nothing: who may open this process is said by its owner's token, and no core file is written unless its user asks for
/// one (Windows Error Reporting, LocalDumps).
pub fn hide_memory() {}

/// What every pipe of this machine begins with.
const PIPES: &str = r"\\.\pipe\";

/// Variables that a program which is started gets besides the proxies', whatever their case: without the system's own
/// nothing of the network works.
pub(crate) const KEPT: [&str; 11] = [
    "SystemRoot",
    "SystemDrive",
    "windir",
    "USERPROFILE",
    "USERNAME",
    "USERDOMAIN",
    "LOCALAPPDATA",
    "APPDATA",
    "ProgramData",
    "TEMP",
    "TMP",
];

/// What its PATH is, if it has one.
pub(crate) const PATH: Option<&str> = None;

/// Whether `name` is the variable `known`: here without regard to case.
pub(crate) fn is_variable(name: &str, known: &str) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// The home folder, from `USERPROFILE`.
pub fn home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable("USERPROFILE").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// The state folder's parent: `LOCALAPPDATA`, what does not roam.
pub fn state_home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = variable("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| home(variable).map(|home| home.join(r"AppData\Local")))
}

pub(crate) fn named_endpoint(named: OsString) -> Result<PathBuf, EndpointError> {
    let path = PathBuf::from(named);
    let rest = path.to_str().and_then(|name| Some((name.get(..PIPES.len())?, name.get(PIPES.len()..)?)));
    // A pipe of another machine, or a file, would be opened as willingly.
    let is_pipe = rest.is_some_and(|(start, name)| {
        // A name that ends with a dot, and so `.` and `..`, is another one to the system, or a folder.
        start.eq_ignore_ascii_case(PIPES)
            && !name.is_empty()
            && !name.contains(['\\', '/'])
            && !name.ends_with('.')
    });
    if is_pipe { Ok(path) } else { Err(EndpointError::NotAPipe(path)) }
}

pub(crate) fn default_endpoint(
    _variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, EndpointError> {
    // The name holds the user: whoever takes another's name is seen by the pipe's owner.
    let sid = Sid::own().map_err(|error| EndpointError::NoUser(error.to_string()))?;
    Ok(PathBuf::from(format!("{PIPES}dt-cred-{sid}")))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::PathBuf};

    use super::Sid;
    use crate::endpoint::{EndpointError, resolve};

    fn named(name: &str) -> Result<PathBuf, EndpointError> {
        let variable = |wanted: &str| (wanted == "DT_CRED_SOCKET").then(|| OsString::from(name));
        resolve(variable).map(|endpoint| endpoint.path)
    }

    #[test]
    fn the_pipes_name_holds_the_user() {
        let sid = Sid::own().unwrap().to_string();
        assert!(sid.starts_with("S-1-"), "{sid}");
        let endpoint = resolve(|_| None).unwrap();
        assert_eq!(endpoint.path, PathBuf::from(format!(r"\\.\pipe\dt-cred-{sid}")));
        assert!(!endpoint.explicit);
    }

    #[test]
    fn only_a_pipe_of_this_machine_can_be_named() {
        for name in [r"\\.\pipe\mine", r"\\.\PIPE\a b"] {
            assert_eq!(named(name), Ok(PathBuf::from(name)));
        }
        for other in [
            r"\\server\pipe\mine",
            r"\\.\pipe\",
            r"\\.\pipe\..\C:\x",
            r"\\.\pipe\..",
            r"\\.\pipe\.",
            r"\\.\pipe\a.",
            r"\\.\pipe\a/b",
            r"C:\Users\u\agent.sock",
            r"\\?\pipe\mine",
            "mine",
            "/tmp/agent.sock",
        ] {
            assert_eq!(named(other), Err(EndpointError::NotAPipe(PathBuf::from(other))), "{other}");
        }
    }
}
