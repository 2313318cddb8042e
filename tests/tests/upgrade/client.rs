//! This client and an older daemon: each answer of a release's daemons is understood.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use dt_cred_proto::{
    frame::{self, HEADER, body_length},
    message::{Managed, Operation, Request, Response},
};
use dt_cred_tests::{
    parts::{Home, private_folder, run},
    user::User,
};

use super::kept::{Frames, releases};

/// The command that asks for an answer of this kind, with what it reads; none where only a person at a terminal can ask.
fn command(response: &Response) -> Option<(&'static [&'static str], &'static str)> {
    Some(match response {
        Response::Version { .. } | Response::Unsupported | Response::Failed(_) | Response::Token(_) => {
            (&["get"], "")
        }
        Response::Rejected { .. } => (&["reject"], ""),
        Response::Stored(_) => (&["store"], "client_id=a\nclient_secret=Gn2vB8xTq5Lz0WcJ\n"),
        Response::Erased(_) => (&["erase"], ""),
        Response::Status(_) | Response::Files(_) | Response::Defences(_) | Response::Secrets(_) => {
            (&["status"], "")
        }
        Response::Stopping { .. } => (&["stop"], ""),
        Response::Unlocked(_) => (&["unlock"], ""),
        Response::Keyrings(_) => (&["keyring", "list"], ""),
        Response::Moved(_) => (&["keyring", "move", "--to", "keyutils"], ""),
        Response::Log(_) => (&["log"], ""),
        Response::Tested(_) => (&["test"], ""),
        Response::Examined(_) => (&["doctor"], ""),
        Response::Lent(_) => (&["exec", "--file", "true"], ""),
        Response::Managed(managed) => (managing(managed)?, ""),
        Response::Described(_) | Response::Previewed(_) => return None,
    })
}

/// The command that asks for this of the APIs.
fn managing(managed: &Managed) -> Option<&'static [&'static str]> {
    Some(match managed {
        // The one behind it would be asked for, again and again.
        Managed::Integrations(page) if page.next.is_some() => return None,
        Managed::Policies(page) if page.next.is_some() => return None,
        Managed::Created(_) => &["integration", "create", "a", "--as", "o"],
        Managed::Integrations(_) => &["integration", "list", "--as", "o"],
        Managed::Integration(_) => &["integration", "show", "a", "--as", "o"],
        Managed::Deleted { .. } => &["integration", "delete", "a", "--as", "o", "--yes"],
        Managed::Rotated(_) => &["integration", "rotate", "a", "--as", "o"],
        Managed::Granted(granted) if granted.policy.is_none() => {
            &["integration", "grant", "a", "--as", "o", "--dry-run"]
        }
        Managed::Granted(_) => &["integration", "grant", "a", "--as", "o"],
        Managed::Policies(_) => &["integration", "grants", "a", "--as", "o"],
        Managed::Revoked(_) => {
            &["integration", "revoke", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "--as", "o", "--yes"]
        }
        // They are asked for where a person is, to show it to them.
        Managed::Policy(_) | Managed::Unkept { .. } => return None,
    })
}

/// What the daemon answers to what a command asks besides.
fn other(operation: &Operation) -> &'static str {
    match operation {
        Operation::Status => "response-status-two",
        Operation::Files => "response-files-two",
        Operation::Defences => "response-defences-two",
        // Later than the first release.
        Operation::Secrets => "response-unsupported",
        Operation::Keyrings => "response-keyrings-two",
        Operation::Examine(_) => "response-examined-everything",
        other => panic!("nobody asks for {} besides", other.name()),
    }
}

fn is_asked_by(operation: &Operation, response: &Response) -> bool {
    match response {
        Response::Status(_) => matches!(operation, Operation::Status),
        Response::Files(_) => matches!(operation, Operation::Files),
        Response::Defences(_) => matches!(operation, Operation::Defences),
        Response::Secrets(_) => matches!(operation, Operation::Secrets),
        Response::Keyrings(_) => matches!(operation, Operation::Keyrings),
        Response::Examined(_) => matches!(operation, Operation::Examine(_)),
        _ => true,
    }
}

/// A daemon of that release, which answers one client, and what it is asked for by `answer`.
fn daemon(home: &Home, frames: Frames, answer: Vec<u8>) -> thread::JoinHandle<()> {
    let socket = home.another_socket("old");
    private_folder(socket.parent().expect("it lies in a folder"));
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(socket).expect("a socket");
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let response: Response = frame::decode(&answer[HEADER..]).expect("an answer");
        while let Some(request) = request(&mut client) {
            let asked = is_asked_by(&request.operation, &response);
            let said = if asked { &answer } else { &frames[other(&request.operation)] };
            client.write_all(said).expect("taken");
            if matches!(response, Response::Stopping { .. }) {
                return;
            }
        }
    })
}

fn request(client: &mut UnixStream) -> Option<Request> {
    let mut header = [0; HEADER];
    client.read_exact(&mut header).ok()?;
    let mut body = vec![0; body_length::<Request>(header).expect("a length")];
    client.read_exact(&mut body).expect("a body");
    Some(frame::decode(&body).expect("a request"))
}

#[test]
fn every_answer_of_every_release_is_understood() {
    let user = User::in_memory();
    for (release, frames) in releases() {
        let mut understood = 0;
        for (name, answer) in frames.iter().filter(|(name, _)| name.starts_with("response-")) {
            let response: Response = frame::decode(&answer[HEADER..]).expect("an answer");
            let Some((words, stdin)) = command(&response) else { continue };
            let daemon = daemon(&user.home, frames.clone(), answer.clone());
            let mut client = user.home.client(words);
            client.env("DT_CRED_SOCKET", user.home.another_socket("old"));
            let output = run(client, stdin);
            let said = format!("{release}: {name}: {output:?}");
            daemon.join().unwrap_or_else(|_| panic!("{said}"));
            let code = match &response {
                Response::Failed(failure) => Some(i32::from(failure.kind.exit_code())),
                Response::Version { .. } | Response::Unsupported => Some(3),
                _ => output.code.filter(|code| *code != 3),
            };
            assert_eq!(output.code, code, "{said}");
            for bad in ["cannot be understood", "something else", "without an answer", "is newer", "bug"] {
                assert!(
                    !output.stderr.contains(bad) || matches!(response, Response::Version { .. }),
                    "{said}"
                );
            }
            understood += 1;
        }
        assert!(understood >= 55, "{understood}");
    }
}
