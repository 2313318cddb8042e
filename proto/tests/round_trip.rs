//! Whatever message is encoded is decoded to the same message, and its header tells the length.

#![allow(clippy::unwrap_used, reason = "tests, and what they call")]

#[path = "round_trip/integration.rs"]
mod integration;

use std::fmt;

use dt_cred_proto::{
    frame::{self, HEADER, Message},
    message::{
        Attributes, Caller, ClientAuth, Defence, Describe, Described, Erase, Examine, Examined, Failure,
        FailureKind, FileFormat, FileStatus, Finding, Get, KeptItem, Keyring, KeyringStatus, Lend, Lent,
        LogEntry, Move, Moved, Operation, Outcome, Preview, Previewed, ProfileState, ProfileStatus, Reject,
        Request, Response, Starter, Status, Store, Stored, Subject, Test, Tested, Token, Unlock, Verdict,
    },
    profile::Profile,
    secret::Secret,
    text::Text,
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{RngSeed, TestRunner},
};

/// What proptest wants to print although it holds a secret.
struct Opaque<T>(T);

impl<T> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }
}

fn string() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..40).prop_map(String::from_iter)
}

fn text() -> impl Strategy<Value = Text> {
    // White space where the text is cut, too.
    let long = (0..6_usize, string()).prop_map(|(n, tail)| " \u{a0}x".repeat(330 + n) + &tail);
    prop_oneof![4 => string(), 1 => long].prop_map(Text::from)
}

fn secret() -> impl Strategy<Value = Opaque<Secret>> {
    prop_oneof![4 => string(), 1 => "[a-z]{250,260}"].prop_map(|text| Opaque(Secret::new(text)))
}

fn profile() -> impl Strategy<Value = Profile> {
    "[A-Za-z0-9._-]{1,64}".prop_map(|name| name.parse().expect("the pattern is the rule"))
}

fn keyring() -> impl Strategy<Value = Keyring> {
    select(Keyring::NAMES.map(|(keyring, _)| keyring).to_vec())
}

fn failure() -> impl Strategy<Value = Failure> {
    let kind = select(vec![
        FailureKind::TryLater,
        FailureKind::Usage,
        FailureKind::Daemon,
        FailureKind::Refused,
        FailureKind::NothingStored,
        FailureKind::Keyring,
        FailureKind::Configuration,
        FailureKind::Other,
    ]);
    (kind, text()).prop_map(|(kind, message)| Failure { kind, message })
}

fn attributes() -> impl Strategy<Value = Opaque<Attributes>> {
    let auth = option::of(select(vec![ClientAuth::Post, ClientAuth::Basic]));
    (vec(option::of(string()), 7), option::of(secret()), auth).prop_map(|(mut given, client_secret, auth)| {
        let mut next = || given.pop().flatten();
        Opaque(Attributes {
            url: next(),
            token_url: next(),
            client_id: next(),
            client_secret: client_secret.map(|Opaque(secret)| secret),
            auth,
            scope: next(),
            audience: next(),
            resource: next(),
            ca_file: next(),
        })
    })
}

fn operation() -> impl Strategy<Value = Opaque<Operation>> {
    let profile = || option::of(profile());
    let get = (profile(), any::<Option<u32>>(), any::<bool>())
        .prop_map(|(profile, min_ttl, fresh)| Opaque(Operation::Get(Get { profile, min_ttl, fresh })));
    let reject = (profile(), any::<Option<u64>>(), any::<bool>()).prop_map(|(profile, generation, force)| {
        Opaque(Operation::Reject(Reject { profile, generation, force }))
    });
    let store = (profile(), option::of(keyring()), any::<bool>(), attributes()).prop_map(
        |(profile, keyring, check, Opaque(attributes))| {
            Opaque(Operation::Store(Box::new(Store { profile, keyring, check, attributes })))
        },
    );
    prop_oneof![
        1 => get,
        1 => reject,
        4 => store,
        1 => profile().prop_map(|profile| Opaque(Operation::Erase(Erase::One(profile)))),
        1 => profile().prop_map(|profile| Opaque(Operation::Describe(Describe { profile }))),
        1 => profile().prop_map(|profile| Opaque(Operation::Unlock(Unlock { profile }))),
        1 => Just(()).prop_map(|()| Opaque(Operation::Erase(Erase::All))),
        1 => Just(()).prop_map(|()| Opaque(Operation::Status)),
        1 => Just(()).prop_map(|()| Opaque(Operation::Stop)),
        1 => Just(()).prop_map(|()| Opaque(Operation::Files)),
        1 => Just(()).prop_map(|()| Opaque(Operation::Keyrings)),
        1 => Just(()).prop_map(|()| Opaque(Operation::Defences)),
        1 => Just(()).prop_map(|()| Opaque(Operation::Log)),
        1 => profile().prop_map(|profile| Opaque(Operation::Test(Test { profile }))),
        1 => profile().prop_map(|profile| Opaque(Operation::Examine(Examine { profile }))),
        1 => (profile(), any::<Option<u32>>())
            .prop_map(|(profile, min_ttl)| Opaque(Operation::Lend(Lend { profile, min_ttl }))),
        1 => (profile(), keyring())
            .prop_map(|(profile, keyring)| Opaque(Operation::Move(Move { profile, keyring }))),
        1 => (profile(), attributes()).prop_map(|(profile, Opaque(attributes))| {
            Opaque(Operation::Preview(Box::new(Preview { profile, attributes })))
        }),
        4 => integration::manage(),
        1 => Just(()).prop_map(|()| Opaque(Operation::Secrets)),
    ]
}

