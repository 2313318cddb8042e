//! A real Secret Service on a private bus: gnome-keyring or KeePassXC.

#[path = "secret_service/gnome_keyring.rs"]
mod gnome_keyring;
#[path = "secret_service/keepassxc.rs"]
mod keepassxc;

use dbus::{
    Path as ObjectPath,
    blocking::{Connection, Proxy, stdintf::org_freedesktop_dbus::Properties},
};
use rustix::process::{Pid, Signal};

use super::{BOUND, Bus, Display, Output, Running, bus::Place, run, until};

/// What opens the keyring.
pub const PASSWORD: &str = "the keyring's password";

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE_INTERFACE: &str = "org.freedesktop.Secret.Service";
const COLLECTION_INTERFACE: &str = "org.freedesktop.Secret.Collection";

/// An alias that no collection has.
const END: &str = "the end of what is watched";

/// The program that keeps the secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// gnome-keyring, as a desktop's login opens it.
    GnomeKeyring,
    /// KeePassXC that gives every program what it asks for.
    KeePassXc,
    /// KeePassXC that asks a person before it gives out an item, as it does when it is new, and before it removes one.
    AskingKeePassXc,
}

/// The programs that give what they are asked for while they are open: what holds for one holds for the other.
pub const PROGRAMS: [Program; 2] = [Program::GnomeKeyring, Program::KeePassXc];

impl Program {
    /// Whether it is here; says loudly what is left out where it is not.
    fn is_here(self) -> bool {
        match self {
            Self::GnomeKeyring => gnome_keyring::is_here(),
            Self::KeePassXc | Self::AskingKeePassXc => keepassxc::is_here(),
        }
    }

    /// Its default collection.
    fn collection(self) -> &'static str {
        match self {
            Self::GnomeKeyring => gnome_keyring::COLLECTION,
            Self::KeePassXc | Self::AskingKeePassXc => keepassxc::COLLECTION,
        }
    }
}

/// A bus with a provider on it, unlocked. Both are killed on drop.
pub struct SecretService {
    // In this order they are dropped: the provider before its bus.
    provider: Option<Running>,
    program: Program,
    bus: Bus,
}

impl SecretService {
    /// gnome-keyring with an empty, unlocked login keyring; `None` where the programs are missing.
    ///
    /// # Panics
    /// Where they do not start.
    pub fn start() -> Option<Self> {
        Self::of(Program::GnomeKeyring)
    }

