//! A private session bus, and programs that know no other.

use std::{ffi::OsString, fs, os::unix::fs::chown, path::PathBuf, process::Command, time::Instant};

use dbus::{blocking::Connection, channel::Channel, message::MatchRule};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{BOUND, Running, on_path, private_folder, require};

/// The bus's configuration in its place.
const CONFIGURATION: &str = "bus.conf";

/// A real dbus-daemon in a folder of its own. It is killed on drop.
pub struct Bus {
    // In this order they are dropped: the folder last.
    daemon: Running,
    place: Place,
}

/// Where a bus and its programs live, and what they see of the environment.
pub struct Place {
    folder: TempDir,
    variables: Vec<(&'static str, OsString)>,
}

impl Place {
    /// An empty one; `variables` are seen beside those that each program needs.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn new(variables: &[(&'static str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("dtk-").tempdir_in("/tmp").expect("a temporary folder");
        let path = folder.path();
        let mut known: Vec<(&'static str, OsString)> = vec![
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("LANG", "C.UTF-8".into()),
            ("HOME", path.into()),
            ("GSETTINGS_BACKEND", "memory".into()),
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", path.join("bus").display()).into()),
        ];
        private_folder(&path.join("services"));
        for (variable, name) in [
            ("XDG_RUNTIME_DIR", "run"),
            // KeePassXC runs once for each folder of temporary files.
            ("TMPDIR", "run"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            private_folder(&path.join(name));
            known.push((variable, path.join(name).into()));
        }
        known.extend(variables.iter().map(|(name, value)| (*name, value.into())));
        Self { folder, variables: known }
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Gives all of it to another user, whose programs are to live there.
    ///
    /// # Panics
    /// Where this is not root.
    pub fn give_to(&self, uid: u32) {
        for name in ["", "run", "data", "config", "cache", "services"] {
            chown(self.path(name), Some(uid), Some(uid)).expect("given away");
        }
    }

    /// A program that knows nothing but this place and its bus.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Bus {
    /// A bus that lets everything pass; `None` where the machine has no dbus-daemon.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(place: Place) -> Option<Self> {
        let daemon = place.command("dbus-daemon");
        Self::start_by(daemon, place)
    }

    /// [`Self::start`] by this command, to which dbus-daemon's arguments are added.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start_by(mut daemon: Command, place: Place) -> Option<Self> {
        if !require("dbus", on_path(&["dbus-daemon", "dbus-monitor"])) {
            return None;
        }
        configure(&place, "");
        daemon.args(["--nofork", "--print-address=1", "--config-file"]).arg(place.path(CONFIGURATION));
        let daemon = Running::start(daemon, "");
        // It is printed once the bus listens.
        daemon.first_line();
        Some(Self { daemon, place })
    }

    /// Goes by these rules from now on, after those that let everything pass (dbus-daemon(1), "policy").
    ///
    /// # Panics
    /// Where it does not take them.
    pub fn police(&self, rules: &str) {
        configure(&self.place, rules);
        let bus = self.connect();
        let names = bus.with_proxy("org.freedesktop.DBus", "/org/freedesktop/DBus", BOUND);
        let taken: Result<(), _> = names.method_call("org.freedesktop.DBus", "ReloadConfig", ());
        taken.unwrap_or_else(|error| panic!("the bus does not take {rules}: {error}"));
    }

    /// Stops it: it takes connections and says nothing on them, until [`Self::go_on`].
    pub fn stop(&self) {
        self.daemon.stop();
    }

    /// Lets a stopped one go on.
    pub fn go_on(&self) {
        self.daemon.signal(Signal::CONT);
    }

    /// Where it lives.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The bus, as `DBUS_SESSION_BUS_ADDRESS` names it.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.place.path("bus").display())
    }

    /// Watches the messages that one of these rules takes, once it does (dbus-monitor(1)).
    pub fn monitor(&self, rules: &[&str]) -> Running {
        let mut monitor = self.place.command("dbus-monitor");
        monitor.args(["--address", &self.address()]).args(rules);
        let monitor = Running::start(monitor, "");
        // Its connection loses its name when it becomes a monitor's.
        monitor.stdout_line(|line| line.contains("member=NameLost"));
        monitor
    }

    /// A connection to it.
    ///
    /// # Panics
    /// Where it is gone.
    pub fn connect(&self) -> Connection {
        let open = || {
            let mut channel = Channel::open_private(&self.address())?;
            channel.register()?;
            Ok::<_, dbus::Error>(Connection::from(channel))
        };
        open().unwrap_or_else(|error| panic!("cannot reach the private bus: {error}"))
    }

    /// Waits until somebody has this name on it, or nobody any more; `said` is told where that never comes.
    ///
    /// # Panics
    /// When [`BOUND`] has passed.
    pub fn until_owned(&self, name: &str, owned: bool, said: impl Fn() -> String) {
        let bus = self.connect();
        let rule = MatchRule::new_signal("org.freedesktop.DBus", "NameOwnerChanged");
        // Subscribed before the first look, so that no change falls between the two.
        bus.add_match(rule, |(): (), _, _| true)
            .unwrap_or_else(|error| panic!("cannot watch the bus: {error}"));
        let names = bus.with_proxy("org.freedesktop.DBus", "/org/freedesktop/DBus", BOUND);
        let end = Instant::now() + BOUND;
        loop {
            let answer: Result<(bool,), _> =
                names.method_call("org.freedesktop.DBus", "NameHasOwner", (name,));
            let (found,) = answer.unwrap_or_else(|error| panic!("cannot ask the bus for {name}: {error}"));
            if found == owned {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {} s for {name} on the bus: {}", BOUND.as_secs(), said());
            bus.process(left).unwrap_or_else(|error| panic!("the bus is gone: {error}"));
        }
    }
}

/// A session bus that starts no service but those in its own folder: what is killed stays away, and no second provider
/// comes up.
fn configure(place: &Place, rules: &str) {
    let (socket, services) = (place.path("bus"), place.path("services"));
    let text = format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <servicedir>{}</servicedir>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {rules}
  </policy>
</busconfig>
"#,
        socket.display(),
        services.display()
    );
    fs::write(place.path(CONFIGURATION), text).expect("a configuration for the bus");
}
