//! What `-v` and DT_CRED_LOG tell on standard error of what the client does: for a bug report, so never a secret or token.
//!
//! Where nothing is asked for, it costs a look at a variable and at a number: nothing is formatted, no clock is read.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use dt_cred_proto::{
    endpoint::{Endpoint, state_folder},
    log::{self, CLIENT, LOG_VARIABLE, Level},
    message::{Failure, FailureKind},
};

use crate::{error, settings::Settings};

/// How often `-v` was given, or as if it had been.
static TOLD: AtomicU8 = AtomicU8::new(0);

/// Begins to tell, where `-v` was given so often or the variable says so.
///
/// # Errors
/// A variable that cannot be understood.
pub(crate) fn begin(given: u8) -> Result<(), Failure> {
    let value = std::env::var_os(LOG_VARIABLE);
    let level = value.map_or(Ok(None), |value| log::level(&value.to_string_lossy(), CLIENT));
    let by_variable = match level.map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))? {
        Some(Level::Trace) => 2,
        Some(Level::Debug) => 1,
        _ => 0,
    };
    TOLD.store(given.max(by_variable), Ordering::Relaxed);
    Ok(())
}

/// Tells what the command goes by.
pub(crate) fn introduce(settings: &Settings) {
    tell(|| {
        let profile = settings.profile.as_ref().map_or("the default one", |profile| profile.as_str());
        let timeout = in_ms(settings.timeout);
        format!("release {}, profile {profile}, {timeout} at most", env!("CARGO_PKG_VERSION"))
    });
    tell_more(|| {
        let Settings { start, server_uid, patience, .. } = settings;
        let uid = server_uid.map_or("none but its own and root's".to_owned(), |uid| uid.to_string());
        format!("may start a daemon: {start}; trusted uid: {uid}; a prompt may take {}", in_ms(*patience))
    });
}

/// Tells what `-v` tells: one line, in which what comes from outside, as a path does, is quoted.
pub(crate) fn tell(line: impl FnOnce() -> String) {
    if is_told(1) {
        say(&line());
    }
}

/// Tells what `-vv` tells.
pub(crate) fn tell_more(line: impl FnOnce() -> String) {
    if is_told(2) {
        say(&line());
    }
}

/// Tells what begins, and remembers when.
pub(crate) fn begun(line: impl FnOnce() -> String) -> Option<Instant> {
    is_told(1).then(|| {
        say(&line());
        Instant::now()
    })
}

/// Tells how it ended, and how long it took.
pub(crate) fn ended(began: Option<Instant>, line: impl FnOnce() -> String) {
    if let Some(began) = began {
        say(&format!("{}, after {}", line(), in_ms(began.elapsed())));
    }
}

/// Why the daemon is looked for there.
pub(crate) fn why(endpoint: &Endpoint) -> &'static str {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    if endpoint.explicit {
        "as DT_CRED_SOCKET says"
    } else if runtime.is_some_and(|folder| endpoint.path.starts_with(folder)) {
        "in XDG_RUNTIME_DIR"
    } else if state_folder().is_some_and(|folder| endpoint.path.starts_with(folder)) {
        "in the state folder, as no runtime folder is yours"
    } else {
        "where the system has this user's"
    }
}

/// A length of time in whole milliseconds, as `12 ms`.
pub(crate) fn in_ms(time: Duration) -> String {
    format!("{} ms", u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn is_told(times: u8) -> bool {
    TOLD.load(Ordering::Relaxed) >= times
}

#[cold]
fn say(line: &str) {
    error::say(line);
}
