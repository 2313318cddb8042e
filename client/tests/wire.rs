//! What the client makes of daemons that no real one is: of another version, talking nonsense, silent, gone.

mod fake;

use std::{
    io::Write,
    sync::mpsc,
    time::{Duration, Instant},
};

use dt_cred_proto::{
    frame::{HEADER, RESPONSE_LIMIT, encode},
    message::{Failure, FailureKind, Keyring, Lent, Operation, Response, Token},
    secret::Secret,
};
use fake::{CLIENT, Sandbox, answer, close, fall_silent_after, request, say, token};

const HEADER_LINE: &str = "Authorization: Bearer aaa.bbb.ccc\n";

fn frame(response: &Response) -> Vec<u8> {
    encode(response).expect("a frame").to_vec()
}

#[test]
fn a_token_is_printed_and_the_request_says_what_was_asked() {
    let sandbox = Sandbox::new();
    let (sender, asked) = mpsc::channel();
    sandbox.serve(vec![Box::new(move |mut stream| {
        sender.send(request(&mut stream)).expect("told");
        stream.write_all(&frame(&Response::Token(token()))).expect("sent");
    })]);
    sandbox.run(&["get", "-p", "a", "--min-ttl", "60", "--fresh", "--timeout", "20"]).said(HEADER_LINE);
    let asked = asked.recv().expect("a request");
    assert!((1..=20_000).contains(&asked.deadline_ms), "{}", asked.deadline_ms);
    let Operation::Get(get) = asked.operation else { panic!("another operation") };
    assert_eq!((get.profile, get.min_ttl, get.fresh), ("a".parse().ok(), Some(60), true));
}

#[test]
fn a_plain_get_asks_for_nothing_special() {
    let sandbox = Sandbox::new();
    let (sender, asked) = mpsc::channel();
    sandbox.serve(vec![Box::new(move |mut stream| {
        sender.send(request(&mut stream)).expect("told");
        stream.write_all(&frame(&Response::Token(token()))).expect("sent");
    })]);
    sandbox.run(&["get"]).said(HEADER_LINE);
    let Operation::Get(get) = asked.recv().expect("a request").operation else { panic!("another operation") };
    assert_eq!((get.profile, get.min_ttl, get.fresh), (None, None, false));
}

#[test]
fn a_daemon_that_does_not_speak_as_we_do_is_exit_3_and_names_the_restart() {
    let good = frame(&Response::Token(token()));
    let with = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        bytes
    };
    let version = frame(&Response::Version { version: 2, release: "9.9.9".into() });
    let too_long = u32::try_from(RESPONSE_LIMIT + 1).expect("a length").to_le_bytes();
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("a refusal of our version", version, "release 9.9.9, is newer than this dt-cred"),
        ("an operation it does not know", frame(&Response::Unsupported), "older than this"),
        ("a frame of another version", with(&|bytes| bytes[0] = 2), "is newer than this dt-cred (version 2"),
        ("a frame of another version, cut off", vec![0], "is older than this dt-cred (version 0"),
        ("a length over the limit", [&[1][..], &too_long[..]].concat(), "1048577"),
        (
            "bytes after the message",
            with(&|bytes| {
                bytes.push(0);
                bytes[1] += 1;
            }),
            "after its message",
        ),
        ("more than was asked for", with(&|bytes| bytes.push(1)), "after its message"),
        (
            "a body that ends early",
            with(&|bytes| {
                bytes.pop();
                bytes[1] -= 1;
            }),
            "ends before",
        ),
        ("an answer that is not known", vec![1, 1, 0, 0, 0, 200], "newer than this dt-cred"),
        ("an answer to another question", frame(&Response::Rejected { dropped: true }), "something else"),
    ];
    for (case, bytes, words) in cases {
        let sandbox = Sandbox::new();
        sandbox.serve(vec![say(bytes)]);
        let outcome = sandbox.run(&["get"]);
        println!("{case}: {outcome:?}");
        outcome.failed(3, words);
        outcome.failed(3, "run dt-cred stop, then again");
    }
}

#[test]
fn every_failure_of_the_daemon_has_its_exit_code() {
    use FailureKind::{Configuration, Daemon, Keyring, NothingStored, Other, Refused, TryLater, Usage};
    let kinds = [TryLater, Usage, Daemon, Refused, NothingStored, Keyring, Configuration, Other];
    for (code, kind) in (1..).zip(kinds) {
        let sandbox = Sandbox::new();
        sandbox.serve(vec![answer(Response::Failed(Failure::new(kind, "no: do this")))]);
        let outcome = sandbox.run(&["get"]);
        outcome.failed(code, "dt-cred: no: do this\n");
    }
}

