//! Why a keyring could not do it, and what a person can do about it.

use dt_cred_proto::{message::Keyring, text::Text};
use thiserror::Error;

use super::stores;

/// How much of what others say is shown, in characters.
const BRIEF: usize = 300;

/// Why a keyring could not do it: one line each, with the mend. It never holds what was kept or was to be kept.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum KeyringError {
    /// There is no session bus, or it does not let us in.
    #[error(
        "there is no session bus ({reason}): run `dt-cred stop`, log in to a desktop and run `dt-cred unlock` there, or keep the \
         profile elsewhere, as with `dt-cred login --keyring keyutils`", reason = brief(.reason))]
    NoBus {
        /// What libdbus said.
        reason: Text,
    },
    /// The session bus that the environment names may be another user's.
    #[error(
        "the session bus at {address} is not the user's ({reason}), so nothing was sent there: run `dt-cred stop`, set \
         DBUS_SESSION_BUS_ADDRESS to your own, as unix:path=/run/user/UID/bus, or unset it, then `dt-cred unlock`"
    )]
    ForeignBus {
        /// What the environment names.
        address: Text,
        /// Why it is not trusted.
        reason: Text,
    },
    /// The bus is there, and nobody on it keeps secrets.
    #[error(
        "no program on the session bus is a Secret Service ({reason}): start gnome-keyring, KWallet or KeePassXC, then \
         `dt-cred unlock`, or keep the profile elsewhere, as with `dt-cred login --keyring keyutils`", reason = brief(.reason))]
    NoProvider {
        /// What the bus said.
        reason: Text,
    },
    /// The program is there, and has no place where it keeps items.
    #[error(
        "the keyring has no collection to keep items in: make one in the keyring's program (in KeePassXC open a \
         database and expose a group of it, under Database Settings, Secret Service Integration), then `dt-cred unlock`"
    )]
    NoCollection,
    /// It is locked, and nobody was asked.
    #[error("the keyring is locked: open it with `dt-cred unlock`")]
    Locked,
    /// It is open, asks a person before it gives an item to a program, and nobody was asked.
    #[error(
        "the keyring is open, and asks a person before it gives out this item: allow it with `dt-cred unlock` for this \
         profile, and its window appears"
    )]
    Guarded,
    /// It is locked, nobody was asked, and it does not tell what is in it.
    #[error("the keyring is locked and does not tell what is in it: open it with `dt-cred unlock`")]
    Sealed,
    /// The prompt was raised, and it is still locked.
    #[error(
        "the keyring's prompt was dismissed, not answered, or could not be shown: run {AGAIN} where its \
         window can appear, or keep the profile elsewhere, as with `{ELSEWHERE}`",
        AGAIN = stores::AGAIN,
        ELSEWHERE = stores::ELSEWHERE
    )]
    Unanswered,
    /// More than one item is the profile's.
    #[error(
        "more than one item in {keyring} is this profile's: remove them with `dt-cred erase`, see that the keyring is \
         open with `dt-cred unlock`, and log in again"
    )]
    Ambiguous {
        /// Which store.
        keyring: Keyring,
    },
    /// The store is there and does not let us in.
    #[error(
        "{keyring} refuses access ({reason}): allow it in the keyring's own settings, or in the sandbox's that this program \
         runs in, then `dt-cred unlock`", reason = brief(.reason))]
    Denied {
        /// Which store.
        keyring: Keyring,
        /// What it said.
        reason: Text,
    },
    /// The user's share of the kernel keyring is used up.
    #[error(
        "the user's quota in the kernel keyring is used up (see /proc/key-users): remove keys with `keyctl`, see with \
         `dt-cred unlock` that it is open, and try again"
    )]
    Quota,
    /// The kernel has no keyrings or a sandbox keeps us from them, as in most containers.
    #[error(
        "the kernel gives no keyring here ({reason}): in a container allow keyctl, add_key and request_key, then \
         `dt-cred unlock`, or keep the profile elsewhere, as with `dt-cred login --keyring secret-service`", reason = brief(.reason))]
    KernelRefuses {
        /// Which error.
        reason: Text,
    },
    /// The kernel has keyrings and keeps us from this one, or from the key in it.
    #[error(
        "the kernel keyring does not let us at the item ({reason}), the rights of its key were taken away: remove it with \
         `dt-cred erase`, see with `dt-cred unlock` that the kernel keyring is open, and log in again"
    )]
    KernelDenies {
        /// Which error.
        reason: Text,
    },
    /// Whatever else the kernel says.
    #[error(
        "the kernel keyring failed ({reason}): see with `dt-cred unlock` whether it still does, and if so keep the \
         profile elsewhere, as with `dt-cred login --keyring secret-service`"
    )]
    KernelFailed {
        /// Which error.
        reason: Text,
    },
    /// The deadline passed.
    #[error(
        "{keyring} has not answered within {seconds} s: look whether it shows a prompt or hangs, then `dt-cred unlock`"
    )]
    TimedOut {
        /// Which store.
        keyring: Keyring,
        /// The deadline, in seconds.
        seconds: u64,
    },
    /// Nothing was asked: whoever wants it would be gone.
    #[error(
        "there was no time left to ask {keyring}: try again with a longer --timeout, as with `dt-cred unlock`"
    )]
    NoTime {
        /// Which store.
        keyring: Keyring,
    },
    /// Earlier calls have not returned, so none was begun.
    #[error(
        "{keyring} hangs, earlier calls have not returned yet: restart the keyring's program, or this daemon with \
         `dt-cred stop`, then `dt-cred unlock`"
    )]
    Stuck {
        /// Which store.
        keyring: Keyring,
    },
    /// The system gave no thread, or the store's library ended it.
    #[error(
        "{keyring} could not be called: the system gives this process no more threads; try `dt-cred unlock` later"
    )]
    NoThread {
        /// Which store.
        keyring: Keyring,
    },
    /// What was written is not what is read.
    #[error(
        "{keyring} does not give back what was written to it: see with `dt-cred unlock` that it is open, and try again"
    )]
    Altered {
        /// Which store.
        keyring: Keyring,
    },
    /// The item is not text.
    #[error("{}", not_text(*.keyring))]
    NotText {
        /// Which store.
        keyring: Keyring,
    },
    /// The store takes no item of this size.
    #[error(
        "the item is larger than the {limit} bytes that {keyring} takes: leave out what it does not need, or hold it in \
         memory with `dt-cred start --from-stdin`, which needs no `dt-cred unlock`"
    )]
    TooLarge {
        /// Which store.
        keyring: Keyring,
        /// What it takes, in bytes.
        limit: usize,
    },
    /// The store does not tell upper from lower case, and holds a profile whose name differs in that alone.
    #[error(
        "{keyring} keeps {other} under this name, as it does not tell upper from lower case: see with `dt-cred unlock` that it \
         is open, and use that name, or another one"
    )]
    OtherCase {
        /// Which store.
        keyring: Keyring,
        /// The name of its item.
        other: Text,
    },
    /// This logon has no store, as one over the network.
    #[error(
        "this logon has no {keyring}, as one over SSH with a key, or a task that runs without its user's password: \
         run `dt-cred stop` and then `dt-cred unlock` where the user has logged in with a password, or hold the \
         credentials in memory with `dt-cred start --from-stdin`"
    )]
    NoLogon {
        /// Which store.
        keyring: Keyring,
    },
    /// Not on this system.
    #[error(
        "this system has no {keyring}: choose one of {choices} with `dt-cred login --keyring`, and open it with \
         `dt-cred unlock`"
    )]
    NotHere {
        /// Which store.
        keyring: Keyring,
        /// What there is instead.
        choices: Text,
    },
    /// The source cannot be written to.
    #[error("{}", read_only(*.keyring))]
    ReadOnly {
        /// Which source.
        keyring: Keyring,
    },
    /// A credential that the service manager gave cannot be used.
    #[error(
        "the systemd credential {path} cannot be read ({reason}): mend LoadCredential= in the unit that starts dt-credd, \
         restart the unit, and see with `dt-cred unlock`", reason = brief(.reason), path = brief(.path))]
    Credential {
        /// Where it lies.
        path: Text,
        /// Why not.
        reason: Text,
    },
    /// The state file says that a command has the credentials, and the configuration names none.
    #[error(
        "no keyring_command is configured for this profile: write one, and keyring = \"command\", then `dt-cred stop`, \
         and see with `dt-cred unlock`"
    )]
    NoCommand,
    /// The keyring_command was not run, or not to its end.
    #[error(
        "the keyring_command {program} cannot be run ({reason}): mend that, or the configuration and then `dt-cred stop`, \
         and see with `dt-cred unlock`", reason = brief(.reason), program = brief(.program))]
    NotRun {
        /// Its program.
        program: Text,
        /// Why not.
        reason: Text,
    },
    /// The keyring_command did not end.
    #[error(
        "the keyring_command {program} has not ended within {seconds} s and was killed ({said}): see whether it waits for \
         somebody, then `dt-cred unlock`", said = brief(.said), program = brief(.program))]
    Late {
        /// Its program.
        program: Text,
        /// The deadline, in seconds.
        seconds: u64,
        /// The end of its standard error.
        said: Text,
    },
    /// The keyring_command floods.
    #[error(
        "the keyring_command {program} prints more than {limit} bytes and was killed: have it print the lines of \
         `dt-cred store` and nothing else, and see with `dt-cred unlock`", program = brief(.program))]
    TooMuch {
        /// Its program.
        program: Text,
        /// What is taken, in bytes.
        limit: usize,
    },
    /// The keyring_command failed.
    #[error("the keyring_command {program} failed ({status}: {said}): mend that, and see with `dt-cred unlock`", said = brief(.said), program = brief(.program))]
    Unsuccessful {
        /// Its program.
        program: Text,
        /// How it ended.
        status: Text,
        /// The end of its standard error.
        said: Text,
    },
    /// The keyring_command failed, and could not gain what its mode lets it.
    #[error("the keyring_command {program} failed ({status}: {said}), and its set-user-id or set-group-id bit is without effect under the unit that runs dt-credd: give it that, as docs/service.md has it, then `dt-cred unlock`", said = brief(.said), program = brief(.program))]
    Powerless {
        /// Its program.
        program: Text,
        /// How it ended.
        status: Text,
        /// The end of its standard error.
        said: Text,
    },
    /// Whatever else the store's library says.
    #[error("{keyring} failed ({reason}): restart the keyring's program, then `dt-cred unlock`", reason = brief(.reason))]
    Failed {
        /// Which store.
        keyring: Keyring,
        /// What it said.
        reason: Text,
    },
}

