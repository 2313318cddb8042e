use std::time::Duration;

use dt_cred_proto::{
    frame::{self, HEADER},
    message::{Describe, Examine, Get, Operation, Preview, Reject, Request, Response, Starter, Test, Unlock},
    profile::Profile,
};
use dt_credd::{
    audit::Peer,
    config::Config,
    confinement::Confinement,
    keeper::Keeper,
    keyring::Keyrings,
    service::Service,
    session::{IDLE, TRANSFER, run},
    state::State,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    runtime::Runtime,
    time::{Instant, timeout},
};

use crate::{file, within};

/// How much memory one session may take: a request that grows as it comes, the answer, the profile's task.
const MOST: usize = 512 * 1024;

/// Keeps nothing anywhere, and asks nobody.
const CONFIGURATION: &str = "[profile.default]\nkeyring = \"memory\"\n";

/// A session with a client that says this and then falls silent, on a runtime whose clock is paused.
///
/// # Panics
/// Where a rule is broken.
pub fn session(runtime: &Runtime, data: &[u8]) -> bool {
    let data = harmless(data);
    let folder = tempfile::tempdir().expect("a folder");
    let answers = within(MOST + 2 * data.len(), || runtime.block_on(answers(data, folder.path())));
    let (mut rest, mut taken) = (answers.as_slice(), false);
    while !rest.is_empty() {
        let (header, behind) = rest.split_at_checked(HEADER).expect("a whole header");
        let length = frame::body_length::<Response>(header.try_into().expect("as long")).expect("a length");
        let (body, behind) = behind.split_at_checked(length).expect("a whole body");
        let answer = frame::decode::<Response>(body).unwrap_or_else(|error| panic!("an answer: {error}"));
        taken |= !matches!(answer, Response::Failed(_) | Response::Version { .. });
        rest = behind;
    }
    taken
}

/// Everything that is answered until the session ends by itself.
async fn answers(data: &[u8], folder: &std::path::Path) -> Vec<u8> {
    let config = Config::parse(file(), CONFIGURATION).expect("it is one");
    let state = State::open(folder).expect("a state");
    let keyrings = Keyrings::new().expect("nothing is given");
    let keeper = Keeper::new(config, state, keyrings, folder.join("lent"));
    let service = Service::new(keeper, Confinement::none(), Starter::Person);
    let (client, server) = duplex(4096);
    let (mut hear, mut say) = split(client);
    let mut answers = Vec::new();
    let began = Instant::now();
    let speak = async {
        // It may have closed before everything was said. The stream stays open.
        let _ = say.write_all(data).await;
        std::future::pending::<()>().await;
    };
    let listen = async {
        tokio::join!(run(server, Peer::default(), service), hear.read_to_end(&mut answers))
            .1
            .expect("memory is always there");
    };
    let ended = async {
        tokio::select! { () = speak => {}, () = listen => {} }
    };
    timeout(Duration::from_secs(3600), ended).await.expect("a session that hangs");
    assert!(began.elapsed() <= IDLE + TRANSFER + TRANSFER, "a session that waits for somebody silent");
    answers
}

/// What of `data` comes before the first request that would act on this machine: its keyrings, its files, its network.
fn harmless(data: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(header) = data.get(end..end + HEADER) {
        let Ok(length) = frame::body_length::<Request>(header.try_into().expect("as long")) else { break };
        let Some(body) = data.get(end + HEADER..end + HEADER + length) else { break };
        if frame::decode::<Request>(body).is_ok_and(|request| !is_harmless(&request.operation)) {
            return &data[..end];
        }
        end += HEADER + length;
    }
    data
}

fn is_harmless(operation: &Operation) -> bool {
    let ours = |profile: &Option<Profile>| profile.as_ref().is_none_or(|name| name.as_str() == "default");
    match operation {
        Operation::Get(Get { profile, .. })
        | Operation::Reject(Reject { profile, .. })
        | Operation::Describe(Describe { profile })
        | Operation::Unlock(Unlock { profile })
        | Operation::Test(Test { profile })
        | Operation::Examine(Examine { profile }) => ours(profile),
        Operation::Preview(preview) => {
            let Preview { profile, attributes } = &**preview;
            ours(profile) && attributes.ca_file.is_none()
        }
        Operation::Status
        | Operation::Files
        | Operation::Defences
        | Operation::Log
        | Operation::Secrets
        | Operation::Stop => true,
        Operation::Store(_)
        | Operation::Erase(_)
        | Operation::Keyrings
        | Operation::Move(_)
        | Operation::Lend(_)
        | Operation::Manage(_) => false,
    }
}