    /// This program with an empty, unlocked collection; `None` where it is missing. It shows no window.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn of(program: Program) -> Option<Self> {
        Self::start_in(program, Place::new(&[("QT_QPA_PLATFORM", "offscreen")]))
    }

    /// [`Self::of`], with its windows on this display.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn on(program: Program, display: &Display) -> Option<Self> {
        let place = Place::new(&[("DISPLAY", display.name()), ("QT_QPA_PLATFORM", "xcb")]);
        if program == Program::GnomeKeyring && !gnome_keyring::shows_windows(&place) {
            return None;
        }
        let service = Self::start_in(program, place)?;
        if program == Program::GnomeKeyring {
            gnome_keyring::start_prompter(&service.bus);
        }
        Some(service)
    }

    fn start_in(program: Program, place: Place) -> Option<Self> {
        if !program.is_here() {
            return None;
        }
        if program != Program::GnomeKeyring {
            keepassxc::make_database(&place, program == Program::AskingKeePassXc);
        }
        let bus = Bus::start(place)?;
        let mut service = Self { provider: None, program, bus };
        service.restart_provider();
        Some(service)
    }

    /// Its bus.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The bus, as `DBUS_SESSION_BUS_ADDRESS` names it.
    pub fn address(&self) -> String {
        self.bus.address()
    }

    /// Locks the collection, as a user or a screen's lock does.
    pub fn lock(&self) {
        match self.program {
            Program::GnomeKeyring => self.ask_to_lock(),
            Program::KeePassXc | Program::AskingKeePassXc => keepassxc::lock(&self.bus),
        }
        until("the keyring to be locked", || self.is_locked().then_some(()));
    }

    /// Asks it to lock the collection, which one that is locked already takes too.
    pub fn ask_to_lock(&self) {
        let bus = self.bus.connect();
        let what = vec![ObjectPath::from(self.program.collection())];
        let locked: Result<(Vec<ObjectPath<'_>>, ObjectPath<'_>), _> =
            object(&bus, ROOT).method_call(SERVICE_INTERFACE, "Lock", (what,));
        locked.unwrap_or_else(|error| panic!("cannot lock the keyring: {error}"));
    }

    /// Unlocks it with `password`, as a user would in the keyring's own window; tells whether it fitted.
    pub fn unlock_with_password(&self, password: &str) -> bool {
        match self.program {
            Program::GnomeKeyring => gnome_keyring::unlock(&self.bus, password),
            Program::KeePassXc | Program::AskingKeePassXc => {
                keepassxc::unlock(&self.bus, password);
                until("the database to be open", || (!self.is_locked()).then_some(()));
                true
            }
        }
    }

    /// Whether the collection is locked. A provider that stands still does not answer: this panics then.
    pub fn is_locked(&self) -> bool {
        let bus = self.bus.connect();
        let locked = object(&bus, self.program.collection()).get(COLLECTION_INTERFACE, "Locked");
        locked.unwrap_or_else(|error| panic!("cannot ask whether the keyring is locked: {error}"))
    }

    /// Kills the provider; the bus stays, and nothing starts another.
    pub fn kill_provider(&mut self) {
        self.provider = None;
        self.bus.until_owned(NAME, false, String::new);
    }

    /// Kills the provider if there is one, and starts another on the same keyring, unlocked.
    pub fn restart_provider(&mut self) {
        self.kill_provider();
        let command = match self.program {
            Program::GnomeKeyring => gnome_keyring::command(self.bus.place()),
            Program::KeePassXc | Program::AskingKeePassXc => keepassxc::command(self.bus.place()),
        };
        let mut provider = Running::start(command, PASSWORD);
        // The password ends where its input does.
        provider.close_stdin();
        self.bus.until_owned(NAME, true, || provider.said());
        self.provider = Some(provider);
        until("the collection to be there, unlocked", || {
            let bus = self.bus.connect();
            let collection = object(&bus, self.program.collection());
            let locked: Result<bool, _> = collection.get(COLLECTION_INTERFACE, "Locked");
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

    /// Closes KeePassXC's database: nothing is left to keep items in.
    pub fn close_collection(&self) {
        keepassxc::close(&self.bus);
        until("the collection to be gone", || {
            let bus = self.bus.connect();
            let paths: Vec<ObjectPath<'_>> =
                object(&bus, ROOT).get(SERVICE_INTERFACE, "Collections").expect("it is asked");
            paths.is_empty().then_some(())
        });
    }

    /// How many prompts are raised on the bus while `act` runs, and what else is said to the service meanwhile.
    pub fn prompts_during(&self, act: impl FnOnce()) -> (usize, String) {
        let rules = ["Service", "Collection", "Item", "Prompt"]
            .map(|name| format!("type='method_call',interface='org.freedesktop.Secret.{name}'"));
        let monitor = self.bus.monitor(&rules.each_ref().map(String::as_str));
        act();
        // The bus keeps the order: when this is seen, all that came before it has been.
        let bus = self.bus.connect();
        let end: Result<(ObjectPath<'_>,), _> =
            object(&bus, ROOT).method_call(SERVICE_INTERFACE, "ReadAlias", (END,));
        end.unwrap_or_else(|error| panic!("the provider does not answer: {error}"));
        monitor.stdout_line(|line| line.contains(END));
        let seen = monitor.said();
        (seen.matches("interface=org.freedesktop.Secret.Prompt; member=Prompt").count(), seen)
    }

    /// Runs `secret-tool` on this keyring.
    pub fn secret_tool(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Output {
        let mut command = self.bus.place().command("secret-tool");
        command.args(arguments);
        run(command, stdin)
    }
}

fn object<'a>(bus: &'a Connection, path: &'static str) -> Proxy<'a, &'a Connection> {
    bus.with_proxy(NAME, path, BOUND)
}
