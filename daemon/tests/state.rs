//! The state file: what it keeps, whom it trusts, and that two daemons lose nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene fails")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use dt_cred_proto::{message::Keyring, profile::Profile};
use dt_credd::{
    platform::{Lock, create_private},
    state::{Kept, LIMIT, State, StateError},
};
use tempfile::TempDir;

fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn put(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("state.toml");
    // Another one than what was there.
    let _ = fs::remove_file(&path);
    create_private(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path
}

fn refusal(folder: &Path) -> StateError {
    State::open(folder).err().expect("it is refused")
}

#[test]
fn a_missing_file_is_an_empty_state_and_is_not_made_by_looking() {
    let folder = folder();
    assert!(State::open(folder.path()).unwrap().profiles().is_empty());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_recorded_is_there_for_the_next_daemon() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    state.record(&profile("default"), Keyring::SecretService).unwrap();
    state.record(&profile("with.dots_and-more"), Keyring::Keyutils).unwrap();
    state.record_generation(&profile("default"), 1_767_225_600_000).unwrap();
    let kept = State::open(folder.path()).unwrap().profiles();
    let expected = [
        (
            profile("default"),
            Kept { keyring: Some(Keyring::SecretService), generation: 1_767_225_600_000, ..Kept::default() },
        ),
        (profile("with.dots_and-more"), Kept { keyring: Some(Keyring::Keyutils), ..Kept::default() }),
    ];
    assert_eq!(kept, expected.into());
    assert_eq!(state.profiles(), kept);
}

#[test]
fn the_file_is_text_that_a_person_can_read() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    state.record(&profile("default"), Keyring::Keyutils).unwrap();
    state.record_generation(&profile("default"), 123).unwrap();
    state.record(&profile("other"), Keyring::SecretService).unwrap();
    state.record_generation(&profile("other"), 5).unwrap();
    let expected = "version = 1\n\n[profile.default]\nkeyring = \"keyutils\"\ngeneration = 123\n\n[profile.other]\n\
                    keyring = \"secret-service\"\ngeneration = 5\n";
    assert_eq!(fs::read_to_string(folder.path().join("state.toml")).unwrap(), expected);
}

#[test]
fn every_keyring_survives_the_file() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    for (keyring, name) in Keyring::NAMES {
        state.record(&profile("p"), keyring).unwrap();
        assert_eq!(state.profiles()[&profile("p")].keyring, Some(keyring));
        assert!(
            fs::read_to_string(folder.path().join("state.toml")).unwrap().contains(&format!("\"{name}\""))
        );
    }
}

#[test]
fn a_generation_never_becomes_smaller_until_its_profile_is_forgotten() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let default = profile("default");
    state.record_generation(&default, 9).unwrap();
    assert!(state.profiles().is_empty(), "what is kept nowhere has no generation to be noted");
    state.record(&default, Keyring::Keyutils).unwrap();
    for (given, kept) in [(7, 7), (3, 7), (7, 7), (8, 8), (u64::MAX, i64::MAX.unsigned_abs())] {
        state.record_generation(&default, given).unwrap();
        assert_eq!(State::open(folder.path()).unwrap().profiles()[&default].generation, kept);
    }
    state.record(&default, Keyring::Keyutils).unwrap();
    assert_eq!(state.profiles()[&default].generation, i64::MAX.unsigned_abs());
    state.forget(&default).unwrap();
    assert!(state.profiles().is_empty());
    state.forget(&default).unwrap();
}

#[test]
fn a_rotation_is_noted_until_it_has_ended_and_nothing_of_a_profile_that_was_never_kept_stays() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let (kept, lost, owner) = (profile("kept"), profile("lost"), profile("boss"));
    state.record(&kept, Keyring::Keyutils).unwrap();
    let of = "01234567-89ab-cdef-0123-456789abcdef".to_owned();
    state.begin_rotation(&kept, &owner, None).unwrap();
    state.begin_rotation(&lost, &owner, Some((of.clone(), Keyring::Keyutils))).unwrap();
    let text = fs::read_to_string(folder.path().join("state.toml")).unwrap();
    assert!(
        text.contains("[profile.kept]\nkeyring = \"keyutils\"\ngeneration = 0\nrotation = \"boss\"\n"),
        "{text}"
    );
    let next = State::open(folder.path()).unwrap();
    assert_eq!(next.of(&kept).unwrap().rotation, Some(owner.clone()));
    assert_eq!(
        next.remembered(&lost).unwrap(),
        Kept {
            rotation: Some(owner),
            rotation_of: Some(of),
            rotation_in: Some(Keyring::Keyutils),
            ..Kept::default()
        }
    );
    next.end_rotation(&kept, || true).unwrap();
    assert!(state.of(&kept).unwrap().rotation.is_some(), "one runs by now");
    next.end_rotation(&kept, || false).unwrap();
    next.end_rotation(&lost, || false).unwrap();
    next.end_rotation(&profile("nobody"), || false).unwrap();
    let expected = Kept { keyring: Some(Keyring::Keyutils), ..Kept::default() };
    assert_eq!(state.profiles(), [(kept, expected)].into());
}

