//! Which files and folders may be trusted: nobody but their user, the system and its administrators can change them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use windows_sys::Win32::{
    Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE},
    Security::Authorization::SE_FILE_OBJECT,
    Storage::FileSystem::{
        DELETE, FILE_ADD_FILE, FILE_ADD_SUBDIRECTORY, FILE_APPEND_DATA, FILE_DELETE_CHILD,
        FILE_LIST_DIRECTORY, FILE_READ_DATA, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
    },
};

use super::{
    Sid,
    descriptor::{Descriptor, create_private_folder, make_private},
};
use crate::text::Text;

/// Whoever has one of these can put another one into its place, or take the others.
const REPLACE: u32 = DELETE | FILE_DELETE_CHILD | WRITE_DAC | WRITE_OWNER | GENERIC_ALL;

/// Whoever has one of these can change what is in it, or make a link of it (FSCTL_SET_REPARSE_POINT).
const CHANGE: u32 = FILE_WRITE_ATTRIBUTES
    | REPLACE
    | FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_ADD_FILE
    | FILE_ADD_SUBDIRECTORY
    | GENERIC_WRITE;

/// Whoever has one of these can see what is in it.
const READ: u32 = FILE_READ_DATA | FILE_LIST_DIRECTORY | GENERIC_READ | GENERIC_ALL;