#[test]
fn what_a_daemon_says_reaches_the_terminal_as_plain_text_only() {
    // A Text is made safe when it is made, so the frame is edited.
    let mut bytes = frame(&Response::Failed(Failure::new(FailureKind::Other, "a?b?c")));
    bytes.iter_mut().filter(|byte| **byte == b'?').zip([0x1b, b'\n']).for_each(|(byte, evil)| *byte = evil);
    let sandbox = Sandbox::new();
    sandbox.serve(vec![say(bytes)]);
    sandbox.run(&["get"]).failed(8, "a\u{fffd}b\u{fffd}c");
}

#[test]
fn a_get_is_asked_once_more_where_the_daemon_ended_and_only_once() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![close(), answer(Response::Token(token()))]);
    sandbox.run(&["get"]).said(HEADER_LINE);

    let sandbox = Sandbox::new();
    let served = sandbox.serve(vec![close(), close()]);
    sandbox.run(&["get"]).failed(3, "without an answer");
    served.join().expect("two connections and no third");
}

#[test]
fn what_changes_something_is_asked_once() {
    let sandbox = Sandbox::new();
    let served = sandbox.serve(vec![close()]);
    sandbox.run(&["reject"]).failed(3, "without an answer");
    served.join().expect("one connection");
}

#[test]
fn an_answer_in_crumbs_is_an_answer() {
    for (length, crumb) in
        [(11, 1), (11, 5), (11, 6), (5000, 1), (5000, 5), (5000, 2047), (5000, 2048), (5000, 2049)]
    {
        let sandbox = Sandbox::new();
        let access_token = "a".repeat(length);
        let answer = Token { access_token: Secret::new(access_token.clone()), ..token() };
        sandbox.serve(vec![Box::new(move |mut stream| {
            request(&mut stream);
            for crumb in frame(&Response::Token(answer)).chunks(crumb) {
                stream.write_all(crumb).expect("sent");
            }
        })]);
        sandbox.run(&["get", "--format", "raw"]).said(&format!("{access_token}\n"));
    }
}

#[test]
fn a_silent_daemon_is_exit_1_once_the_time_is_over() {
    let whole = frame(&Response::Token(token()));
    for said in [0, 1, HEADER, whole.len() - 1] {
        let sandbox = Sandbox::new();
        sandbox.serve(vec![fall_silent_after(whole[..said].to_vec())]);
        let began = Instant::now();
        sandbox.run(&["get", "--timeout", "0.3"]).failed(1, "did not answer within 0.3 s");
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn a_daemon_that_drips_for_ever_is_exit_1_too() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![Box::new(|mut stream| {
        request(&mut stream);
        stream.write_all(&[1, 0, 0, 16, 0]).expect("a header of 1 MiB");
        while stream.write_all(&[0]).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    })]);
    sandbox.run(&["get", "--timeout", "0.3"]).failed(1, "did not answer within 0.3 s");
}

#[test]
fn a_token_that_would_break_a_header_is_never_printed() {
    for evil in ["", "a b", "a\r\nX-Evil: 1", "a\nb", "\"", "é"] {
        let sandbox = Sandbox::new();
        let token = Token { access_token: Secret::new(evil.to_owned()), ..token() };
        sandbox.serve(vec![answer(Response::Token(token))]);
        sandbox.run(&["get", "--format", "raw"]).failed(8, "RFC 6750");
    }
}

#[test]
fn no_program_is_run_with_what_is_no_token() {
    for evil in ["", "a b", "a\nb"] {
        let sandbox = Sandbox::new();
        let token = Token { access_token: Secret::new(evil.to_owned()), ..token() };
        sandbox.serve(vec![answer(Response::Token(token))]);
        sandbox.run(&["exec", CLIENT, "--version"]).failed(125, "RFC 6750");
    }
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Token(token()))]);
    sandbox.run(&["exec", CLIENT, "--version"]).said(concat!("dt-cred ", env!("CARGO_PKG_VERSION"), "\n"));
    let lent = Lent {
        profile: token().profile,
        url: "https://app.datatrails.ai".into(),
        path: "/nowhere\u{1b}[2J".to_owned(),
        warning: None,
    };
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Lent(lent))]);
    sandbox.run(&["exec", "--file", CLIENT, "--version"]).failed(125, "is not to be seen from here");
    for other in [Response::Rejected { dropped: true }, Response::Token(token())] {
        let sandbox = Sandbox::new();
        sandbox.serve(vec![answer(other)]);
        sandbox.run(&["exec", "--file", CLIENT, "--version"]).failed(125, "something else than was asked");
    }
}

