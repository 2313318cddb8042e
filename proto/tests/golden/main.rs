//! The wire of every release: each frame in `proto/frames` is decoded and encoded again, byte for byte.
//!
//! A new message needs a new case in `requests.rs` or `responses.rs`; `DT_CRED_WRITE_FRAMES=1` then writes its file.
//! A file that exists is never written again: where one no longer matches, it is the code that is wrong.

#![allow(clippy::unwrap_used, reason = "tests, and what they call")]

mod integrations;
mod requests;
mod responses;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use dt_cred_proto::{
    frame::{self, Message},
    message::{
        ClientAuth, Erase, FailureKind, FileFormat, Keyring, Operation, Outcome, ProfileState, Request,
        Response, Starter, Subject, Verdict,
    },
};

/// Cases by the name of their file.
type Cases<M> = Vec<(String, M)>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("frames")
}

/// The files of one kind of message; one that is missing is written where that was asked for.
fn files<M: Message>(kind: &str, cases: &Cases<M>) -> BTreeMap<String, Vec<u8>> {
    if std::env::var_os("DT_CRED_WRITE_FRAMES").is_some_and(|value| value == "1") {
        for (name, message) in cases {
            let path = folder().join(format!("{kind}-{name}.frame"));
            if !path.exists() {
                fs::write(path, frame::encode(message).unwrap()).unwrap();
            }
        }
    }
    let names =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = |file: String| {
        let name = file.strip_prefix(kind)?.strip_prefix('-')?.strip_suffix(".frame")?.to_owned();
        Some((name, fs::read(folder().join(file)).unwrap()))
    };
    names.filter_map(name).collect()
}

fn check<M: Message + PartialEq>(kind: &str, cases: &Cases<M>) {
    let files = files(kind, cases);
    let named: BTreeSet<_> = cases.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named.len(), cases.len(), "two cases have the same name");
    let kept: BTreeSet<_> = files.keys().map(String::as_str).collect();
    assert_eq!(named, kept, "left: the cases; right: the files (DT_CRED_WRITE_FRAMES=1 writes missing ones)");
    for (name, message) in cases {
        let kept = &files[name];
        let (header, body) = kept.split_first_chunk().unwrap();
        assert_eq!(frame::body_length::<M>(*header), Ok(body.len()), "{kind}-{name}: the header");
        let decoded: M = frame::decode(body).unwrap_or_else(|error| panic!("{kind}-{name}: {error}"));
        assert!(decoded == *message, "{kind}-{name}: decoded, it is not what it was");
        assert!(
            *frame::encode(&decoded).unwrap() == *kept,
            "{kind}-{name}: encoded again, it is not what it was"
        );
    }
}

#[test]
fn every_kept_request_is_decoded_and_encoded_byte_for_byte() {
    check("request", &requests::cases());
}

#[test]
fn every_kept_response_is_decoded_and_encoded_byte_for_byte() {
    check("response", &responses::cases());
}

#[test]
fn every_file_among_the_frames_has_a_case() {
    let mut expected = BTreeSet::from([".gitattributes".to_owned()]);
    expected.extend(requests::cases().iter().map(|(name, _)| format!("request-{name}.frame")));
    expected.extend(responses::cases().iter().map(|(name, _)| format!("response-{name}.frame")));
    let entries = fs::read_dir(folder()).unwrap();
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(expected.contains(&name), "{name} has no case");
    }
}

/// That the numbers are all of 0, 1, … `count` - 1.
fn all(what: &str, numbers: impl Iterator<Item = u32>, count: u32) {
    let seen: BTreeSet<u32> = numbers.collect();
    assert_eq!(seen, (0..count).collect(), "{what}: every variant has a case");
}

// The matches below have no wildcard: a new variant does not compile until it has a number here, and then fails until
// it has a case.

#[test]
fn every_variant_of_a_request_has_a_case() {
    let cases = requests::cases();
    let operations = || cases.iter().map(|(_, request)| &request.operation);
    let number = |operation: &Operation| match operation {
        Operation::Get(_) => 0,
        Operation::Reject(_) => 1,
        Operation::Store(_) => 2,
        Operation::Erase(_) => 3,
        Operation::Describe(_) => 4,
        Operation::Status => 5,
        Operation::Stop => 6,
        Operation::Unlock(_) => 7,
        Operation::Files => 8,
        Operation::Preview(_) => 9,
        Operation::Keyrings => 10,
        Operation::Move(_) => 11,
        Operation::Defences => 12,
        Operation::Log => 13,
        Operation::Test(_) => 14,
        Operation::Examine(_) => 15,
        Operation::Lend(_) => 16,
        Operation::Manage(_) => 17,
        Operation::Secrets => 18,
    };
    all("Operation", operations().map(number), 19);
    assert_eq!(Request::VARIANTS, 19);
    let erase = operations().filter_map(|operation| match operation {
        Operation::Erase(Erase::One(_)) => Some(0),
        Operation::Erase(Erase::All) => Some(1),
        _ => None,
    });
    all("Erase", erase, 2);
    let stores = || {
        operations()
            .filter_map(|operation| if let Operation::Store(store) = operation { Some(store) } else { None })
    };
    let auth = stores().filter_map(|store| store.attributes.auth).map(|auth| match auth {
        ClientAuth::Post => 0,
        ClientAuth::Basic => 1,
    });
    all("ClientAuth", auth, 2);
    all("Keyring in Store", stores().filter_map(|store| store.keyring).map(keyring), 7);
}

