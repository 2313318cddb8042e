//! `dt-cred service uninstall --user`: no item, no process and no file of dt-cred's is left, but what its user wrote.

use std::{fs, io, path::Path};

use dt_cred_proto::{
    endpoint::state_folder,
    message::{Erase, Failure, FailureKind, Operation, Response},
};

use super::{Changes, ServiceError, end, shown, stray, system};
use crate::{daemon, deadline::Deadline, forward, platform::DAEMON, settings::Settings};

/// Erases every item, takes the service away, ends the daemon and removes what both have written; what was done, one line
/// each, and what is left.
///
/// # Errors
/// The daemon's failure where an item cannot be erased: then nothing else was done. [`ServiceError`].
pub(super) fn run(settings: &Settings, deadline: Deadline) -> Result<Changes, Failure> {
    if settings.endpoint.explicit {
        return Err(ServiceError::Explicit.into());
    }
    if forward::is_there() {
        return Err(ServiceError::Forwarding.into());
    }
    let mut changes = Changes::new();
    let folders = [state_folder(), stray::folder(), system::run_folder(settings)];
    let mut folders: Vec<_> = folders.into_iter().flatten().collect();
    folders.dedup();
    // What is made for the question alone is no change.
    let had = folders.clone().into_iter().filter(|folder| folder.exists()).collect::<Vec<_>>();
    let ran = !super::sleeps(settings, deadline) && daemon::running(settings, deadline)?.is_some();
    // The keyring may ask whether it is to remove an item.
    let deadline = Deadline::after(settings.patience);
    let erased = daemon::ask(settings, Operation::Erase(Erase::All), deadline);
    let erased = erased.map_err(|failure| match failure.kind {
        FailureKind::Daemon | FailureKind::Configuration if system::installed().is_some() => {
            let message = format!(
                "{}; or, where the service is to go first: dt-cred service uninstall, then try again",
                failure.message
            );
            Failure::new(failure.kind, message)
        }
        _ => failure,
    });
    match erased? {
        Response::Erased(profiles) => {
            changes.extend(profiles.iter().map(|profile| format!("erased profile {profile}")));
        }
        _ => return Err(daemon::unexpected()),
    }
    system::uninstall(settings, deadline, &mut changes)?;
    if let Some(pid) = end(settings, deadline)?
        && ran
    {
        changes.push(format!("ended {DAEMON}, pid {pid}"));
    }
    if let Some(there) = stray::settings(settings)
        && let Some(pid) = end(&there, deadline)?
    {
        changes.push(format!("ended {DAEMON}, pid {pid}"));
    }
    // One lies in another.
    for folder in folders.iter().rev() {
        let is_left = removed(folder)?;
        if is_left {
            changes.push(format!("left {}: something in it is not dt-cred's", shown(folder)));
        } else if had.contains(folder) {
            changes.push(format!("removed {}", shown(folder)));
        }
    }
    let kept = system::kept();
    changes.extend(
        kept.iter().filter(|path| path.exists()).map(|path| format!("kept {}: you wrote it", shown(path))),
    );
    // The daemon makes the configuration's folder, and one with anything in it is not removed.
    let _ = kept.first().and_then(|path| path.parent()).map(fs::remove_dir);
    Ok(changes)
}

/// Removes what dt-cred has written in `folder`, and the folder where that was all; whether something else is left.
fn removed(folder: &Path) -> Result<bool, ServiceError> {
    // A symlink's target is whoever's made it.
    if !fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Ok(folder.exists());
    }
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let (path, is_folder) = (entry.path(), entry.file_type().is_ok_and(|kind| kind.is_dir()));
        if !entry.file_name().to_str().is_some_and(|name| is_ours(name, is_folder)) {
            continue;
        }
        // None of them follows a symlink.
        let done = match (is_folder, entry.file_name() == "ca") {
            (true, true) => remove_copies(&path),
            (true, false) => fs::remove_dir_all(&path),
            (false, _) => fs::remove_file(&path),
        };
        done.map_err(failed(&path))?;
    }
    Ok(fs::remove_dir(folder).is_err())
}

/// Removes the copies of CA files that `login` has made, and their folder where that was all.
fn remove_copies(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().to_str().is_some_and(is_number) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    // With anything else in it, it stays.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// Whether it is what names of ours are told apart by.
fn is_number(digits: &str) -> bool {
    digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the daemon or the client gives this name to something in its own folders.
fn is_ours(name: &str, is_folder: bool) -> bool {
    if is_folder {
        return matches!(name, "ca" | "agent.lent") || cfg!(windows) && name.starts_with("lent-dt-cred-");
    }
    let of_file =
        name.strip_prefix("file-").and_then(|name| name.strip_suffix(".lock")).is_some_and(is_number);
    let of_pipe = cfg!(windows) && name.starts_with("pipe-dt-cred-") && name.ends_with(".lock");
    let files = [
        "state.toml",
        "state.toml.new",
        "state.lock",
        "forward.lock",
        "dt-credd.log",
        "dt-credd.log.1",
        "agent.sock",
        "agent.lock",
    ];
    files.contains(&name) || of_file || of_pipe
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ServiceError + use<> {
    let path = path.to_owned();
    move |source| ServiceError::Io { doing: "remove", path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_dt_creds_is_left_where_it_lies_and_so_is_its_folder() {
        let ground = tempfile::tempdir().expect("a folder");
        let folder = ground.path().join("dt-cred");
        let make = || {
            fs::create_dir_all(folder.join("ca/0123456789abcdef")).expect("made");
            for name in
                ["state.toml", "dt-credd.log.1", "file-0123456789abcdef.lock", "ca/0123456789abcdef/ca.pem"]
            {
                fs::write(folder.join(name), "x").expect("written");
            }
        };
        make();
        assert!(!removed(&folder).expect("removed"));
        assert!(!folder.exists());
        assert!(!removed(&folder).expect("nothing there"));
        make();
        let others =
            ["notes.txt", "state.toml.bak", "file-x", "file-notes.lock", "ca/own.pem", "lent-backup/f"];
        fs::create_dir(folder.join("lent-backup")).expect("made");
        for name in others {
            fs::write(folder.join(name), "x").expect("written");
        }
        fs::create_dir(folder.join("dt-credd.log")).expect("made");
        assert!(removed(&folder).expect("removed"));
        let mut left: Vec<_> =
            fs::read_dir(&folder).expect("left").map(|entry| entry.expect("an entry").file_name()).collect();
        left.sort();
        let expected =
            ["ca", "dt-credd.log", "file-notes.lock", "file-x", "lent-backup", "notes.txt", "state.toml.bak"];
        assert_eq!(left, expected);
        assert!(folder.join("ca/own.pem").exists() && !folder.join("ca/0123456789abcdef").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_symlink_in_the_place_of_the_folder_is_not_followed() {
        let ground = tempfile::tempdir().expect("a folder");
        let (other, folder) = (ground.path().join("other"), ground.path().join("dt-cred"));
        fs::create_dir(&other).expect("made");
        fs::write(other.join("state.toml"), "x").expect("written");
        std::os::unix::fs::symlink(&other, &folder).expect("a link");
        assert!(removed(&folder).expect("left"));
        assert!(other.join("state.toml").exists() && folder.exists());
    }
}