#[test]
fn a_warning_goes_to_standard_error_beside_the_token() {
    let sandbox = Sandbox::new();
    sandbox.serve(vec![answer(Response::Token(Token { warning: Some("the same again".into()), ..token() }))]);
    let outcome = sandbox.run(&["get"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), HEADER_LINE));
    assert_eq!(outcome.stderr, "dt-cred: the same again\n");
}

#[test]
fn where_nothing_listens_it_is_said_and_status_and_stop_are_content() {
    let sandbox = Sandbox::new();
    for arguments in [&["get"][..], &["reject"], &["erase"], &["unlock"], &["status", "--check"]] {
        sandbox.run(arguments).failed(3, "no daemon listens on");
    }
    sandbox.run(&["status"]).said("no daemon is running; run dt-cred start\n");
    sandbox
        .run(&["status", "--json"])
        .said("{\"daemon\":null,\"defences\":[],\"files\":[],\"profiles\":[],\"schema\":1,\"service_failure\":null}\n");
    sandbox.run(&["stop"]).said("no daemon was running\n");
    // What a daemon left behind is nobody, too.
    drop(fake::listen(&sandbox.socket()));
    sandbox.run(&["get"]).failed(3, "no daemon listens on");
    sandbox.run(&["stop"]).said("no daemon was running\n");
}

#[test]
fn stop_waits_until_the_daemon_closes() {
    let stopping = || frame(&Response::Stopping { pid: 1 });
    let sandbox = Sandbox::new();
    sandbox.serve(vec![say(stopping())]);
    sandbox.run(&["stop"]).said(&format!("stopped dt-credd{}, pid 1\n", std::env::consts::EXE_SUFFIX));

    let sandbox = Sandbox::new();
    sandbox.serve(vec![fall_silent_after(stopping())]);
    sandbox.run(&["stop", "--timeout", "0.3"]).failed(1, "did not end within 0.3 s");
}

#[test]
fn a_person_gets_a_minute_for_the_keyrings_prompt() {
    let sandbox = Sandbox::new();
    let (sender, asked) = mpsc::channel();
    sandbox.serve(vec![Box::new(move |mut stream| {
        sender.send(request(&mut stream).deadline_ms).expect("told");
        stream.write_all(&frame(&Response::Unlocked(Keyring::Keyutils))).expect("sent");
    })]);
    sandbox.run(&["unlock"]).said("the kernel keyring is open\n");
    let deadline = asked.recv().expect("a request");
    // Beside what every command may take.
    assert!((60_000..=70_000).contains(&deadline), "{deadline}");
}

#[cfg(target_os = "linux")]
mod linux {
    use super::{
        fake::{Listener, Stream, accept, listen},
        *,
    };

    /// A listener whose backlog is full, and the clients that fill it.
    fn full(sandbox: &Sandbox) -> (Listener, Vec<Stream>) {
        let listener = listen(&sandbox.socket());
        rustix::net::listen(&listener, 0).expect("a short backlog");
        // Linux takes one more than the backlog says.
        let waiting = vec![Stream::connect(sandbox.socket()).expect("a connection")];
        (listener, waiting)
    }

    #[test]
    fn a_daemon_with_no_room_is_waited_for_and_no_longer_than_the_time_out() {
        let sandbox = Sandbox::new();
        let _full = full(&sandbox);
        sandbox.run(&["get", "--timeout", "0.3"]).failed(1, "took no connection within 0.3 s");
    }

    #[test]
    fn a_daemon_that_gets_room_in_time_is_asked() {
        let sandbox = Sandbox::new();
        let (listener, _waiting) = full(&sandbox);
        let client = sandbox.client(&["get", "--timeout", "30"]).stdout(std::process::Stdio::piped()).spawn();
        let client = client.expect("the client");
        drop(accept(&listener));
        let mut stream = accept(&listener);
        request(&mut stream);
        stream.write_all(&frame(&Response::Token(token()))).expect("sent");
        let output = client.wait_with_output().expect("ended");
        assert_eq!(output.stdout, HEADER_LINE.as_bytes());
    }
}