#[test]
fn the_end_of_a_secret_is_noted_of_what_is_kept_there_and_goes_with_its_profile() {
    let folder = folder();
    put(folder.path(), "version = 1\n[profile.a]\nkeyring = \"keyutils\"\ngeneration = 5\n");
    let state = State::open(folder.path()).unwrap();
    let a = profile("a");
    let noted = || State::open(folder.path()).unwrap().of(&a).and_then(|kept| kept.valid_until);
    assert_eq!(noted(), None, "an older file says nothing of it");
    state.record_end(&a, Keyring::SecretService, Some(1)).unwrap();
    assert_eq!(noted(), None, "it is kept elsewhere");
    for end in [i64::MIN, -1, 1_663_778_599, i64::MAX] {
        state.record_end(&a, Keyring::Keyutils, Some(end)).unwrap();
        assert_eq!(noted(), Some(end));
    }
    let text = fs::read_to_string(folder.path().join("state.toml")).unwrap();
    assert!(text.contains("generation = 5\nvalid_until = 9223372036854775807\n"), "{text}");
    state.record(&a, Keyring::SecretService).unwrap();
    state.record_generation(&a, 6).unwrap();
    assert_eq!(noted(), Some(i64::MAX), "it is the same secret");
    state.record_end(&a, Keyring::SecretService, None).unwrap();
    assert_eq!(noted(), None);
    state.record_end(&a, Keyring::SecretService, Some(7)).unwrap();
    state.forget(&a).unwrap();
    state.record_end(&a, Keyring::SecretService, Some(7)).unwrap();
    assert!(state.profiles().is_empty());
}

#[test]
fn two_daemons_lose_nothing_of_each_other() {
    let folder = folder();
    let (one, two) = (State::open(folder.path()).unwrap(), State::open(folder.path()).unwrap());
    one.record(&profile("a"), Keyring::Keyutils).unwrap();
    two.record(&profile("b"), Keyring::SecretService).unwrap();
    one.record_generation(&profile("b"), 9).unwrap();
    two.forget(&profile("a")).unwrap();
    one.record(&profile("c"), Keyring::Keyutils).unwrap();
    let names: Vec<_> = two.profiles().into_keys().collect();
    assert_eq!(names, [profile("b"), profile("c")]);
    assert_eq!(one.profiles(), two.profiles());
    assert_eq!(one.profiles()[&profile("b")].generation, 9);
}

#[test]
fn nothing_is_written_while_another_process_holds_the_lock() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let lock = Lock::take(&folder.path().join("state.lock")).unwrap().expect("nobody else has it");
    let refused = state.record(&profile("a"), Keyring::Keyutils);
    assert!(matches!(refused, Err(StateError::Busy(_))));
    assert!(state.profiles().is_empty());
    drop(lock);
    state.record(&profile("a"), Keyring::Keyutils).unwrap();
    assert_eq!(state.profiles().len(), 1);
}

#[test]
fn a_change_that_changes_nothing_writes_nothing() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    let path =
        put(folder.path(), "# mine\nversion = 1\n[profile.a]\nkeyring = \"keyutils\"\ngeneration = 5\n");
    state.record(&profile("a"), Keyring::Keyutils).unwrap();
    state.record_generation(&profile("a"), 4).unwrap();
    state.forget(&profile("b")).unwrap();
    assert!(fs::read_to_string(path).unwrap().starts_with("# mine"));
}

#[test]
fn unknown_keys_of_a_file_of_this_version_are_no_error_and_are_not_kept() {
    let folder = folder();
    let path =
        put(folder.path(), "version = 1\ncolour = 1\n[profile.a]\nkeyring = \"keyutils\"\nshade = 2\n");
    let state = State::open(folder.path()).unwrap();
    state.record(&profile("b"), Keyring::Keyutils).unwrap();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("[profile.a]") && !text.contains("colour") && !text.contains("shade"), "{text}");
}

