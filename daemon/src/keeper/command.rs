//! What a profile's task is told: by those who ask, and by what it began itself.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use dt_cred_proto::message::{
    Attributes, Create, Described, Failure, FileStatus, Keyring, Moved, Previewed, ProfileStatus, Rotate,
    Rotated, Store, Stored, Token,
};
use tokio::sync::oneshot;

use super::{
    attempt::Attempt,
    change::Changed,
    create::Made,
    item::Item,
    leases::{Lease, Place},
    settled::Asking,
};
use crate::{
    credentials::Credentials,
    lifecycle::{Ask, Epoch},
};

/// A token and the credentials that it was got by, or why there is none.
pub(super) type Answer = Result<(Token, Arc<Credentials>), Failure>;

/// What a profile's task is told.
pub(super) enum Command {
    Get {
        ask: Ask,
        reply: oneshot::Sender<Answer>,
    },
    Reject {
        generation: Option<u64>,
        force: bool,
        reply: oneshot::Sender<bool>,
    },
    Store {
        store: Box<Store>,
        deadline: Duration,
        reply: oneshot::Sender<Result<Stored, Failure>>,
    },
    Erase {
        also: BTreeSet<Keyring>,
        deadline: Duration,
        reply: oneshot::Sender<Result<bool, Failure>>,
    },
    Move {
        to: Keyring,
        deadline: Duration,
        reply: oneshot::Sender<Result<Moved, Failure>>,
    },
    Create(Box<Asking<Create, Made>>),
    Rotate(Box<Asking<Rotate, Rotated>>),
    Describe {
        deadline: Duration,
        reply: oneshot::Sender<Result<Described, Failure>>,
    },
    Preview {
        attributes: Attributes,
        reply: oneshot::Sender<Result<Box<Previewed>, Failure>>,
    },
    Unlock {
        deadline: Duration,
        reply: oneshot::Sender<Result<Keyring, Failure>>,
    },
    Status {
        reply: oneshot::Sender<ProfileStatus>,
    },
    /// Whether what is held of the credentials is kept nowhere else.
    IsOnlyCopy {
        reply: oneshot::Sender<bool>,
    },
    /// What is held of the credentials.
    Item {
        reply: oneshot::Sender<Option<Item>>,
    },
    Files {
        reply: oneshot::Sender<Vec<FileStatus>>,
    },
    /// A file is lent at this place.
    Lend {
        place: Place,
        reply: oneshot::Sender<Result<Lease, Failure>>,
    },
    /// Nobody needs the file any more that was lent there.
    Return {
        path: PathBuf,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
    /// The configuration is another one.
    Configure,
    /// The files that it does not name any more are gone.
    OpenFiles,
    Fetched {
        epoch: Epoch,
        change: u64,
        attempt: Attempt,
    },
    Reread {
        epoch: Epoch,
        change: u64,
        found: Result<Item, Failure>,
    },
    Changed(Box<Changed>),
    Unlocked {
        change: u64,
        result: Result<(Keyring, Option<Item>), Failure>,
        reply: oneshot::Sender<Result<Keyring, Failure>>,
    },
}
