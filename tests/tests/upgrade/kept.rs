//! The frames of each release.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// A frame's name, as `request-get`, and its bytes.
pub(crate) type Frames = BTreeMap<String, Vec<u8>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade")
}

/// What this release's own tests keep (`proto/frames`).
fn current() -> Frames {
    let files = fs::read_dir(folder().join("../../../proto/frames")).expect("the frames").flatten();
    let frame = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".frame")?.to_owned();
        Some((name, fs::read(path).expect("a frame")))
    };
    files.filter_map(|entry| frame(entry.path())).collect()
}

/// The frames of every release, by its number.
pub(crate) fn releases() -> BTreeMap<String, Frames> {
    let files = fs::read_dir(folder()).expect("the files").flatten().map(|entry| entry.path());
    let kept = files.filter(|path| path.extension().is_some_and(|extension| extension == "frames"));
    let number = |path: &PathBuf| path.file_stem().expect("a name").display().to_string();
    let releases: BTreeMap<_, _> = kept.map(|path| (number(&path), read(&path))).collect();
    assert!(!releases.is_empty());
    releases
}

fn read(path: &Path) -> Frames {
    let text = fs::read_to_string(path).expect("kept frames");
    let frame = |line: &str| {
        let (name, hex) = line.split_once(' ').expect("a name and a frame");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
        (name.to_owned(), (0..hex.len()).step_by(2).map(byte).collect())
    };
    text.lines().map(frame).collect()
}

#[test]
fn no_frame_of_a_release_was_changed_or_taken_away_and_this_release_has_its_file() {
    let (own, current) = (folder().join(concat!(env!("CARGO_PKG_VERSION"), ".frames")), current());
    if env::var_os("DT_CRED_WRITE_FRAMES").is_some_and(|value| value == "1") {
        let mut all = if own.exists() { read(&own) } else { Frames::new() };
        for (name, frame) in &current {
            all.entry(name.clone()).or_insert_with(|| frame.clone());
        }
        let mut text = String::new();
        for (name, frame) in all {
            let hex = frame.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            writeln!(text, "{name} {hex}").expect("a String takes it");
        }
        fs::write(&own, text).expect("written");
    }
    assert!(own.exists(), "DT_CRED_WRITE_FRAMES=1 writes it");
    for (release, frames) in releases() {
        assert!(frames.len() >= 130, "{release}");
        for (name, frame) in frames {
            assert!(current.get(&name) == Some(&frame), "{release}: {name} is not what it was");
        }
    }
}
