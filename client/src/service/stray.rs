//! A daemon that was started while its user had no runtime folder, and listens in the state folder. Once there is one, no command
//! finds it, and it goes on with what it holds.

use std::path::PathBuf;

use dt_cred_proto::endpoint::{Endpoint, state_folder};

use crate::{daemon, deadline::Deadline, settings::Settings};

/// The folder of its socket.
pub(super) fn folder() -> Option<PathBuf> {
    state_folder().map(|state| state.join("run"))
}

/// What reaches it, where it may be there and commands look elsewhere.
pub(super) fn settings(settings: &Settings) -> Option<Settings> {
    let path = folder()?.join("agent.sock");
    // Windows' pipes lie in no folder.
    let is_elsewhere =
        cfg!(unix) && !settings.endpoint.explicit && path != settings.endpoint.path && path.exists();
    is_elsewhere.then(|| Settings { endpoint: Endpoint { path, explicit: true }, ..settings.clone() })
}

/// Where it listens, and its number, where that is seen.
pub(crate) fn found(settings: &Settings, deadline: Deadline) -> Option<(Endpoint, Option<u32>)> {
    let there = self::settings(settings)?;
    let connection = daemon::running(&there, deadline).ok()??;
    Some((there.endpoint, connection.listener()))
}

/// What ends the daemon that listens there.
pub(crate) fn stop(endpoint: &Endpoint) -> String {
    let named =
        if endpoint.explicit { format!("DT_CRED_SOCKET={:?} ", endpoint.path) } else { String::new() };
    format!("{named}dt-cred stop")
}
