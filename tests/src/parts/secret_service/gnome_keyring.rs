//! gnome-keyring: its login keyring, which a desktop's login opens.

use std::{fs, path::Path, process::Command};

use dbus::{
    Path as ObjectPath,
    arg::{RefArg, Variant},
};

use super::{Bus, Place, ROOT, SERVICE_INTERFACE, object};
use crate::parts::{BOUND, on_path, require};

pub(super) const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";

/// The only way to unlock without a window. It is there for gnome-keyring's own tests.
const INTERNAL_INTERFACE: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// How a session bus starts what shows gnome-keyring's window.
const PROMPTER: &str = "/usr/share/dbus-1/services/org.gnome.keyring.SystemPrompter.service";

pub(super) fn is_here() -> bool {
    let present = on_path(&["dbus-daemon", "gnome-keyring-daemon", "secret-tool"]);
    require("gnome-keyring, libsecret-tools and dbus", present)
}

/// Lets the bus of this place start what shows the window, whenever it has ended; whether there is such a program.
pub(super) fn shows_windows(place: &Place) -> bool {
    let present = Path::new(PROMPTER).is_file();
    if present {
        let copy = place.path("services/org.gnome.keyring.SystemPrompter.service");
        fs::copy(PROMPTER, copy).expect("a service file");
    }
    require("gcr's prompter, which gnome-keyring depends on", present)
}

/// Has the bus start what shows the window: gnome-keyring answers a prompt only once that runs, and waits are short.
pub(super) fn start_prompter(bus: &Bus) {
    let bus = bus.connect();
    let names = bus.with_proxy("org.freedesktop.DBus", "/org/freedesktop/DBus", BOUND);
    let arguments = ("org.gnome.keyring.SystemPrompter", 0_u32);
    let started: Result<(u32,), _> =
        names.method_call("org.freedesktop.DBus", "StartServiceByName", arguments);
    started.unwrap_or_else(|error| panic!("gcr's prompter does not start: {error}"));
}

pub(super) fn command(place: &Place) -> Command {
    let mut provider = place.command("gnome-keyring-daemon");
    provider.args(["--foreground", "--unlock", "--components=secrets"]);
    provider
}

/// Whether the password fitted.
pub(super) fn unlock(bus: &Bus, password: &str) -> bool {
    let bus = bus.connect();
    let service = object(&bus, ROOT);
    let plain = ("plain", Variant(""));
    let session: Result<(Variant<Box<dyn RefArg>>, ObjectPath<'_>), _> =
        service.method_call(SERVICE_INTERFACE, "OpenSession", plain);
    let (_, session) = session.unwrap_or_else(|error| panic!("cannot open a session: {error}"));
    let secret = (session, Vec::<u8>::new(), password.as_bytes().to_vec(), "text/plain");
    let arguments = (ObjectPath::from(COLLECTION), secret);
    let answer: Result<(), _> =
        service.method_call(INTERNAL_INTERFACE, "UnlockWithMasterPassword", arguments);
    answer.is_ok()
}
