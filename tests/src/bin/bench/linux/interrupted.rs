//! Ctrl-C and SIGTERM: whatever was started ends then, and whatever was made is removed, as at any other end.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use dt_cred_tests::issuer::Signals;

/// Whether it came, and who waits for it.
static SEEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Takes over both signals from now on.
pub(crate) fn watch() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::caught().context("cannot take over Ctrl-C")?
    };
    thread::spawn(move || {
        runtime.block_on(signals.received());
        *SEEN.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        SEEN.1.notify_all();
    });
    Ok(())
}

/// Goes on only if none came.
pub(crate) fn check() -> Result<()> {
    judge(&SEEN.0.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Lets so much time pass, unless one comes.
pub(crate) fn wait(time: Duration) -> Result<()> {
    let seen = SEEN.0.lock().unwrap_or_else(PoisonError::into_inner);
    let (seen, _) =
        SEEN.1.wait_timeout_while(seen, time, |seen| !*seen).unwrap_or_else(PoisonError::into_inner);
    judge(&seen)
}

fn judge(seen: &bool) -> Result<()> {
    ensure!(!seen, "interrupted: everything is removed again");
    Ok(())
}
