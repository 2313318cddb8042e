//! One response for each file `response-*.frame`.

use dt_cred_proto::{
    message::{
        Caller, ClientAuth, Defence, Described, Examined, Failure, FailureKind, FileFormat, FileStatus,
        Finding, KeptItem, Keyring, KeyringStatus, Lent, LogEntry, Moved, Outcome, Previewed, ProfileState,
        ProfileStatus, Response, Starter, Status, Stored, Subject, Tested, Token, Verdict,
    },
    profile::Profile,
    secret::Secret,
    text::Text,
};

use crate::{Cases, integrations};

const KINDS: [(FailureKind, &str); 8] = [
    (FailureKind::TryLater, "try-later"),
    (FailureKind::Usage, "usage"),
    (FailureKind::Daemon, "daemon"),
    (FailureKind::Refused, "refused"),
    (FailureKind::NothingStored, "nothing-stored"),
    (FailureKind::Keyring, "keyring"),
    (FailureKind::Configuration, "configuration"),
    (FailureKind::Other, "other"),
];

const STATES: [(ProfileState, &str); 5] = [
    (ProfileState::Idle, "idle"),
    (ProfileState::Valid, "valid"),
    (ProfileState::Fetching, "fetching"),
    (ProfileState::Failing, "failing"),
    (ProfileState::Refused, "refused"),
];

fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

fn token(access_token: &str) -> Token {
    Token {
        access_token: Secret::new(access_token.to_owned()),
        token_type: Text::new("Bearer"),
        expires_at_ms: 1_795_000_600_000,
        expires_in_ms: 600_000,
        generation: 1_795_000_000_123,
        profile: profile("default"),
        url: Text::new("https://app.example"),
        warning: None,
    }
}

fn bare(state: ProfileState) -> ProfileStatus {
    ProfileStatus {
        profile: profile("default"),
        state,
        url: None,
        keyring: None,
        lasts: None,
        expires_in_ms: None,
        lifetime_ms: None,
        generation: None,
        next_fetch_in_ms: None,
        last_error: None,
        check: None,
        proxy: None,
        served: 0,
        fetches: 0,
    }
}

fn full() -> ProfileStatus {
    ProfileStatus {
        profile: profile("work"),
        state: ProfileState::Valid,
        url: Some(Text::new("https://app.example")),
        keyring: Some(Keyring::SecretService),
        lasts: Some(Text::new("until it is erased")),
        expires_in_ms: Some(599_000),
        lifetime_ms: Some(600_000),
        generation: Some(1_795_000_000_123),
        next_fetch_in_ms: Some(480_000),
        last_error: Some(Failure::new(FailureKind::TryLater, "the issuer answered 503")),
        check: Some(Failure::new(FailureKind::Refused, "the issuer refused the credentials")),
        proxy: Some(Text::new("http://proxy.example:3128")),
        served: 1000,
        fetches: 2,
    }
}

fn status(profiles: Vec<ProfileStatus>) -> Response {
    Response::Status(Box::new(Status {
        release: Text::new("0.1.0"),
        pid: 4242,
        uptime_ms: 86_400_000,
        default_profile: profile("default"),
        requests: 70_000,
        profiles,
    }))
}

