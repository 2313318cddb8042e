//! One request for each file `request-*.frame`.

use dt_cred_proto::{
    message::{
        Attributes, ClientAuth, Describe, Erase, Examine, Get, Keyring, Lend, Move, Operation, Preview,
        Reject, Request, Store, Test, Unlock,
    },
    profile::Profile,
    secret::Secret,
};

use crate::{Cases, integrations};

fn profile(name: &str) -> Option<Profile> {
    Some(name.parse().unwrap())
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::new(text.to_owned()))
}

/// Every request whose frame is kept, by the name of its file.
pub(crate) fn cases() -> Cases<Request> {
    let mut cases = Vec::new();
    let mut case = |name: &str, deadline_ms: u64, operation: Operation| {
        cases.push((name.to_owned(), Request { deadline_ms, operation }));
    };

    case("get", 10_000, Operation::Get(Get::default()));
    case("get-profile", 10_000, Operation::Get(Get { profile: profile("work"), ..Get::default() }));
    case("get-min-ttl", 10_000, Operation::Get(Get { min_ttl: Some(300), ..Get::default() }));
    case("get-fresh", 10_000, Operation::Get(Get { fresh: true, ..Get::default() }));
    let all = Get { profile: profile("A-b_c.9"), min_ttl: Some(u32::MAX), fresh: true };
    case("get-all", 10_000, Operation::Get(all));
    case(
        "get-longest-profile",
        1,
        Operation::Get(Get { profile: profile(&"x".repeat(64)), ..Get::default() }),
    );
    // Each width that an integer takes.
    for deadline in [0, 250, 251, 65_535, 65_536, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
        case(&format!("get-deadline-{deadline}"), deadline, Operation::Get(Get::default()));
    }

    case("reject", 10_000, Operation::Reject(Reject::default()));
    case(
        "reject-profile",
        10_000,
        Operation::Reject(Reject { profile: profile("work"), ..Reject::default() }),
    );
    let generation = Reject { generation: Some(1_795_000_000_123), ..Reject::default() };
    case("reject-generation", 10_000, Operation::Reject(generation));
    case("reject-force", 10_000, Operation::Reject(Reject { force: true, ..Reject::default() }));
    let all = Reject { profile: profile("work"), generation: Some(0), force: true };
    case("reject-all", 10_000, Operation::Reject(all));

    let mut store = |name: &str, store: Store| case(name, 60_000, Operation::Store(Box::new(store)));
    let plain =
        || Attributes { client_id: given("id"), client_secret: secret("s3cret"), ..Attributes::default() };
    let of = |attributes| Store { profile: None, keyring: None, check: true, attributes };
    store("store-nothing", of(Attributes::default()));
    store("store", of(plain()));
    store("store-profile", Store { profile: profile("work"), ..of(plain()) });
    store("store-unchecked", Store { check: false, ..of(plain()) });
    for (keyring, name) in Keyring::NAMES {
        store(&format!("store-keyring-{name}"), Store { keyring: Some(keyring), ..of(plain()) });
    }
    store("store-auth-post", of(Attributes { auth: Some(ClientAuth::Post), ..plain() }));
    store("store-auth-basic", of(Attributes { auth: Some(ClientAuth::Basic), ..plain() }));
    store("store-url", of(Attributes { url: given("https://app.example"), ..plain() }));
    store("store-token-url", of(Attributes { token_url: given("https://id.example/token"), ..plain() }));
    store("store-scope", of(Attributes { scope: given("read write"), ..plain() }));
    store("store-audience", of(Attributes { audience: given("https://api.example"), ..plain() }));
    store("store-resource", of(Attributes { resource: given("urn:example:assets"), ..plain() }));
    store("store-ca-file", of(Attributes { ca_file: given("/etc/ssl/example.pem"), ..plain() }));
    store(
        "store-odd-secret",
        of(Attributes { client_secret: secret("a&b+c%d=e\"f'g h\u{fc}\u{1f511}"), ..plain() }),
    );
    store("store-long-secret", of(Attributes { client_secret: secret(&"0123456789".repeat(50)), ..plain() }));
    store(
        "store-empty-fields",
        of(Attributes { client_secret: secret(""), scope: given(""), ..Attributes::default() }),
    );
    let all = Store {
        profile: profile("work"),
        keyring: Some(Keyring::Keyutils),
        check: true,
        attributes: Attributes {
            url: given("https://app.example"),
            token_url: given("https://id.example/token"),
            client_id: given("id"),
            client_secret: secret("s3cret"),
            auth: Some(ClientAuth::Basic),
            scope: given("read write"),
            audience: given("https://api.example"),
            resource: given("urn:example:assets"),
            ca_file: given("/etc/ssl/example.pem"),
        },
    };
    store("store-all", all);

    case("erase", 10_000, Operation::Erase(Erase::One(None)));
    case("erase-profile", 10_000, Operation::Erase(Erase::One(profile("work"))));
    case("erase-all", 10_000, Operation::Erase(Erase::All));
    case("describe", 10_000, Operation::Describe(Describe::default()));
    case("describe-profile", 10_000, Operation::Describe(Describe { profile: profile("work") }));
    case("status", 10_000, Operation::Status);
    case("stop", 10_000, Operation::Stop);
    case("unlock", 60_000, Operation::Unlock(Unlock::default()));
    case("files", 10_000, Operation::Files);
    case("unlock-profile", 60_000, Operation::Unlock(Unlock { profile: profile("work") }));
    case("keyrings", 10_000, Operation::Keyrings);
    case("defences", 10_000, Operation::Defences);
    let moved = |profile, keyring| Operation::Move(Move { profile, keyring });
    case("move", 70_000, moved(None, Keyring::Keyutils));
    case("move-profile", 70_000, moved(profile("work"), Keyring::SecretService));
    case("log", 10_000, Operation::Log);
    case("test", 10_000, Operation::Test(Test::default()));
    case("test-profile", 10_000, Operation::Test(Test { profile: profile("work") }));
    case("examine", 10_000, Operation::Examine(Examine::default()));
    case("examine-profile", 10_000, Operation::Examine(Examine { profile: profile("work") }));
    case("lend", 10_000, Operation::Lend(Lend::default()));
    case("lend-min-ttl", 10_000, Operation::Lend(Lend { profile: profile("work"), min_ttl: Some(300) }));
    case("preview", 10_000, Operation::Preview(Box::default()));
    let attributes = Attributes { url: given("https://app.example"), ..Attributes::default() };
    let preview = Preview { profile: profile("work"), attributes };
    case("preview-url", 10_000, Operation::Preview(Box::new(preview)));
    for (name, operation) in integrations::requests() {
        case(&name, 60_000, operation);
    }
    cases
}
