//! The time in which systemd has made no runtime folder for this user: early in a boot, or while they are not logged in. Where
//! the service is enabled no daemon is started then: it would lie in the state folder, know nothing of the service's
//! drop-ins, and go on, found by nobody, once systemd listens where every client looks from then on.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    endpoint::{Endpoint, endpoint, state_folder},
    message::{Failure, FailureKind},
    platform::own_uid,
};

use super::{SOCKET, folders, installed, variable};
use crate::{deadline::Deadline, platform, settings::Settings, spinner, verbose};

/// How often it is looked whether the user's manager is there.
const PAUSE: Duration = Duration::from_millis(20);

/// That the service listens where nothing is before a login, and that none is on its way.
pub(super) fn missing(settings: &Settings) -> Option<Failure> {
    let folder = expected(settings).filter(|_| !lingers())?;
    let user = user().map_or("USER".to_owned(), |user| user.to_string_lossy().into_owned());
    Some(Failure::new(
        FailureKind::Daemon,
        format!(
            "dt-cred.socket listens in {folder:?}, which systemd makes at your login, and you are not logged in: log in, or run `sudo loginctl enable-linger {user}` once, then try again"
        ),
    ))
}

/// Waits for the manager of a user who lingers; where it listens. None where nobody need wait.
///
/// # Errors
/// [`missing`], or that the time was not enough.
pub(in crate::service) fn awaited(
    settings: &Settings,
    deadline: Deadline,
) -> Result<Option<Endpoint>, Failure> {
    let Some(folder) = expected(settings) else { return Ok(None) };
    if let Some(failure) = missing(settings) {
        return Err(failure);
    }
    let began = verbose::begun(|| format!("waiting for systemd to make {folder:?}"));
    let listens = folder.join("systemd/private");
    let look = |deadline: Deadline| {
        while !listens.exists() {
            if deadline.has_passed() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            platform::pause(PAUSE, deadline);
        }
        Ok(())
    };
    let waiting_for = || "waiting for systemd to start your user manager".into();
    let there = spinner::while_waiting(deadline, deadline.remaining(), waiting_for, look);
    verbose::ended(began, || if there.is_ok() { "it is there" } else { "it is not there" }.to_owned());
    there.map_err(|_| {
        Failure::new(
            FailureKind::TryLater,
            format!(
                "dt-cred.socket listens in {folder:?}, and systemd has not started your user manager within {}: try again, or give it longer with --timeout",
                deadline.in_words()
            ),
        )
    })?;
    endpoint().map(Some).map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))
}

/// The runtime folder that systemd is to make, where the service that is enabled listens in it and it is not there.
fn expected(settings: &Settings) -> Option<PathBuf> {
    let falls_back = state_folder().is_some_and(|state| settings.endpoint.path.starts_with(state));
    // In a container that has this user's home there is nobody who would make it.
    let is_expected = !settings.endpoint.explicit
        && falls_back
        && Path::new("/run/systemd/system").exists()
        && installed().is_some()
        && is_enabled();
    is_expected.then(|| Path::new("/run/user").join(own_uid().to_string()))
}

/// Whether systemd listens from each login on, as far as files tell.
fn is_enabled() -> bool {
    folders().map(|folder| folder.join("sockets.target.wants").join(SOCKET)).any(|link| link.is_symlink())
}

/// Whether systemd starts this user's manager with the machine (`loginctl enable-linger`).
fn lingers() -> bool {
    user().is_some_and(|user| Path::new("/var/lib/systemd/linger").join(user).exists())
}

/// This user's name: as the machine's own list has it, else as cron and every login do, since any other list may be a network
/// away.
fn user() -> Option<OsString> {
    let listed = fs::read_to_string("/etc/passwd").ok().and_then(|list| listed(&list, own_uid()));
    let found = listed.or_else(|| ["LOGNAME", "USER"].into_iter().find_map(variable));
    found.filter(|name| Path::new(name).file_name() == Some(name))
}

/// The name of `uid` in a list as passwd(5) has it.
fn listed(list: &str, uid: u32) -> Option<OsString> {
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_uid_and_no_other() {
        let list = "root:x:0:0:root:/root:/bin/sh\n\nann:x:1000:100:Ann:/home/ann:/bin/sh\nodd\n";
        assert_eq!(listed(list, 1000), Some("ann".into()));
        assert_eq!((listed(list, 100), listed(list, 1)), (None, None));
    }
}