/// Why a folder or a file cannot be trusted.
#[derive(Debug, Error)]
pub enum TrustError {
    /// Somebody else's.
    #[error("{} belongs to {owner}, not to you ({own}): move it away, or choose another place", shown(path))]
    Owner {
        /// What.
        path: PathBuf,
        /// Whose it is.
        owner: Sid,
        /// Whose it must be.
        own: Sid,
    },
    /// Others may change it.
    #[error("{} can be changed by {who}: choose another place{}", shown(path), icacls(path, who))]
    Writable {
        /// What.
        path: PathBuf,
        /// By whom.
        who: Sid,
    },
    /// Others may read it, or what is in it.
    #[error("{} is open to {who}: choose another place{}", shown(path), icacls(path, who))]
    Open {
        /// What.
        path: PathBuf,
        /// To whom.
        who: Sid,
    },
    /// A link or a file where a folder must be.
    #[error("{} is not a folder: move it away, or choose another place", shown(.0))]
    NotAFolder(PathBuf),
    /// The system refused to look or to make it.
    #[error("cannot use {}: {source}; see that it is there, and to its owner and rights", shown(path))]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A path as people write it, to be pasted into either shell.
fn shown(path: &Path) -> Text {
    let path = path.to_string_lossy();
    let plain = match (path.strip_prefix(r"\\?\UNC\"), path.strip_prefix(r"\\?\")) {
        (Some(share), _) => format!(r"\\{share}"),
        (None, Some(rest)) if rest.get(1..3) == Some(r":\") => rest.to_owned(),
        _ => path.into_owned(),
    };
    Text::from(format!("\"{plain}\"").as_str())
}

/// The command that takes somebody's rights away; none for a drive, whose other users need theirs.
fn icacls(path: &Path, who: &Sid) -> Text {
    let link = if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) { " /L" } else { "" };
    let command = format!(", or icacls {} /inheritance:d /remove:g *{who}{link}", shown(path));
    Text::from(if path.parent().is_some() { command.as_str() } else { "" })
}

/// Makes `folder` and what is missing above it, the user's alone, and sees that nobody else can look or change what is
/// in it.
///
/// A folder of ours that is too open is repaired where `repair` says so, else refused.
///
/// # Errors
/// [`TrustError`], each of which says what to do.
pub fn private_folder(folder: &Path, repair: bool) -> Result<(), TrustError> {
    let folder = std::path::absolute(folder).map_err(io(folder))?;
    let missing: Vec<_> = folder.ancestors().take_while(|path| fs::symlink_metadata(path).is_err()).collect();
    let there = folder.ancestors().nth(missing.len().max(1));
    there.map_or(Ok(()), trusted_folder)?;
    for path in missing.into_iter().rev() {
        match create_private_folder(path) {
            // Somebody else was quicker: judged below.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(io(path))?,
        }
    }
    // Again: somebody else may have made what was missing a moment before us.
    folder.parent().map_or(Ok(()), trusted_folder)?;
    let found = fs::symlink_metadata(&folder).map_err(io(&folder))?;
    if !found.is_dir() {
        return Err(TrustError::NotAFolder(folder));
    }
    match judged(&folder, CHANGE | READ) {
        Err(TrustError::Writable { .. } | TrustError::Open { .. }) if repair => {
            make_private(&folder).map_err(io(&folder))
        }
        judged => judged,
    }
}

/// Sees that nobody else can put something into the folder that holds `path`, or make it lead elsewhere.
///
/// # Errors
/// [`TrustError`] for the first that is not so.
pub fn trusted_parents(path: &Path) -> Result<(), TrustError> {
    let path = std::path::absolute(path).map_err(io(path))?;
    let Some(folder) = path.parent() else { return Ok(()) };
    trusted_folder(folder)?;
    judged(&fs::canonicalize(folder).map_err(io(folder))?, CHANGE)
}

/// Most links followed for one path, as the system does (Reparse Points and File Operations).
const LINKS: usize = 63;

/// Sees that nobody else can make `folder` lead elsewhere: nobody can replace what stands in its path, nor what stands in
/// the path of a link's target, nor what a drive letter stands for.
fn trusted_folder(folder: &Path) -> Result<(), TrustError> {
    led(folder, LINKS)?;
    led(&fs::canonicalize(folder).map_err(io(folder))?, LINKS)
}

fn led(folder: &Path, links: usize) -> Result<(), TrustError> {
    let above: Vec<_> = folder.ancestors().collect();
    for path in above.into_iter().rev() {
        if !fs::symlink_metadata(path).map_err(io(path))?.is_symlink() {
            // A drive is not removed, nor renamed, by whoever may remove files from it.
            judged(path, if path.parent().is_none() { REPLACE & !DELETE } else { REPLACE })?;
            continue;
        }
        // Whoever can write to a link decides where it leads.
        judged(path, CHANGE)?;
        let next = links.checked_sub(1).ok_or_else(|| TrustError::NotAFolder(folder.to_owned()))?;
        let mut target = fs::read_link(path).map_err(io(path))?;
        if let Some(folder) = path.parent().filter(|_| target.is_relative()) {
            // From where the link really lies.
            target = fs::canonicalize(folder).map_err(io(folder))?.join(target);
        }
        led(&std::path::absolute(&target).map_err(io(&target))?, next)?;
    }
    Ok(())
}

/// Sees that nobody but the user, the administrators and the system can change what is at `path`.
///
/// # Errors
/// [`TrustError`] where it is not so.
pub fn trusted(path: &Path, _sticky: bool) -> Result<(), TrustError> {
    judged(path, CHANGE)
}

/// Sees that nobody else can change the program at `path`, put another one in its place, or beside it a library that it
/// would load.
///
/// # Errors
/// [`TrustError`], which says what to do.
pub fn trusted_program(path: &Path) -> Result<(), TrustError> {
    judged(path, CHANGE)?;
    trusted_parents(path)
}

/// Sees that the file at `path`, which is open as `file`, is the user's own, and that nobody else can read or change it.
///
/// # Errors
/// [`TrustError`] where it is not so.
pub fn private_file(path: &Path, file: &fs::File) -> Result<(), TrustError> {
    let descriptor = Descriptor::of_handle(file, SE_FILE_OBJECT).map_err(io(path))?;
    judge(path, &descriptor, CHANGE | READ)
}

fn judged(path: &Path, rights: u32) -> Result<(), TrustError> {
    judge(path, &Descriptor::of_path(path).map_err(io(path))?, rights)
}

/// Sees that what is at `path` belongs to the user or the system, and that nobody else has any of these rights to it.
fn judge(path: &Path, descriptor: &Descriptor, rights: u32) -> Result<(), TrustError> {
    let own = Sid::own().map_err(io(path))?;
    let owner = descriptor.owner().map_err(io(path))?;
    if !owner.is_trusted_by(&own) {
        return Err(TrustError::Owner { path: path.to_owned(), owner, own });
    }
    let stranger = |rights| descriptor.stranger(&own, rights).map_err(io(path));
    if let Some(who) = stranger(rights & CHANGE)? {
        return Err(TrustError::Writable { path: path.to_owned(), who });
    }
    match stranger(rights & READ)? {
        Some(who) => Err(TrustError::Open { path: path.to_owned(), who }),
        None => Ok(()),
    }
}

fn io(path: &Path) -> impl Fn(io::Error) -> TrustError + use<> {
    let path = path.to_owned();
    move |source| TrustError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{self, Write},
        path::Path,
    };

    use super::{
        CHANGE, DELETE, Descriptor, READ, REPLACE, Sid, TrustError, judge, judged, private_file,
        private_folder, trusted, trusted_parents, trusted_program,
    };
    use crate::platform::{create_private, descriptor::opened_to};

    const EVERYBODY: &str = "WD";

    #[test]
    fn a_folder_is_made_for_its_user_alone_and_what_is_made_in_it_is_so_too() {
        let ground = tempfile::tempdir().unwrap();
        let folder = ground.path().join(r"a\b");
        private_folder(&folder, false).unwrap();
        private_folder(&folder, false).unwrap();
        judged(&ground.path().join("a"), CHANGE | READ).unwrap();
        drop(create_private(&folder.join("file")).unwrap());
        private_file(&folder.join("file"), &fs::File::open(folder.join("file")).unwrap()).unwrap();
        assert!(create_private(&folder.join("file")).is_err(), "what lies there stays");
    }

    #[test]
    fn a_file_of_a_path_of_any_length_is_made_and_judged() {
        let ground = tempfile::tempdir().unwrap();
        // wine tells no longer folder's real path.
        let folder = (0..3).fold(ground.path().to_owned(), |path, _| path.join("x".repeat(60)));
        let file = folder.join("x".repeat(100));
        assert!(file.as_os_str().len() > 260);
        private_folder(&folder, false).unwrap();
        drop(create_private(&file).unwrap());
        trusted_program(&file).unwrap();
    }

    #[test]
    fn a_folder_that_is_open_to_others_is_repaired_or_refused() {
        let ground = tempfile::tempdir().unwrap();
        // Not in the open: wine lets what is protected inherit all the same.
        let private = ground.path().join("private");
        for (rights, writable) in [("FR", false), ("FA", true)] {
            let folder = private.join(rights);
            private_folder(&folder, false).unwrap();
            opened_to(&folder, EVERYBODY, rights).unwrap();
            match private_folder(&folder, false) {
                Err(TrustError::Writable { who, .. }) if writable => assert_eq!(who.to_string(), "S-1-1-0"),
                Err(TrustError::Open { who, .. }) if !writable => assert_eq!(who.to_string(), "S-1-1-0"),
                other => panic!("{rights}: {other:?}"),
            }
            private_folder(&folder, true).unwrap();
            private_folder(&folder, false).unwrap();
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_trusted_but_not_private_and_one_that_they_can_write_is_neither() {
        let ground = tempfile::tempdir().unwrap();
        let file = ground.path().join("file");
        drop(create_private(&file).unwrap());
        let private = || private_file(&file, &fs::File::open(&file).unwrap());
        private().unwrap();
        opened_to(&file, EVERYBODY, "FR").unwrap();
        trusted(&file, false).unwrap();
        assert!(matches!(private(), Err(TrustError::Open { .. })));
        opened_to(&file, EVERYBODY, "FRFW").unwrap();
        assert!(matches!(trusted(&file, false), Err(TrustError::Writable { .. })));
        assert!(matches!(trusted_program(&file), Err(TrustError::Writable { .. })));
        assert!(matches!(private(), Err(TrustError::Writable { .. })));
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_trusted_with_nothing_in_it_or_below() {
        let ground = tempfile::tempdir().unwrap();
        let (folder, below) = (ground.path().join("open"), ground.path().join(r"open\below"));
        private_folder(&below, false).unwrap();
        drop(create_private(&below.join("file")).unwrap());
        trusted_program(&below.join("file")).unwrap();
        opened_to(&folder, EVERYBODY, "FA").unwrap();
        for judged in [
            trusted_program(&below.join("file")),
            trusted_parents(&below.join("file")),
            private_folder(&below, true),
            private_folder(&folder.join(r"new\one"), true),
        ] {
            assert!(
                matches!(&judged, Err(TrustError::Writable { path, .. }) if *path == folder),
                "{judged:?}"
            );
        }
        assert!(!folder.join("new").exists(), "nothing is made there");
    }

    #[test]
    fn a_file_where_a_folder_must_be_is_refused() {
        let ground = tempfile::tempdir().unwrap();
        let file = ground.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(private_folder(&file, true), Err(TrustError::NotAFolder(_))));
    }

    /// What is judged of a file with this owner and list, in the Security Descriptor Definition Language.
    fn of(text: &str, rights: u32) -> Result<(), TrustError> {
        judge(Path::new(r"C:\x\y"), &Descriptor::of_text(text).unwrap(), rights)
    }

    #[test]
    fn only_what_is_ours_or_the_systems_is_trusted() {
        let own = Sid::own().unwrap();
        for owner in [own.to_string().as_str(), "SY", "BA"] {
            of(&format!("O:{owner}D:P(A;;FA;;;{owner})"), CHANGE).unwrap();
        }
        for owner in ["WD", "AU", "BU", "S-1-5-21-9-9-9-1001", "S-1-5-21-9-9-9-500"] {
            let judged = of(&format!("O:{owner}D:P(A;;FA;;;{own})"), CHANGE);
            assert!(matches!(judged, Err(TrustError::Owner { .. })), "{owner}: {judged:?}");
        }
    }

    #[test]
    fn whoever_is_let_in_counts_and_whoever_is_not_does_not() {
        let own = Sid::own().unwrap();
        let judged = |list: &str| of(&format!("O:{own}D:{list}"), CHANGE | READ);
        for private in [
            "P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)",
            // For what is made in it, and not for itself.
            "P(A;OICIIO;FA;;;WD)(A;;FA;;;SY)",
            "P(D;;FA;;;WD)",
            // To see that it is there is nothing.
            "P(A;;0x100080;;;WD)",
            "P",
        ] {
            judged(private).unwrap();
        }
        for (open, writable) in [
            ("P(A;;FA;;;WD)", true),
            ("P(A;;GA;;;AU)", true),
            ("P(A;;GW;;;BU)", true),
            ("P(A;;SD;;;BU)", true),
            ("P(A;;0x100;;;BU)", true),
            ("P(A;;WD;;;BU)", true),
            ("P(A;;WO;;;BU)", true),
            ("P(A;;GR;;;BU)", false),
            ("P(A;;FR;;;AC)", false),
            // A list that denies first and then lets somebody in is not weighed.
            ("P(D;;FA;;;BU)(A;;FA;;;BU)", true),
        ] {
            match judged(open) {
                Err(TrustError::Writable { .. }) if writable => {}
                Err(TrustError::Open { .. }) if !writable => {}
                other => panic!("{open}: {other:?}"),
            }
        }
        // Without a list everybody may do everything.
        assert!(matches!(of(&format!("O:{own}"), CHANGE), Err(TrustError::Io { .. })));
    }

    #[test]
    fn a_data_drives_own_rights_do_not_spoil_what_is_private_on_it() {
        // Those of a drive that Windows has formatted.
        let own = Sid::own().unwrap();
        let drive =
            format!("O:{own}D:P(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1301bf;;;AU)(A;OICI;FRFX;;;BU)");
        of(&drive, REPLACE & !DELETE).unwrap();
        assert!(of(&drive, REPLACE).is_err());
    }

    #[test]
    fn the_mend_can_be_pasted_and_is_none_for_a_drive() {
        let who = || Sid::own().unwrap();
        let told = |path: &str| TrustError::Writable { path: path.into(), who: who() }.to_string();
        let icacls = format!(r#"icacls "C:\a b\c" /inheritance:d /remove:g *{}"#, who());
        assert!(told(r"\\?\C:\a b\c").ends_with(&icacls), "{}", told(r"\\?\C:\a b\c"));
        for share in [r"\\server\share\x", r"\\?\UNC\server\share\x"] {
            assert!(told(share).contains(r#"icacls "\\server\share\x" /inh"#), "{}", told(share));
        }
        for drive in ["D:\\", r"\\?\D:\"] {
            assert!(!told(drive).contains("icacls"), "{}", told(drive));
        }
    }

    #[test]
    fn where_a_link_leads_is_judged_too() {
        let ground = tempfile::tempdir().unwrap();
        let (open, link) = (ground.path().join("open"), ground.path().join("link"));
        private_folder(&open.join(r"inner\below"), false).unwrap();
        let _ = std::os::windows::fs::symlink_dir(open.join("inner"), &link);
        // Not everybody may make one, and wine makes none and says it did.
        if fs::symlink_metadata(&link).is_err() {
            let _ =
                io::stderr().write_all(b"LEFT OUT: where a link leads, which needs the right to make one\n");
            return;
        }
        private_folder(&link.join("below"), false).unwrap();
        opened_to(&open, EVERYBODY, "FA").unwrap();
        let judged = private_folder(&link.join("below"), false);
        assert!(matches!(judged, Err(TrustError::Writable { .. })), "{judged:?}");
    }

    #[test]
    fn what_the_system_made_is_trusted() {
        let system = std::env::var_os("SystemRoot").unwrap();
        trusted_program(&Path::new(&system).join(r"system32\kernel32.dll")).unwrap();
    }
}
