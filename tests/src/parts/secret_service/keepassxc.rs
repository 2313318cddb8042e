//! KeePassXC: a database that is exposed as a collection.

use std::{fs, process::Command};

use super::{Bus, PASSWORD, Place};
use crate::parts::{BOUND, on_path, require, run};

/// Named for the database's file.
pub(super) const COLLECTION: &str = "/org/freedesktop/secrets/collection/keys";

const DATABASE: &str = "keys.kdbx";

/// What says that it does in the window's stead.
const WINDOW: &str = "org.keepassxc.KeePassXC.MainWindow";

pub(super) fn is_here() -> bool {
    let present = on_path(&["dbus-daemon", "keepassxc", "keepassxc-cli", "secret-tool"]);
    require("keepassxc, libsecret-tools and dbus", present)
}

/// Makes a database whose root group is exposed, and the settings that let it be. Whether a person is asked before an item
/// is given out, as when KeePassXC is new, and before one is removed.
pub(super) fn make_database(place: &Place, asks: bool) {
    let export = place.path("keys.xml");
    fs::write(&export, EXPORT).expect("a file");
    let mut import = place.command("keepassxc-cli");
    // As few rounds as it takes: the password is no secret.
    import.args(["import", "--quiet", "--set-password", "--decryption-time", "100"]).arg(export);
    import.arg(place.path(DATABASE));
    run(import, format!("{PASSWORD}\n{PASSWORD}\n")).done();
    let settings = format!(
        "[General]\nUpdateCheckMessageShown=true\n[GUI]\nCheckForUpdates=false\n\
         [Security]\nNoConfirmMoveEntryToRecycleBin={}\n\
         [FdoSecrets]\nEnabled=true\nConfirmAccessItem={asks}\nConfirmDeleteItem={asks}\n",
        !asks
    );
    fs::write(place.path("keepassxc.ini"), settings).expect("a file");
}

pub(super) fn command(place: &Place) -> Command {
    let mut provider = place.command("keepassxc");
    provider.arg("--config").arg(place.path("keepassxc.ini")).arg("--pw-stdin").arg(place.path(DATABASE));
    provider
}

pub(super) fn lock(bus: &Bus) {
    call(bus, "lockAllDatabases", ());
}

pub(super) fn close(bus: &Bus) {
    call(bus, "closeAllDatabases", ());
}

pub(super) fn unlock(bus: &Bus, password: &str) {
    let database = bus.place().path(DATABASE).display().to_string();
    call(bus, "openDatabase", (database, password));
}

fn call(bus: &Bus, method: &str, arguments: impl dbus::arg::AppendAll) {
    let bus = bus.connect();
    let window = bus.with_proxy(WINDOW, "/keepassxc", BOUND);
    let answer: Result<(), _> = window.method_call(WINDOW, method, arguments);
    answer.unwrap_or_else(|error| panic!("KeePassXC did not do {method}: {error}"));
}

/// A database as KeePassXC exports it. The group that is exposed is named by its UUID, in two spellings.
const EXPORT: &str = r#"<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<KeePassFile>
  <Meta>
    <Generator>KeePassXC</Generator>
    <CustomData>
      <Item>
        <Key>FDO_SECRETS_EXPOSED_GROUP</Key>
        <Value>{00112233-4455-6677-8899-aabbccddeeff}</Value>
      </Item>
    </CustomData>
  </Meta>
  <Root>
    <Group>
      <UUID>ABEiM0RVZneImaq7zN3u/w==</UUID>
      <Name>Root</Name>
    </Group>
  </Root>
</KeePassFile>
"#;
