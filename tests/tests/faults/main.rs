//! Every fault that an issuer can have, against the real daemon: the true reason within the deadline, a token in hand
//! served on, no storm, no growth, and healed by the next good answer.
#![cfg(target_os = "linux")]

mod matrix;
mod provider;
mod row;
mod simulation;