/// Every response whose frame is kept, by the name of its file.
pub(crate) fn cases() -> Cases<Response> {
    let mut cases = Vec::new();
    let mut case = |name: &str, response: Response| cases.push((name.to_owned(), response));

    case("version", Response::Version { version: 1, release: Text::new("0.1.0") });
    case("version-255", Response::Version { version: 255, release: Text::default() });
    case("unsupported", Response::Unsupported);
    for (kind, name) in KINDS {
        case(&format!("failed-{name}"), Response::Failed(Failure::new(kind, "what failed, why: what to do")));
    }
    case("failed-no-message", Response::Failed(Failure::new(FailureKind::Other, "")));
    case(
        "failed-long-message",
        Response::Failed(Failure::new(FailureKind::Other, "\u{e9}".repeat(Text::LIMIT))),
    );

    case("token", Response::Token(token("aaa.bbb.ccc")));
    let warning = Some(Text::new("the issuer gave the rejected token again"));
    case("token-warning", Response::Token(Token { warning, ..token("aaa.bbb.ccc") }));
    case("token-long", Response::Token(token(&"0123456789abcdef".repeat(128))));
    let work =
        Token { profile: profile("work"), expires_in_ms: 0, expires_at_ms: 0, generation: 0, ..token("a") };
    case("token-zeros", Response::Token(work));
    let most = Token { expires_in_ms: u64::MAX, expires_at_ms: u64::MAX, generation: u64::MAX, ..token("a") };
    case("token-largest", Response::Token(most));

    case("rejected-dropped", Response::Rejected { dropped: true });
    case("rejected-not-held", Response::Rejected { dropped: false });

    let lasts = || Text::new("until it is erased");
    for (keyring, name) in Keyring::NAMES {
        let stored =
            Stored { profile: profile("default"), keyring, lasts: lasts(), expires_in_ms: Some(600_000) };
        case(&format!("stored-{name}"), Response::Stored(stored));
        case(&format!("unlocked-{name}"), Response::Unlocked(keyring));
    }
    let unchecked =
        Stored { profile: profile("work"), keyring: Keyring::Memory, lasts: lasts(), expires_in_ms: None };
    case("stored-unchecked", Response::Stored(unchecked));

    case("erased-nothing", Response::Erased(vec![]));
    case("erased-one", Response::Erased(vec![profile("default")]));
    case("erased-three", Response::Erased(["a", "b-2", "work"].map(profile).into()));

    let unknown = || Described {
        profile: profile("new"),
        url: None,
        client_id: None,
        keyring: None,
        note: Text::default(),
    };
    case("described-unknown", Response::Described(unknown()));
    let choose = Described { note: Text::new("no Secret Service is there: choose one"), ..unknown() };
    case("described-choose", Response::Described(choose));
    case(
        "described-keyring",
        Response::Described(Described { keyring: Some(Keyring::Keyutils), ..unknown() }),
    );
    let known = Described {
        profile: profile("default"),
        url: Some(Text::new("https://app.example")),
        client_id: Some(Text::new("id")),
        keyring: Some(Keyring::SecretService),
        note: lasts(),
    };
    case("described-known", Response::Described(known));

    case("status-nothing", status(vec![]));
    for (state, name) in STATES {
        case(&format!("status-{name}"), status(vec![bare(state)]));
    }
    case("status-full", status(vec![full()]));
    case("status-two", status(vec![bare(ProfileState::Idle), full()]));

    case("files-nothing", Response::Files(vec![]));
    let fresh = FileStatus {
        profile: profile("default"),
        path: Text::new("/home/u/.datatrails/bearer-token.txt"),
        format: FileFormat::Header,
        generation: Some(1_795_000_000_123),
        error: None,
    };
    let failed = FileStatus {
        path: Text::new("/home/u/raw"),
        format: FileFormat::Raw,
        generation: None,
        error: Some(Failure::new(FailureKind::Configuration, "the disk is full")),
        ..fresh.clone()
    };
    case("files-two", Response::Files(vec![fresh, failed]));

    let previewed = Previewed {
        profile: profile("default"),
        url: Text::new("https://app.example"),
        token_url: Text::new("https://app.example/token"),
        auth: ClientAuth::Post,
        scope: None,
        audience: None,
        resource: None,
        ca_file: None,
    };
    case("previewed", Response::Previewed(Box::new(previewed.clone())));
    let all = Previewed {
        auth: ClientAuth::Basic,
        scope: Some(Text::new("assets:read")),
        audience: Some(Text::new("https://app.example/api")),
        resource: Some(Text::new("urn:example:assets")),
        ca_file: Some(Text::new("/etc/ssl/example.pem")),
        ..previewed
    };
    case("previewed-all", Response::Previewed(Box::new(all)));

    case("keyrings-nothing", Response::Keyrings(vec![]));
    let used = |name, used| KeptItem { profile: profile(name), used };
    let kept = KeyringStatus {
        keyring: Keyring::Keyutils,
        lasts: lasts(),
        items: vec![used("default", true), used("work", false)],
        error: None,
    };
    let error = Some(Failure::new(FailureKind::Keyring, "the keyring is locked"));
    let locked = KeyringStatus { keyring: Keyring::SecretService, items: vec![], error, ..kept.clone() };
    case("keyrings-two", Response::Keyrings(vec![locked, kept]));
    case("defences-nothing", Response::Defences(vec![]));
    let defence = |name: &str, active, note: &str| Defence { name: name.into(), active, note: note.into() };
    let files = defence("files", false, "this kernel has no Landlock");
    case("defences-two", Response::Defences(vec![defence("memory", true, "not for others"), files]));
    case(
        "moved",
        Response::Moved(Moved {
            profile: profile("work"),
            from: Keyring::Keyutils,
            keyring: Keyring::SecretService,
            lasts: lasts(),
        }),
    );

    case("log-nothing", Response::Log(vec![]));
    let served = LogEntry {
        at_ms: 1_795_000_001_000,
        caller: Caller {
            uid: Some(1000),
            pid: Some(4242),
            program: Some(Text::new("dt-cred")),
            parent: Some(Text::new("deploy.sh")),
        },
        outcome: Outcome::Served { profile: profile("default"), generation: 1_795_000_000_123 },
    };
    let unseen = LogEntry {
        at_ms: 0,
        caller: Caller::default(),
        outcome: Outcome::Served { profile: profile("work"), generation: 0 },
    };
    let refused = LogEntry {
        at_ms: u64::MAX,
        caller: Caller { uid: Some(u32::MAX), pid: Some(u32::MAX), ..served.caller.clone() },
        outcome: Outcome::Refused,
    };
    case("log-three", Response::Log(vec![served, unseen, refused]));

    let tested = |assets, more, renewed| {
        Response::Tested(Box::new(Tested {
            profile: profile("work"),
            url: "https://app.datatrails.ai".into(),
            client_id: "0d7bca98-1a5a-4f0a-9d3f-0ba2a4a4a1c2".into(),
            assets,
            more,
            renewed,
        }))
    };
    case("tested", tested(Some(2), false, false));
    case("tested-empty", tested(Some(0), false, true));
    case("tested-uncounted", tested(None, true, false));

    let examined = |starter, findings: &[(Subject, Verdict)]| {
        let finding = |&(subject, verdict)| Finding { subject, verdict, message: "what was found".into() };
        let findings = findings.iter().map(finding).collect();
        Response::Examined(Examined { profile: profile("work"), starter, findings })
    };
    case("examined-nothing", examined(Starter::Person, &[]));
    case(
        "examined-credentials",
        examined(Starter::ServiceManager, &[(Subject::Credentials, Verdict::Fails)]),
    );
    let all = [
        (Subject::Configuration, Verdict::Ok),
        (Subject::Credentials, Verdict::Ok),
        (Subject::Name, Verdict::Ok),
        (Subject::Connection, Verdict::Ok),
        (Subject::Tls, Verdict::Ok),
        (Subject::Clock, Verdict::Warning),
        (Subject::Token, Verdict::Ok),
        (Subject::Api, Verdict::Fails),
    ];
    case("examined-everything", examined(Starter::Client, &all));
    let lent = Lent {
        profile: profile("work"),
        url: Text::new("https://app.example"),
        path: "/run/user/1000/dt-cred/agent.lent/token-0123".to_owned(),
        warning: None,
    };
    case("lent", Response::Lent(lent.clone()));
    // What is no text for people is a path all the same.
    let odd = Lent { path: "/home/u/a\nb/\u{fc}".to_owned(), warning: Some(Text::new("once more")), ..lent };
    case("lent-odd-path", Response::Lent(odd));

    case("stopping", Response::Stopping { pid: 4242 });
    case("stopping-largest", Response::Stopping { pid: u32::MAX });
    for (name, response) in integrations::responses() {
        case(&name, response);
    }
    cases
}