fn request() -> impl Strategy<Value = Opaque<Request>> {
    (number(), operation())
        .prop_map(|(deadline_ms, Opaque(operation))| Opaque(Request { deadline_ms, operation }))
}

/// Of every width that an integer can take on the wire.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
}

fn token() -> impl Strategy<Value = Opaque<Response>> {
    let numbers = (number(), number(), number());
    (secret(), text(), numbers, profile(), text(), option::of(text())).prop_map(
        |(Opaque(access_token), token_type, numbers, profile, url, warning)| {
            let (expires_at_ms, expires_in_ms, generation) = numbers;
            Opaque(Response::Token(Token {
                access_token,
                token_type,
                expires_at_ms,
                expires_in_ms,
                generation,
                profile,
                url,
                warning,
            }))
        },
    )
}

fn profile_status() -> impl Strategy<Value = ProfileStatus> {
    let state = select(vec![
        ProfileState::Idle,
        ProfileState::Valid,
        ProfileState::Fetching,
        ProfileState::Failing,
        ProfileState::Refused,
    ]);
    let texts = (option::of(text()), option::of(text()), option::of(text()));
    let numbers = vec(option::of(number()), 4);
    let failures = (option::of(failure()), option::of(failure()));
    (profile(), state, option::of(keyring()), texts, numbers, failures, number(), number()).prop_map(
        |(profile, state, keyring, (url, lasts, proxy), numbers, (last_error, check), served, fetches)| {
            ProfileStatus {
                profile,
                state,
                url,
                keyring,
                lasts,
                expires_in_ms: numbers[0],
                lifetime_ms: numbers[1],
                generation: numbers[2],
                next_fetch_in_ms: numbers[3],
                last_error,
                check,
                proxy,
                served,
                fetches,
            }
        },
    )
}

fn response() -> impl Strategy<Value = Opaque<Response>> {
    let version =
        (any::<u8>(), text()).prop_map(|(version, release)| Opaque(Response::Version { version, release }));
    let stored = (profile(), keyring(), text(), option::of(number())).prop_map(
        |(profile, keyring, lasts, expires_in_ms)| {
            Opaque(Response::Stored(Stored { profile, keyring, lasts, expires_in_ms }))
        },
    );
    let described = (profile(), option::of(text()), option::of(text()), option::of(keyring()), text())
        .prop_map(|(profile, url, client_id, keyring, note)| {
            Opaque(Response::Described(Described { profile, url, client_id, keyring, note }))
        });
    let status = (text(), any::<u32>(), number(), profile(), number(), vec(profile_status(), 0..4)).prop_map(
        |(release, pid, uptime_ms, default_profile, requests, profiles)| {
            let status = Status { release, pid, uptime_ms, default_profile, requests, profiles };
            Opaque(Response::Status(Box::new(status)))
        },
    );
    prop_oneof![
        version,
        Just(()).prop_map(|()| Opaque(Response::Unsupported)),
        failure().prop_map(|failure| Opaque(Response::Failed(failure))),
        token(),
        any::<bool>().prop_map(|dropped| Opaque(Response::Rejected { dropped })),
        stored,
        vec(profile(), 0..20).prop_map(|profiles| Opaque(Response::Erased(profiles))),
        described,
        status,
        any::<u32>().prop_map(|pid| Opaque(Response::Stopping { pid })),
        keyring().prop_map(|keyring| Opaque(Response::Unlocked(keyring))),
        vec(file(), 0..5).prop_map(|files| Opaque(Response::Files(files))),
        previewed(),
        vec(keyring_status(), 0..4).prop_map(|keyrings| Opaque(Response::Keyrings(keyrings))),
        vec(defence(), 0..4).prop_map(|defences| Opaque(Response::Defences(defences))),
        (profile(), keyring(), keyring(), text()).prop_map(|(profile, from, keyring, lasts)| {
            Opaque(Response::Moved(Moved { profile, from, keyring, lasts }))
        }),
        vec(log_entry(), 0..5).prop_map(|entries| Opaque(Response::Log(entries))),
        tested(),
        examined(),
        (profile(), text(), string(), option::of(text())).prop_map(|(profile, url, path, warning)| {
            Opaque(Response::Lent(Lent { profile, url, path, warning }))
        }),
        integration::managed(),
        integration::secrets(),
    ]
}