/// Of what others say only so much that the mend behind it is never cut off.
fn brief(text: &Text) -> Text {
    Text::from(text.as_str().chars().take(BRIEF).collect::<String>())
}

/// How what is no text is got rid of.
fn not_text(keyring: Keyring) -> String {
    if keyring.is_source() {
        return format!(
            "what {keyring} gives is not UTF-8 text: mend it there, and see with `dt-cred unlock`"
        );
    }
    format!(
        "the item in {keyring} is not UTF-8 text: remove it with `dt-cred erase`, see that the keyring is open with \
         `dt-cred unlock`, and log in again"
    )
}

/// How what a source gives is changed.
fn read_only(keyring: Keyring) -> String {
    let source = match keyring {
        Keyring::Systemd => {
            "its credentials are given by systemd (LoadCredential= in the unit that starts dt-credd), which wins and can \
             only be read: change them there and restart the unit"
        }
        Keyring::Command => {
            "its credentials come from the keyring_command of the configuration, which can only be read: change them \
             there, or take keyring and keyring_command out of the configuration and run `dt-cred stop`"
        }
        other => return format!("{other} can only be read: see with `dt-cred unlock` what it holds"),
    };
    format!("{source}, and see with `dt-cred unlock`")
}

impl KeyringError {
    /// Whether there is no such store here, so that it cannot hold anything either.
    pub fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::NoBus { .. }
                | Self::NoProvider { .. }
                | Self::NoCollection
                | Self::KernelRefuses { .. }
                | Self::NotHere { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::{message::Keyring, text::Text};

    use super::KeyringError;

    #[test]
    fn every_message_is_one_line_that_fits_and_names_the_way_out() {
        let (keyring, long) = (Keyring::SecretService, "x".repeat(5000));
        let reason = || Text::from(format!("a\nb\u{1b}[2J{long}").as_str());
        let errors = [
            KeyringError::NoBus { reason: Text::from("why") },
            KeyringError::NoProvider { reason: Text::from("why") },
            KeyringError::ForeignBus { address: Text::from("unix:path=/x"), reason: Text::from("why") },
            KeyringError::NoCollection,
            KeyringError::Locked,
            KeyringError::Guarded,
            KeyringError::Sealed,
            KeyringError::Unanswered,
            KeyringError::Ambiguous { keyring },
            KeyringError::Denied { keyring, reason: reason() },
            KeyringError::Quota,
            KeyringError::KernelRefuses { reason: Text::from("why") },
            KeyringError::KernelDenies { reason: Text::from("why") },
            KeyringError::KernelFailed { reason: Text::from("why") },
            KeyringError::TimedOut { keyring, seconds: 2 },
            KeyringError::NoTime { keyring },
            KeyringError::Stuck { keyring },
            KeyringError::NoThread { keyring },
            KeyringError::Altered { keyring },
            KeyringError::NotText { keyring },
            KeyringError::NotText { keyring: Keyring::Command },
            KeyringError::TooLarge { keyring, limit: 9 },
            KeyringError::OtherCase { keyring, other: Text::from("Default.dt-cred") },
            KeyringError::NoLogon { keyring },
            KeyringError::NotHere { keyring, choices: Text::from("this, that") },
            KeyringError::ReadOnly { keyring },
            KeyringError::ReadOnly { keyring: Keyring::Systemd },
            KeyringError::ReadOnly { keyring: Keyring::Command },
            KeyringError::Credential { path: Text::from("/x"), reason: reason() },
            KeyringError::NoCommand,
            KeyringError::NotRun { program: Text::from("/x"), reason: reason() },
            KeyringError::Late { program: Text::from("/x"), seconds: 30, said: reason() },
            KeyringError::TooMuch { program: Text::from("/x"), limit: 9 },
            KeyringError::Unsuccessful { program: Text::from("/x"), status: Text::from("1"), said: reason() },
            KeyringError::Powerless { program: Text::from("/x"), status: Text::from("1"), said: reason() },
            KeyringError::Failed { keyring, reason: reason() },
        ];
        for error in errors {
            // As it is sent: after the longest name of a profile.
            let told = Text::from(format!("profile {}: {error}", "x".repeat(64))).to_string();
            assert!(told.contains("`dt-cred unlock`"), "{told}");
            assert!(!told.contains(char::is_control), "{told}");
            assert!(!told.contains("  "), "{told}");
            assert!(told.chars().count() < Text::LIMIT, "{told}");
        }
    }
}
