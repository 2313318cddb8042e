//! This project's own binaries, built as the tests that ask for them are.

use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Set where the binaries were built just now, as `tests/run` does: they are taken as they are.
pub const BUILT_VARIABLE: &str = "DT_CRED_BINARIES_BUILT";

/// Names a folder whose `dt-cred` and `dt-credd` are run in place of those that are built here, as `tests/bench` does.
pub const PROGRAMS_VARIABLE: &str = "DT_CRED_BENCH_PROGRAMS";

/// The client, `dt-cred`.
pub fn client() -> PathBuf {
    shipped("dt-cred")
}

/// The daemon, `dt-credd`.
pub fn daemon() -> PathBuf {
    shipped("dt-credd")
}

/// A daemon of another release in all but its code, and that release: as long as this one's, and none that there is.
///
/// # Panics
/// Where it cannot be read.
pub fn daemon_of_another_release() -> (String, Vec<u8>) {
    let own = env!("CARGO_PKG_VERSION");
    let release = own.replace(|digit: char| digit.is_ascii_digit(), "9");
    let mut program = std::fs::read(daemon()).expect("the daemon");
    let places: Vec<_> =
        (0..program.len() - own.len()).filter(|at| program[*at..].starts_with(own.as_bytes())).collect();
    for at in places {
        program[at..at + own.len()].copy_from_slice(release.as_bytes());
    }
    (release, program)
}

/// The sandbox issuer, for a test that needs it as a process of its own.
pub fn sandbox() -> PathBuf {
    program("sandbox-issuer")
}

/// The demo.
#[cfg(target_os = "linux")]
pub fn demo() -> PathBuf {
    program("demo")
}

/// What stays at a console of Windows, as a shell does.
#[cfg(windows)]
pub fn console_witness() -> PathBuf {
    program("console-witness")
}

/// Cargo's target folder, where `tests/run` lays what it installs for the tests alone.
///
/// # Panics
/// Where this executable does not lie in it.
pub fn target() -> PathBuf {
    profile_folder().parent().expect("the profile's folder lies in the target folder").to_owned()
}

fn shipped(name: &str) -> PathBuf {
    match env::var_os(PROGRAMS_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => file_of(Path::new(&folder), name),
        None => program(name),
    }
}

fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    // A failure is a panic in the first test; the others then try again and fail alike.
    let folder = BUILT.get_or_init(|| {
        let folder = profile_folder();
        if env::var_os(BUILT_VARIABLE).is_none_or(|value| value.is_empty()) {
            build(&folder);
        }
        folder
    });
    file_of(folder, name)
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{path:?} is not there: cargo build --workspace --bins");
    path
}

/// `target/debug` or its like: where this executable lies, or the folder above a test's.
fn profile_folder() -> PathBuf {
    let this = env::current_exe().expect("this executable has a path");
    let folder = this.parent().expect("it lies in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.to_owned()
}

/// Builds them. `cargo test` does not: it would run a test of the client against whatever lay there before. Where
/// nothing changed this takes less than a second, and cargo's own lock lets one do it after the other.
fn build(folder: &Path) {
    // Under wine cargo is a program of the system below, which knows no folder by the name that it has here.
    let below = cfg!(windows) && env!("CARGO").starts_with('/');
    assert!(!below, "{BUILT_VARIABLE} is not set: build the binaries first, as tests/cross wine does");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => panic!("{folder:?} is no folder of cargo's"),
    };
    let target = folder.parent().expect("it lies in the target folder");
    let mut cargo = Command::new(env!("CARGO"));
    // The whole workspace, so that the dependencies have the same features as in `cargo test --workspace` and are
    // not built twice. Where only the demo was built before, cargo still has to download what the programs need.
    cargo.args([
        "build",
        "--quiet",
        "--workspace",
        "--bins",
        "--locked",
        "--profile",
        profile,
        "--target-dir",
    ]);
    cargo.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_this_run(name)) {
        cargo.env_remove(name);
    }
    let _ = io::stderr().write_all(b"building the binaries that the tests run\n");
    let built = cargo.output().expect("cargo starts");
    assert!(built.status.success(), "cargo build: {}", String::from_utf8_lossy(&built.stderr));
}

/// Whether cargo set it for the test alone. Build scripts look at some of these, and would run again for each.
fn is_of_this_run(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_", "CARGO_CFG_"]
        .iter()
        .any(|start| name.starts_with(start))
        || [
            "CARGO",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_TARGET_TMPDIR",
            "OUT_DIR",
            "LD_LIBRARY_PATH",
        ]
        .contains(&&*name)
}