#[test]
fn a_malformed_file_is_named_with_its_line_and_left_alone() {
    for (text, line, word) in [
        ("version = 1\n[profile.a]\nkeyring = \"cloud\"\n", 3, "cloud"),
        ("version = 1\n\n[profile.a\n", 3, ""),
        ("version = 1\n[profile.a]\ngeneration = -5\n", 3, "-5"),
        ("version = 1\n[profile.a]\ngeneration = 1.5\n", 3, "1.5"),
        ("version = 1\n[profile.\"a b\"]\ngeneration = 1\n", 2, "64 characters"),
        ("version = 1\nversion = 1\n", 2, ""),
        ("[profile.a]\n", 1, "version"),
        ("version = \"one\"\n", 1, "one"),
    ] {
        let folder = folder();
        let path = put(folder.path(), text);
        let error = refusal(folder.path());
        assert!(
            matches!(error, StateError::Malformed { line: found, .. } if found == line),
            "{text}: {error}"
        );
        let told = error.to_string();
        assert!(told.contains("state.toml") && told.contains(word) && !told.contains('\n'), "{told}");
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
}

#[test]
fn a_file_of_a_later_release_is_refused_and_left_alone() {
    let folder = folder();
    let text = "version = 2\n[profile.a]\nkeyring = \"cloud\"\n";
    let path = put(folder.path(), text);
    assert!(matches!(refusal(folder.path()), StateError::Version { version: 2, .. }));
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn a_file_that_is_too_long_is_refused_and_one_just_as_long_is_not() {
    let limit = usize::try_from(LIMIT).unwrap();
    let folder = folder();
    let head = "version = 1\n#";
    put(folder.path(), &format!("{head}{}", "x".repeat(limit - head.len())));
    assert!(State::open(folder.path()).is_ok());
    put(folder.path(), &format!("{head}{}", "x".repeat(limit - head.len() + 1)));
    assert!(matches!(refusal(folder.path()), StateError::TooLong(_)));
}

#[test]
fn a_file_that_breaks_while_the_daemon_runs_is_neither_believed_nor_overwritten() {
    let folder = folder();
    let state = State::open(folder.path()).unwrap();
    state.record(&profile("a"), Keyring::Keyutils).unwrap();
    let path = put(folder.path(), "broken");
    assert_eq!(state.profiles().into_keys().collect::<Vec<_>>(), [profile("a")]);
    assert!(matches!(state.record(&profile("b"), Keyring::Keyutils), Err(StateError::Malformed { .. })));
    assert_eq!(fs::read_to_string(path).unwrap(), "broken");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use dt_credd::platform::{TrustError, own_uid};

    use super::*;

    #[test]
    fn files_are_private_and_nothing_else_is_left_in_the_folder() {
        let folder = folder();
        // What a daemon leaves that was killed while it wrote, and a trap laid for the next one.
        symlink(folder.path().join("precious"), folder.path().join("state.toml.new")).unwrap();
        fs::write(folder.path().join("precious"), "data").unwrap();
        State::open(folder.path()).unwrap().record(&profile("a"), Keyring::Keyutils).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["precious", "state.lock", "state.toml"]);
        assert_eq!(fs::read(folder.path().join("precious")).unwrap(), b"data");
        for name in ["state.lock", "state.toml"] {
            let mode = fs::symlink_metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_open_to_others_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o602, 0o644] {
            let folder = folder();
            let path = put(folder.path(), "version = 1\n");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = refusal(folder.path());
            assert!(
                matches!(error, StateError::Untrusted(TrustError::Readable { mode: found, .. }) if found == mode),
                "{error}"
            );
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_symlink_a_folder_and_a_pipe_are_refused() {
        let there = folder();
        let elsewhere = put(there.path(), "version = 1\n");
        let makers: [fn(&Path, &Path); 3] = [
            |_, path| fs::create_dir(path).unwrap(),
            |elsewhere, path| symlink(elsewhere, path).unwrap(),
            |_, path| {
                assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
            },
        ];
        for make in makers {
            let folder = folder();
            make(&elsewhere, &folder.path().join("state.toml"));
            assert!(matches!(refusal(folder.path()), StateError::NotAFile(_)));
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        if own_uid() != 0 {
            return; // Only root can give a file away.
        }
        let folder = folder();
        let path = put(folder.path(), "version = 1\n");
        chown(&path, Some(4321), None).unwrap();
        assert!(matches!(
            refusal(folder.path()),
            StateError::Untrusted(TrustError::Owner { owner: 4321, own: 0, .. })
        ));
    }
}
