//! An older client and this daemon: each frame that a release's clients send is answered as one of theirs.

use dt_cred_proto::{
    frame::{self, HEADER},
    message::{Action, Erase, Keyring, Operation, Request, Response},
};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::session::Session,
    user::{Account, User},
};

use super::kept::releases;

/// Whether it reaches no keyring of the machine's and nobody beyond it. Their decoding is what `proto/frames` proves.
fn stays_here(operation: &Operation) -> bool {
    match operation {
        Operation::Store(store) => store.keyring == Some(Keyring::Memory) && !store.check,
        Operation::Move(_) | Operation::Erase(Erase::All) => false,
        Operation::Manage(manage) => !matches!(manage.action, Action::Create(_) | Action::Rotate(_)),
        _ => true,
    }
}

/// Whether it is an answer to this operation that its clients understand: a failure, or what they wait for.
fn answers(operation: &Operation, response: &Response) -> bool {
    matches!(
        (operation, response),
        (_, Response::Failed(_))
            | (Operation::Get(_), Response::Token(_))
            | (Operation::Reject(_), Response::Rejected { .. })
            | (Operation::Store(_), Response::Stored(_))
            | (Operation::Erase(_), Response::Erased(_))
            | (Operation::Describe(_), Response::Described(_))
            | (Operation::Status, Response::Status(_))
            | (Operation::Stop, Response::Stopping { .. })
            | (Operation::Unlock(_), Response::Unlocked(_))
            | (Operation::Files, Response::Files(_))
            | (Operation::Preview(_), Response::Previewed(_))
            | (Operation::Keyrings, Response::Keyrings(_))
            | (Operation::Move(_), Response::Moved(_))
            | (Operation::Defences, Response::Defences(_))
            | (Operation::Log, Response::Log(_))
            | (Operation::Test(_), Response::Tested(_))
            | (Operation::Examine(_), Response::Examined(_))
            | (Operation::Lend(_), Response::Lent(_))
            | (Operation::Manage(_), Response::Managed(_))
            | (Operation::Secrets, Response::Secrets(_))
    )
}

#[test]
fn every_request_of_every_release_is_answered_as_its_clients_understand_it() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    user.home.configure("[profile.default]\nkeyring = \"memory\"\n");
    user.log_in(&Account::at(&sandbox));
    for (release, frames) in releases() {
        let mut asked = 0;
        for (name, bytes) in frames.iter().filter(|(name, _)| name.starts_with("request-")) {
            let request: Request = frame::decode(&bytes[HEADER..]).expect("a request");
            // It is the last that the daemon hears.
            if !stays_here(&request.operation) || matches!(request.operation, Operation::Stop) {
                continue;
            }
            let mut session = Session::open(&user.home.socket());
            assert!(session.send(bytes), "{release}: {name}");
            let answer = session.answer();
            assert!(answers(&request.operation, &answer), "{release}: {name}");
            if let Response::Failed(failure) = &answer {
                assert!(
                    !failure.message.as_str().contains("refused the request"),
                    "{release}: {name}: {failure}"
                );
            }
            asked += 1;
        }
        assert!(asked >= 35, "{asked}");
        let mut session = Session::open(&user.home.socket());
        session.send(&frames["request-stop"]);
        assert!(matches!(session.answer(), Response::Stopping { .. }), "{release}");
        user.home.until_no_daemon();
        user.log_in(&Account::at(&sandbox));
    }
}

#[test]
fn a_client_of_a_later_release_is_told_what_this_daemon_is_and_what_to_do() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let raw = |version: u8, body: &[u8]| {
        let length = u32::try_from(body.len()).expect("short");
        [&[version][..], &length.to_le_bytes(), body].concat()
    };
    let answer = |bytes: Vec<u8>| {
        let mut session = Session::open(&user.home.socket());
        session.send(bytes);
        session.answer()
    };
    // The second version of the protocol, whatever it says.
    let Response::Version { version, release } = answer(raw(2, b"anything")) else { panic!("a version") };
    assert_eq!((version, release.as_str()), (1, env!("CARGO_PKG_VERSION")));
    // An operation that is to come.
    assert!(matches!(answer(raw(1, &[0, 200])), Response::Unsupported));
    // A field that is to come.
    let status = frame::encode(&Request { deadline_ms: 0, operation: Operation::Status }).expect("a frame");
    let Response::Failed(failure) = answer(raw(1, &[&status[HEADER..], &[0]].concat())) else {
        panic!("a failure")
    };
    assert_eq!(failure.kind.exit_code(), 3);
    let message = failure.message.as_str();
    assert!(
        message.starts_with(concat!("dt-credd ", env!("CARGO_PKG_VERSION"), " refused the request")),
        "{message}"
    );
    assert!(message.ends_with("of another release: run dt-cred stop, then again"), "{message}");
}
