//! Where a test has the daemon killed. A build without debug assertions, as every release is, has nothing of it.

/// The point of this name is reached: where the environment's `DT_CRED_FAULT_POINT` names it, the process is gone, as by a
/// power cut.
#[cfg(debug_assertions)]
pub fn reached(name: &str) {
    if std::env::var_os("DT_CRED_FAULT_POINT").is_some_and(|point| point == name) {
        crate::platform::die();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub fn reached(_: &str) {}
