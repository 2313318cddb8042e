//! What a program that is started gets of the environment of whoever starts it: no secret, no setting of a shell.

use std::ffi::OsStr;

use crate::platform;

/// What its PATH is; none where it needs none.
pub const PATH: Option<&str> = platform::PATH;

/// Whether it gets this variable: where its user's folders are, the session bus, the proxies, language and time zone.
pub fn is_kept(name: &OsStr) -> bool {
    const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    let Some(name) = name.to_str() else { return false };
    let proxy = |known: &&str| name == *known || name == known.to_ascii_uppercase();
    platform::KEPT.iter().any(|known| platform::is_variable(name, known))
        || PROXIES.iter().any(proxy)
        || name.starts_with("XDG_")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::is_kept;

    #[cfg(windows)]
    #[test]
    fn what_the_system_needs_is_kept_whatever_its_case() {
        for name in ["SYSTEMROOT", "SystemRoot", "LocalAppData", "USERPROFILE", "temp", "https_proxy"] {
            assert!(is_kept(OsStr::new(name)), "{name}");
        }
        for name in ["Path", "PATHEXT", "DATATRAILS_CLIENT_SECRET", "SSL_CERT_FILE", "HOME"] {
            assert!(!is_kept(OsStr::new(name)), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn of_the_environment_only_what_the_contract_names_is_kept() {
        let kept = [
            "HOME",
            "USER",
            "LOGNAME",
            "LANG",
            "TZ",
            "DBUS_SESSION_BUS_ADDRESS",
            "XDG_RUNTIME_DIR",
            "XDG_STATE_HOME",
            "http_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "NO_PROXY",
        ];
        let dropped = [
            "PATH",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "DATATRAILS_CLIENT_SECRET",
            "DATATRAILS_AUTHTOKEN",
            "HTTP_proxy",
            "ftp_proxy",
            "LC_ALL",
            "PWD",
            "DT_CRED_LOG",
            "TMPDIR",
            "NOTIFY_SOCKET",
            "LISTEN_FDS",
            "WATCHDOG_USEC",
            "JOURNAL_STREAM",
            "CREDENTIALS_DIRECTORY",
            "SUDO_USER",
        ];
        for name in kept {
            assert!(is_kept(OsStr::new(name)), "{name}");
        }
        for name in dropped {
            assert!(!is_kept(OsStr::new(name)), "{name}");
        }
    }
}
