//! Windows: there is nothing to forward to. Its OpenSSH forwards no pipes, and a container is given none of them by a mount.

use dt_cred_proto::message::{Failure, FailureKind};

use crate::{cli::ForwardArguments, settings::Settings};

/// Whether one of this user's runs.
pub(crate) const fn is_there() -> bool {
    false
}

/// Says so.
///
/// # Errors
/// Always.
pub(crate) fn run(_settings: &Settings, arguments: ForwardArguments) -> Result<(), Failure> {
    let ForwardArguments { socket: _, ttl: _, allow_uid: _ } = arguments;
    let message = "forward makes a Unix socket, which ssh and containers of this system do not take: run dt-cred in WSL, \
                   or on the machine that asks";
    Err(Failure::new(FailureKind::Usage, message))
}
