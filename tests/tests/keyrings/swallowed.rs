//! A keyring that swallows what is written to it. No real one does that: this one is a fake.

use std::thread;

use dbus::{
    Message, Path as ObjectPath,
    arg::{RefArg, Variant},
    blocking::Connection,
    channel::{MatchingReceiver, Sender},
    message::MatchRule,
};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{BOUND, Bus, bus::Place},
    user::{Account, User},
};

use super::desktop::is_exit_6;

const COLLECTION: &str = "/org/freedesktop/secrets/collection/swallows";

/// Answers as a Secret Service with one open collection does, in which there is never anything.
fn answer(call: &Message) -> Message {
    let nothing = || ObjectPath::from("/");
    let reply = call.method_return();
    match call.member().as_deref() {
        Some("OpenSession") => {
            // A public key that fits; what is encrypted by it is looked at by nobody.
            let key: Variant<Box<dyn RefArg>> = Variant(Box::new(vec![2_u8; 128]));
            reply.append2(key, ObjectPath::from("/org/freedesktop/secrets/session/1"))
        }
        Some("ReadAlias") => reply.append1(ObjectPath::from(COLLECTION)),
        Some("Get") => match call.get2::<&str, &str>() {
            (_, Some("Collections")) => reply.append1(Variant(vec![ObjectPath::from(COLLECTION)])),
            _ => reply.append1(Variant(false)),
        },
        Some("SearchItems") => reply.append1(Vec::<ObjectPath<'_>>::new()),
        Some("CreateItem") => reply.append2(ObjectPath::from(format!("{COLLECTION}/1")), nothing()),
        other => panic!("nobody said what {other:?} does"),
    }
}

fn serve(bus: &Connection) {
    bus.request_name("org.freedesktop.secrets", false, true, true).expect("the name is free");
    let take = |call: Message, bus: &Connection| {
        let _ = bus.send(answer(&call));
        true
    };
    bus.start_receive(MatchRule::new_method_call(), Box::new(take));
}

#[test]
fn a_store_whose_item_cannot_be_read_back_has_failed_and_nothing_is_recorded() {
    let sandbox = Sandbox::http();
    let Some(bus) = Bus::start(Place::new(&[])) else { return };
    let service = bus.connect();
    serve(&service);
    // It ends with its bus.
    let fake = thread::spawn(move || while service.process(BOUND).is_ok() {});
    let mut user = User::new("secret-service");
    user.home.set("DBUS_SESSION_BUS_ADDRESS", bus.address());
    for named in [false, true] {
        let account = Account::at(&sandbox);
        let lines = account.lines();
        let store = if named { user.store(&lines) } else { user.home.dt_cred_with(&["store"], &lines) };
        is_exit_6(&store);
        assert!(store.stderr.contains("does not give back"), "{}", store.stderr);
        let state = std::fs::read_to_string(user.home.state().join("state.toml")).unwrap_or_default();
        assert!(!state.contains(user.profile()), "{state}");
        assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    }
    drop(bus);
    fake.join().expect("it answered everything");
}