fn tested() -> impl Strategy<Value = Opaque<Response>> {
    (profile(), text(), text(), option::of(number()), any::<bool>(), any::<bool>()).prop_map(
        |(profile, url, client_id, assets, more, renewed)| {
            Opaque(Response::Tested(Box::new(Tested { profile, url, client_id, assets, more, renewed })))
        },
    )
}

fn examined() -> impl Strategy<Value = Opaque<Response>> {
    use Subject::{Api, Clock, Configuration, Connection, Credentials, Name, Tls, Token};
    let subject = select(vec![Configuration, Credentials, Name, Connection, Tls, Clock, Token, Api]);
    let verdict = select(vec![Verdict::Ok, Verdict::Warning, Verdict::Fails]);
    let finding = (subject, verdict, text()).prop_map(|(subject, verdict, message)| Finding {
        subject,
        verdict,
        message,
    });
    let starter = select(vec![Starter::Client, Starter::ServiceManager, Starter::Person]);
    (profile(), starter, vec(finding, 0..9)).prop_map(|(profile, starter, findings)| {
        Opaque(Response::Examined(Examined { profile, starter, findings }))
    })
}

fn defence() -> impl Strategy<Value = Defence> {
    (text(), any::<bool>(), text()).prop_map(|(name, active, note)| Defence { name, active, note })
}

fn previewed() -> impl Strategy<Value = Opaque<Response>> {
    let auth = select(vec![ClientAuth::Post, ClientAuth::Basic]);
    (profile(), text(), text(), auth, vec(option::of(text()), 4)).prop_map(
        |(profile, url, token_url, auth, mut given)| {
            let mut next = || given.pop().flatten();
            Opaque(Response::Previewed(Box::new(Previewed {
                profile,
                url,
                token_url,
                auth,
                scope: next(),
                audience: next(),
                resource: next(),
                ca_file: next(),
            })))
        },
    )
}

fn keyring_status() -> impl Strategy<Value = KeyringStatus> {
    let item = (profile(), any::<bool>()).prop_map(|(profile, used)| KeptItem { profile, used });
    (keyring(), text(), vec(item, 0..5), option::of(failure()))
        .prop_map(|(keyring, lasts, items, error)| KeyringStatus { keyring, lasts, items, error })
}

fn log_entry() -> impl Strategy<Value = LogEntry> {
    let caller = (any::<Option<u32>>(), any::<Option<u32>>(), option::of(text()), option::of(text()))
        .prop_map(|(uid, pid, program, parent)| Caller { uid, pid, program, parent });
    let outcome = prop_oneof![
        3 => (profile(), number()).prop_map(|(profile, generation)| Outcome::Served { profile, generation }),
        1 => Just(Outcome::Refused),
    ];
    (number(), caller, outcome).prop_map(|(at_ms, caller, outcome)| LogEntry { at_ms, caller, outcome })
}

fn file() -> impl Strategy<Value = FileStatus> {
    let format = prop_oneof![Just(FileFormat::Header), Just(FileFormat::Raw)];
    (profile(), text(), format, any::<Option<u64>>(), option::of(failure())).prop_map(
        |(profile, path, format, generation, error)| FileStatus { profile, path, format, generation, error },
    )
}

fn check<M: Message + PartialEq>(messages: impl Strategy<Value = Opaque<M>>) {
    let config = ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x6474_6372_6564),
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&messages, |Opaque(message)| {
        let frame = frame::encode(&message).unwrap();
        let (header, body) = frame.split_first_chunk::<HEADER>().unwrap();
        prop_assert_eq!(frame::body_length::<M>(*header), Ok(body.len()));
        let decoded: M =
            frame::decode(body).map_err(|error| TestCaseError::fail(format!("{error}: {body:02x?}")))?;
        prop_assert!(decoded == message, "decoded, it is another: {:02x?}", body);
        prop_assert!(
            *frame::encode(&decoded).unwrap() == *frame,
            "encoded again, it is another: {:02x?}",
            body
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_request_survives_the_wire() {
    check(request());
}

#[test]
fn every_response_survives_the_wire() {
    check(response());
}
