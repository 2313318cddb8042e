//! An old client and a new daemon, and the reverse: a clear word, never a hang.
//!
//! What a release says is kept in a file of its number, frame by frame. `DT_CRED_WRITE_FRAMES=1` writes that of this release
//! once its frames are in `proto/frames`; one that is there already is only added to.
#![cfg(target_os = "linux")]

mod client;
mod daemon;
mod kept;
mod release;
