//! A real Secret Service: gnome-keyring on a private bus.

use std::{fs, process::Command, time::Instant};

use dbus::{
    Path as ObjectPath,
    arg::{RefArg, Variant},
    blocking::{Connection, Proxy, stdintf::org_freedesktop_dbus::Properties},
    channel::Channel,
    message::MatchRule,
};
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::{BOUND, Output, Running, on_path, require, run, until};

/// What opens the login keyring.
pub const PASSWORD: &str = "the keyring's password";

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
const SERVICE_INTERFACE: &str = "org.freedesktop.Secret.Service";
const COLLECTION_INTERFACE: &str = "org.freedesktop.Secret.Collection";
/// The only way to unlock without a window. It is there for gnome-keyring's own tests.
const INTERNAL_INTERFACE: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// A bus with gnome-keyring on it, unlocked. Both are killed on drop.
pub struct SecretService {
    // In this order they are dropped: the provider before its bus, the folder last.
    provider: Option<Running>,
    _bus: Running,
    folder: TempDir,
}

impl SecretService {
    /// A bus and a provider with an empty, unlocked login keyring; `None` where the programs are missing.
    ///
    /// # Panics
    /// Where they do not start.
    pub fn start() -> Option<Self> {
        let present = on_path(&["dbus-daemon", "gnome-keyring-daemon", "secret-tool"]);
        if !require("gnome-keyring, libsecret-tools and dbus", present) {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("dtk-").tempdir_in("/tmp").expect("a temporary folder");
        for name in ["run", "data"] {
            fs::create_dir(folder.path().join(name)).expect("a folder for the keyring");
        }
        let configuration = folder.path().join("bus.conf");
        fs::write(&configuration, bus_configuration(&address(&folder))).expect("a configuration for the bus");
        let mut bus = in_folder("dbus-daemon", &folder);
        bus.args(["--nofork", "--print-address=1", "--config-file"]).arg(configuration);
        let bus = Running::start(bus, "");
        // It is printed once the bus listens.
        bus.first_line();
        let mut service = Self { provider: None, _bus: bus, folder };
        service.restart_provider();
        Some(service)
    }

    /// The bus, as `DBUS_SESSION_BUS_ADDRESS` names it.
    pub fn address(&self) -> String {
        address(&self.folder)
    }

    /// Locks the login keyring.
    pub fn lock(&self) {
        let bus = self.connect();
        let what = vec![ObjectPath::from(COLLECTION)];
        let locked: Result<(Vec<ObjectPath<'_>>, ObjectPath<'_>), _> =
            object(&bus, ROOT).method_call(SERVICE_INTERFACE, "Lock", (what,));
        locked.unwrap_or_else(|error| panic!("cannot lock the keyring: {error}"));
        until("the keyring to be locked", || self.is_locked().then_some(()));
    }

    /// Unlocks it with `password`, as a user would in the keyring's own window; tells whether it fitted.
    pub fn unlock_with_password(&self, password: &str) -> bool {
        let bus = self.connect();
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

    /// Whether the login keyring is locked. A provider that stands still does not answer: this panics then.
    pub fn is_locked(&self) -> bool {
        let bus = self.connect();
        let locked = object(&bus, COLLECTION).get(COLLECTION_INTERFACE, "Locked");
        locked.unwrap_or_else(|error| panic!("cannot ask whether the keyring is locked: {error}"))
    }

    /// Kills the provider; the bus stays, and nothing starts another.
    pub fn kill_provider(&mut self) {
        self.provider = None;
        self.until_owned(false);
    }

    /// Kills the provider if there is one, and starts another on the same keyring, unlocked.
    pub fn restart_provider(&mut self) {
        self.kill_provider();
        let mut provider = in_folder("gnome-keyring-daemon", &self.folder);
        provider.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut provider = Running::start(provider, PASSWORD);
        // The password ends where its input does.
        provider.close_stdin();
        self.provider = Some(provider);
        self.until_owned(true);
        until("the login keyring to be there, unlocked", || {
            let bus = self.connect();
            let locked: Result<bool, _> = object(&bus, COLLECTION).get(COLLECTION_INTERFACE, "Locked");
            (locked.ok() == Some(false)).then_some(())
        });
    }

    /// Stops the provider: it keeps its name and answers nobody, until [`Self::continue_provider`].
    pub fn stop_provider(&self) {
        self.provider.as_ref().expect("a provider that was not killed").stop();
    }

    /// Lets a stopped provider go on.
    pub fn continue_provider(&self) {
        self.provider.as_ref().expect("a provider that was not killed").signal(Signal::CONT);
    }

    /// The provider's process id.
    pub fn provider_pid(&self) -> Pid {
        self.provider.as_ref().expect("a provider that was not killed").pid()
    }

    /// Runs `secret-tool` on this keyring.
    pub fn secret_tool(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Output {
        let mut command = in_folder("secret-tool", &self.folder);
        command.args(arguments);
        run(command, stdin)
    }

    fn connect(&self) -> Connection {
        let open = || {
            let mut channel = Channel::open_private(&self.address())?;
            channel.register()?;
            Ok::<_, dbus::Error>(Connection::from(channel))
        };
        open().unwrap_or_else(|error| panic!("cannot reach the private bus: {error}"))
    }

    fn until_owned(&self, owned: bool) {
        let bus = self.connect();
        let rule = MatchRule::new_signal("org.freedesktop.DBus", "NameOwnerChanged");
        // Subscribed before the first look, so that no change falls between the two.
        bus.add_match(rule, |(): (), _, _| true)
            .unwrap_or_else(|error| panic!("cannot watch the bus: {error}"));
        let names = bus.with_proxy("org.freedesktop.DBus", "/org/freedesktop/DBus", BOUND);
        let end = Instant::now() + BOUND;
        loop {
            let answer: Result<(bool,), _> =
                names.method_call("org.freedesktop.DBus", "NameHasOwner", (NAME,));
            let (found,) = answer.unwrap_or_else(|error| panic!("cannot ask the bus for {NAME}: {error}"));
            if found == owned {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            let said = || self.provider.as_ref().map(Running::said);
            assert!(!left.is_zero(), "waited {} s for {NAME} on the bus: {:?}", BOUND.as_secs(), said());
            bus.process(left).unwrap_or_else(|error| panic!("the bus is gone: {error}"));
        }
    }
}

fn object<'a>(bus: &'a Connection, path: &'static str) -> Proxy<'a, &'a Connection> {
    bus.with_proxy(NAME, path, BOUND)
}

fn address(folder: &TempDir) -> String {
    format!("unix:path={}", folder.path().join("bus").display())
}

/// A program that knows nothing but this folder and its bus.
fn in_folder(program: &str, folder: &TempDir) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder.path());
    command
        .env("XDG_RUNTIME_DIR", folder.path().join("run"))
        .env("XDG_DATA_HOME", folder.path().join("data"));
    command.env("DBUS_SESSION_BUS_ADDRESS", address(folder)).env("LANG", "C.UTF-8");
    command
}

/// A session bus that starts no service by itself: what is killed stays away, and no second provider comes up.
fn bus_configuration(address: &str) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#
    )
}