#[test]
fn every_variant_of_a_response_has_a_case() {
    let cases = responses::cases();
    let responses = || cases.iter().map(|(_, response)| response);
    let number = |response: &Response| match response {
        Response::Version { .. } => 0,
        Response::Unsupported => 1,
        Response::Failed(_) => 2,
        Response::Token(_) => 3,
        Response::Rejected { .. } => 4,
        Response::Stored(_) => 5,
        Response::Erased(_) => 6,
        Response::Described(_) => 7,
        Response::Status(_) => 8,
        Response::Stopping { .. } => 9,
        Response::Unlocked(_) => 10,
        Response::Files(_) => 11,
        Response::Previewed(_) => 12,
        Response::Keyrings(_) => 13,
        Response::Moved(_) => 14,
        Response::Defences(_) => 15,
        Response::Log(_) => 16,
        Response::Tested(_) => 17,
        Response::Examined(_) => 18,
        Response::Lent(_) => 19,
        Response::Managed(_) => 20,
        Response::Secrets(_) => 21,
    };
    all("Response", responses().map(number), 22);
    assert_eq!(Response::VARIANTS, 22);
    let kinds = responses().filter_map(|response| {
        if let Response::Failed(failure) = response { Some(failure.kind) } else { None }
    });
    let kind = |kind| match kind {
        FailureKind::TryLater => 0,
        FailureKind::Usage => 1,
        FailureKind::Daemon => 2,
        FailureKind::Refused => 3,
        FailureKind::NothingStored => 4,
        FailureKind::Keyring => 5,
        FailureKind::Configuration => 6,
        FailureKind::Other => 7,
    };
    all("FailureKind", kinds.map(kind), 8);
    let profiles = responses()
        .filter_map(|response| if let Response::Status(status) = response { Some(status) } else { None });
    let state = |state| match state {
        ProfileState::Idle => 0,
        ProfileState::Valid => 1,
        ProfileState::Fetching => 2,
        ProfileState::Failing => 3,
        ProfileState::Refused => 4,
    };
    all("ProfileState", profiles.flat_map(|status| &status.profiles).map(|profile| state(profile.state)), 5);
    let unlocked = responses()
        .filter_map(|response| if let Response::Unlocked(store) = response { Some(*store) } else { None });
    all("Keyring in Unlocked", unlocked.map(keyring), 7);
}

#[test]
fn every_outcome_in_the_log_has_a_case() {
    let cases = responses::cases();
    let entries = cases
        .iter()
        .filter_map(|(_, response)| if let Response::Log(entries) = response { Some(entries) } else { None });
    let number = |outcome: &Outcome| match outcome {
        Outcome::Served { .. } => 0,
        Outcome::Refused => 1,
    };
    all("Outcome", entries.flatten().map(|entry| number(&entry.outcome)), 2);
}

#[test]
fn every_finding_has_a_case() {
    let cases = responses::cases();
    let examined = || {
        let cases = cases.iter();
        cases.filter_map(
            |(_, response)| if let Response::Examined(examined) = response { Some(examined) } else { None },
        )
    };
    let starter = |starter| match starter {
        Starter::Client => 0,
        Starter::ServiceManager => 1,
        Starter::Person => 2,
    };
    all("Starter", examined().map(|examined| starter(examined.starter)), 3);
    let subject = |subject| match subject {
        Subject::Configuration => 0,
        Subject::Credentials => 1,
        Subject::Name => 2,
        Subject::Connection => 3,
        Subject::Tls => 4,
        Subject::Clock => 5,
        Subject::Token => 6,
        Subject::Api => 7,
    };
    let findings = || examined().flat_map(|examined| &examined.findings);
    all("Subject", findings().map(|finding| subject(finding.subject)), 8);
    let verdict = |verdict| match verdict {
        Verdict::Ok => 0,
        Verdict::Warning => 1,
        Verdict::Fails => 2,
    };
    all("Verdict", findings().map(|finding| verdict(finding.verdict)), 3);
}

#[test]
fn every_format_of_a_file_has_a_case() {
    let cases = responses::cases();
    let files = cases
        .iter()
        .filter_map(|(_, response)| if let Response::Files(files) = response { Some(files) } else { None });
    let number = |format| match format {
        FileFormat::Header => 0,
        FileFormat::Raw => 1,
    };
    all("FileFormat", files.flatten().map(|file| number(file.format)), 2);
}

fn keyring(keyring: Keyring) -> u32 {
    match keyring {
        Keyring::SecretService => 0,
        Keyring::Keyutils => 1,
        Keyring::Keychain => 2,
        Keyring::CredentialManager => 3,
        Keyring::Systemd => 4,
        Keyring::Command => 5,
        Keyring::Memory => 6,
    }
}
