//! Which folders are trusted, tried on real ones.

#![allow(clippy::unwrap_used, reason = "tests, and what they call")]
#![cfg(unix)]

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use dt_cred_proto::platform::{TrustError, own_uid, private_folder, trusted, trusted_parents};

/// A uid that is neither ours nor root's.
const STRANGER: u32 = 54_321;

/// A folder that is trusted, by its real path.
fn ground() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn make(path: PathBuf, mode: u32) -> PathBuf {
    fs::create_dir(&path).unwrap();
    set(&path, mode);
    path
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// Whether this process may give a file to somebody else; said aloud where it may not.
fn may_give_away(what: &str) -> bool {
    let root = own_uid() == 0;
    if !root {
        // Past the test harness, which would keep it for itself.
        let _ = writeln!(io::stderr(), "LEFT OUT, needs root: {what}");
    }
    root
}

/// What an outcome is called in the tables.
fn name(outcome: Result<(), TrustError>) -> String {
    match outcome {
        Ok(()) => "fine".to_owned(),
        Err(TrustError::Owner { path, owner, own }) => {
            assert_eq!((owner, own), (STRANGER, own_uid()));
            format!("owner of {}", last(&path))
        }
        Err(TrustError::Writable { path, mode }) => format!("{} writable {mode:04o}", last(&path)),
        Err(TrustError::Open { path, mode }) => format!("{} open {mode:04o}", last(&path)),
        Err(TrustError::Readable { path, mode }) => format!("{} readable {mode:04o}", last(&path)),
        Err(TrustError::NotAFolder(path)) => format!("{} no folder", last(&path)),
        Err(TrustError::Io { source, .. }) => format!("io: {:?}", source.kind()),
    }
}

fn last(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_private_folder_is_made_with_what_is_missing_above_it() {
    let (_kept, ground) = ground();
    let folder = ground.join("a/b/c");
    private_folder(&folder, false).unwrap();
    for made in [ground.join("a"), ground.join("a/b"), folder.clone()] {
        assert_eq!(mode(&made), 0o700, "{made:?}");
    }
    fs::write(folder.join("file"), "kept").unwrap();
    private_folder(&folder, true).unwrap();
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "kept", "a second time changes nothing");
}

#[test]
fn a_folder_of_ours_that_is_too_open_is_repaired_or_refused_as_asked() {
    let cases = [
        // before, refused as, after a repair
        (0o700, "fine", 0o700),
        (0o755, "f open 0755", 0o700),
        (0o750, "f open 0750", 0o700),
        (0o701, "f open 0701", 0o700),
        (0o777, "f open 0777", 0o700),
        (0o1777, "f open 1777", 0o700),
        (0o500, "fine", 0o700),
        (0o600, "fine", 0o700),
    ];
    for (before, refused, repaired) in cases {
        let (_kept, ground) = ground();
        let folder = make(ground.join("f"), before);
        assert_eq!(name(private_folder(&folder, false)), refused, "{before:04o}");
        assert_eq!(mode(&folder), before, "refusing changes nothing");
        assert_eq!(name(private_folder(&folder, true)), "fine", "{before:04o}");
        assert_eq!(mode(&folder), repaired, "{before:04o}");
    }
}

#[test]
fn what_is_no_folder_is_refused_and_left_alone() {
    let (_kept, ground) = ground();
    let target = make(ground.join("target"), 0o755);
    let file = ground.join("file");
    fs::write(&file, "").unwrap();
    symlink(&target, ground.join("link")).unwrap();
    symlink(ground.join("nowhere"), ground.join("dangling")).unwrap();
    symlink(ground.join("loop"), ground.join("loop")).unwrap();
    let cases = [
        ("file", "file no folder"),
        ("link", "link no folder"),
        ("link/", "link no folder"),
        ("link/.", "link no folder"),
        ("dangling", "dangling no folder"),
        ("loop", "loop no folder"),
        ("file/below", "file no folder"),
    ];
    for (path, refused) in cases {
        for repair in [false, true] {
            assert_eq!(name(private_folder(&ground.join(path), repair)), refused, "{path}, repair {repair}");
        }
    }
    assert_eq!(mode(&target), 0o755, "what the link points to is not repaired");
    assert!(!ground.join("nowhere").exists(), "nor made");
}

#[test]
fn a_folder_below_one_that_others_may_write_to_is_refused_before_it_is_made_or_repaired() {
    for open in [0o777, 0o770, 0o707, 0o720, 0o702] {
        let (_kept, ground) = ground();
        let parent = make(ground.join("p"), open);
        let there = make(parent.join("there"), 0o755);
        let refused = format!("p writable {open:04o}");
        for folder in ["new", "new/below", "there", "there/below"] {
            assert_eq!(name(private_folder(&parent.join(folder), true)), refused, "{folder}");
        }
        assert!(!parent.join("new").exists());
        assert!(!there.join("below").exists());
        assert_eq!(mode(&there), 0o755);
    }
}

#[test]
fn a_sticky_folder_above_is_fine() {
    for open in [0o1777, 0o1770, 0o1722] {
        let (_kept, ground) = ground();
        let parent = make(ground.join("p"), open);
        assert_eq!(name(private_folder(&parent.join("f"), false)), "fine", "{open:04o}");
        assert_eq!(name(trusted_parents(&parent.join("file"))), "fine", "{open:04o}");
        assert_eq!(name(trusted(&parent, true)), "fine", "{open:04o}");
        assert_eq!(
            name(trusted(&parent, false)),
            format!("p writable {open:04o}"),
            "where sticky does not count"
        );
    }
}

#[test]
fn a_symlink_above_is_followed_and_everything_on_the_way_is_looked_at() {
    let cases = [
        // mode of the folder that holds the link, of the folder it points into
        (0o755, 0o755, "fine"),
        (0o1777, 0o755, "fine"),
        (0o777, 0o755, "holder writable 0777"),
        (0o755, 0o777, "home writable 0777"),
    ];
    for (holder, home, expected) in cases {
        let (_kept, ground) = ground();
        let (holder, home) = (make(ground.join("holder"), holder), make(ground.join("home"), home));
        make(home.join("real"), 0o700);
        symlink(home.join("real"), holder.join("absolute")).unwrap();
        symlink("../home/real", holder.join("relative")).unwrap();
        symlink("relative", holder.join("twice")).unwrap();
        for link in ["absolute", "relative", "twice"] {
            let parents = trusted_parents(&holder.join(link).join("file"));
            assert_eq!(name(parents), expected, "{link}");
            let folder = private_folder(&holder.join(link).join("f"), true);
            assert_eq!(name(folder), expected, "{link}");
        }
        assert_eq!(home.join("real/f").exists(), expected == "fine");
    }
}

#[test]
fn dots_in_a_path_are_followed_as_the_system_does() {
    let (_kept, ground) = ground();
    let open = make(ground.join("open"), 0o777);
    make(open.join("real"), 0o700);
    let closed = make(ground.join("closed"), 0o700);
    symlink(open.join("real"), closed.join("link")).unwrap();
    let cases = [
        ("closed/./file", "fine"),
        ("closed/../closed/file", "fine"),
        ("open/../closed/file", "open writable 0777"),
        ("closed/link/../file", "open writable 0777"),
    ];
    for (path, expected) in cases {
        assert_eq!(name(trusted_parents(&ground.join(path))), expected, "{path}");
    }
}

#[test]
fn parents_that_are_missing_or_lead_in_circles_are_errors() {
    let (_kept, ground) = ground();
    symlink("circle", ground.join("circle")).unwrap();
    fs::write(ground.join("file"), "").unwrap();
    assert_eq!(name(trusted_parents(&ground.join("missing/file"))), "io: NotFound");
    let circle = name(trusted_parents(&ground.join("circle/file")));
    assert!(circle.starts_with("io: "), "{circle}");
    assert_eq!(name(trusted_parents(&ground.join("file/below"))), "file no folder");
    assert_eq!(name(trusted(&ground.join("missing"), true)), "io: NotFound");
}

#[test]
fn the_root_and_a_relative_path_have_parents_too() {
    assert_eq!(name(trusted_parents(Path::new("/"))), "fine");
    assert_eq!(name(trusted_parents(Path::new("/file"))), "fine");
    // Where the tests run: whatever the answer is, it is the one for the whole path.
    let whole = std::env::current_dir().unwrap().join("file");
    assert_eq!(name(trusted_parents(Path::new("file"))), name(trusted_parents(&whole)));
}

#[test]
fn a_file_is_trusted_only_if_nobody_else_may_write_to_it() {
    let (_kept, ground) = ground();
    let file = ground.join("file");
    fs::write(&file, "").unwrap();
    let cases = [
        (0o600, "fine"),
        (0o644, "fine"),
        (0o664, "file writable 0664"),
        (0o602, "file writable 0602"),
        (0o1666, "file writable 1666"),
    ];
    for (mode, expected) in cases {
        set(&file, mode);
        assert_eq!(name(trusted(&file, false)), expected, "{mode:04o}");
    }
}

#[test]
fn roots_folders_are_trusted_by_everybody() {
    assert_eq!(name(trusted(Path::new("/"), false)), "fine");
    assert_eq!(name(trusted(Path::new("/etc/passwd"), false)), "fine");
}

#[test]
fn what_belongs_to_a_stranger_is_refused() {
    if !may_give_away("folders, files and symlinks of another user are refused") {
        return;
    }
    let (_kept, ground) = ground();
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(STRANGER), None).unwrap();

    let theirs = make(ground.join("theirs"), 0o700);
    give(&theirs);
    for repair in [false, true] {
        assert_eq!(name(private_folder(&theirs, repair)), "owner of theirs");
    }
    assert_eq!(name(private_folder(&theirs.join("new"), true)), "owner of theirs");
    assert!(!theirs.join("new").exists(), "nothing is made in it");
    assert_eq!(name(trusted_parents(&theirs.join("file"))), "owner of theirs");
    assert_eq!(name(trusted(&theirs, true)), "owner of theirs");

    // Ours, below theirs: they may put another into its place.
    let ours = make(theirs.join("ours"), 0o755);
    assert_eq!(name(private_folder(&ours, true)), "owner of theirs");
    assert_eq!(mode(&ours), 0o755, "nothing is repaired in it");

    // Their symlink in a sticky folder: they may point it elsewhere.
    let sticky = make(ground.join("sticky"), 0o1777);
    let target = make(ground.join("target"), 0o700);
    symlink(&target, sticky.join("link")).unwrap();
    assert_eq!(name(trusted_parents(&sticky.join("link/file"))), "fine");
    give(&sticky.join("link"));
    assert_eq!(name(trusted_parents(&sticky.join("link/file"))), "owner of link");
    assert_eq!(name(private_folder(&sticky.join("link/new"), true)), "owner of link");
    assert!(!target.join("new").exists());

    // Even a sticky folder is its owner's.
    chown(&sticky, Some(STRANGER), None).unwrap();
    assert_eq!(name(private_folder(&sticky.join("f"), true)), "owner of sticky");

    let file = ground.join("file");
    fs::write(&file, "").unwrap();
    give(&file);
    assert_eq!(name(trusted(&file, false)), "owner of file");
}

#[test]
fn every_refusal_names_the_path_and_the_mend() {
    let (_kept, ground) = ground();
    let folder = make(ground.join("f"), 0o755);
    let said = private_folder(&folder, false).unwrap_err().to_string();
    assert_eq!(
        said,
        format!(
            "{folder:?} is open to others (mode 0755): choose a folder of your own, or chmod 700 {folder:?}"
        )
    );
    set(&folder, 0o777);
    let said = trusted_parents(&folder.join("x")).unwrap_err().to_string();
    assert_eq!(said, format!("{folder:?} can be written by others (mode 0777): chmod go-w {folder:?}"));
    let file = ground.join("file");
    fs::write(&file, "").unwrap();
    let said = private_folder(&file, true).unwrap_err().to_string();
    assert_eq!(said, format!("{file:?} is not a folder: move it away, or choose another place"));
}
