//! The real parts that the tests run: this project's binaries in a home of their own, a Secret Service on a private
//! bus, an OpenID provider, the user's own keyring.
//!
//! A test asks for a part and gets `None` where the machine does not have it:
//! `let Some(keyring) = SecretService::start() else { return };`. That is said loudly, and under
//! `DT_CRED_REQUIRE_REAL=1`, as `tests/run` sets it, it is a failure.
//!
//! Nothing here waits for a time. Each wait is for an event and has a [`BOUND`], which is long enough for a loaded
//! machine and only there so that a broken test ends and says what it waited for.

pub mod binaries;
#[cfg(target_os = "linux")]
pub mod bus;
#[cfg(target_os = "linux")]
pub mod display;
pub mod home;
pub mod http;
pub mod keyring;
pub mod oidc_provider;
pub mod process;
#[cfg(target_os = "linux")]
pub mod recipe_checkers;
#[cfg(target_os = "linux")]
pub mod seccomp;
#[cfg(target_os = "linux")]
pub mod secret_service;
pub mod session;
#[cfg(target_os = "linux")]
pub mod stranger;
#[cfg(target_os = "linux")]
pub mod systemd;
#[cfg(target_os = "linux")]
pub mod terminal;
#[cfg(windows)]
#[path = "parts/terminal/windows.rs"]
pub mod terminal;
pub mod wait;
#[cfg(target_os = "linux")]
pub mod wall_clock;

#[cfg(unix)]
#[path = "parts/unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "parts/windows.rs"]
mod platform;

use std::{
    env,
    io::{self, Write},
};

#[cfg(target_os = "linux")]
pub use bus::Bus;
#[cfg(target_os = "linux")]
pub use display::Display;
pub use home::Home;
pub use oidc_provider::OidcProvider;
#[cfg(unix)]
pub use platform::root;
pub use platform::{Pid, private_folder};
pub use process::{Output, Running, run};
#[cfg(target_os = "linux")]
pub use recipe_checkers::RecipeCheckers;
#[cfg(target_os = "linux")]
pub use secret_service::SecretService;
#[cfg(target_os = "linux")]
pub use stranger::Stranger;
#[cfg(target_os = "linux")]
pub use systemd::{Systemd, SystemdUser};
pub use wait::{BOUND, until};
#[cfg(target_os = "linux")]
pub use wall_clock::WallClock;

/// Environment variable under which a missing real part is a failure.
pub const REQUIRE_VARIABLE: &str = "DT_CRED_REQUIRE_REAL";

/// Whether a real part is `present`; says loudly what is left out where it is not.
///
/// # Panics
/// Where it is missing and [`REQUIRE_VARIABLE`] is 1.
pub fn require(what: &str, present: bool) -> bool {
    if !present {
        let required = env::var_os(REQUIRE_VARIABLE).is_some_and(|value| value == "1");
        assert!(!required, "{what} is missing, and {REQUIRE_VARIABLE} is set: tests/run installs it");
        // Written at once and past libtest's capture, which only takes what the print macros say.
        let line = format!("LEFT OUT: a test that needs {what}, which is not here; tests/run installs it\n");
        let _ = io::stderr().write_all(line.as_bytes());
    }
    present
}

/// Whether every one of `programs` lies on the PATH.
pub fn on_path(programs: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    programs.iter().all(|program| folders.iter().any(|folder| folder.join(program).is_file()))
}
