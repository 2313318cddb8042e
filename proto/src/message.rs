//! What the client asks and what the daemon answers.
//!
//! A released struct or variant never changes: a new need is a new variant at the end. The frames kept as files
//! in `proto/frames` prove it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{lengths, profile::Profile, secret::Secret, text::Text};

/// One question of a client.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// How long the client will wait for the answer, in milliseconds from now.
    pub deadline_ms: u64,
    /// What it asks for.
    pub operation: Operation,
}

/// What a client can ask for.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// A token: answered by [`Response::Token`].
    Get(Get),
    /// The API refused a token: answered by [`Response::Rejected`].
    Reject(Reject),
    /// Keep credentials: answered by [`Response::Stored`]. Nothing is kept for a client that closes its side before they are.
    Store(Box<Store>),
    /// Forget credentials and tokens: answered by [`Response::Erased`].
    Erase(Erase),
    /// What is known of a profile, for `login`: answered by [`Response::Described`].
    Describe(Describe),
    /// The state of the daemon and of every profile: answered by [`Response::Status`]. Changes nothing.
    Status,
    /// End the daemon: answered by [`Response::Stopping`].
    Stop,
    /// Raise the keyring's own prompt once: answered by [`Response::Unlocked`].
    Unlock(Unlock),
    /// The state of the files that are kept fresh: answered by [`Response::Files`]. Changes nothing.
    Files,
    /// Where credentials would be sent, for `login`: answered by [`Response::Previewed`]. Changes nothing.
    Preview(Box<Preview>),
    /// What is kept where: answered by [`Response::Keyrings`]. Changes nothing.
    Keyrings,
    /// Keep a profile elsewhere: answered by [`Response::Moved`].
    Move(Move),
    /// What the daemon does against other programs: answered by [`Response::Defences`]. Changes nothing.
    Defences,
    /// Who was served lately: answered by [`Response::Log`]. Changes nothing.
    Log,
    /// Use a token for the API's list of assets: answered by [`Response::Tested`].
    Test(Test),
    /// Look at everything between a profile and a token, for `doctor`: answered by [`Response::Examined`].
    Examine(Examine),
    /// A file with a token in it that is kept fresh until this connection ends: answered by [`Response::Lent`].
    Lend(Lend),
}

impl Operation {
    /// Its name for people, with nothing of what it holds.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Reject(_) => "reject",
            Self::Store(_) => "store",
            Self::Erase(_) => "erase",
            Self::Describe(_) => "describe",
            Self::Status => "status",
            Self::Stop => "stop",
            Self::Unlock(_) => "unlock",
            Self::Files => "files",
            Self::Preview(_) => "preview",
            Self::Keyrings => "keyrings",
            Self::Move(_) => "move",
            Self::Defences => "defences",
            Self::Log => "log",
            Self::Test(_) => "test",
            Self::Examine(_) => "examine",
            Self::Lend(_) => "lend",
        }
    }
}

/// Asks for a token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Get {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// Seconds for which the token must be valid at least, only when the user gave them.
    pub min_ttl: Option<u32>,
    /// Met only by a token requested from now on.
    pub fresh: bool,
}

/// Says that the API refused a token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reject {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// The refused token's generation; a no-op unless it is the one held. None is the one held.
    pub generation: Option<u64>,
    /// Also lift a terminal refusal of the issuer, at most once a minute.
    pub force: bool,
}

/// Keeps credentials, after proving them unless told not to.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// The store to keep them in; none is the one that holds the profile, or the configured one.
    pub keyring: Option<Keyring>,
    /// Get a token by them first, and keep nothing where the issuer refuses.
    pub check: bool,
    /// The credentials. On an existing profile, what is not given is kept, the secret aside: it is given each time.
    pub attributes: Attributes,
}

/// Where DataTrails is: the base URL where none is given.
pub const DEFAULT_URL: &str = "https://app.datatrails.ai";

/// Credentials and where they may be sent: what the user gave of them.
#[derive(PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attributes {
    /// Base URL of the service.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub url: Option<String>,
    /// The token endpoint (RFC 6749 §3.2).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub token_url: Option<String>,
    /// The client identifier (RFC 6749 §2.2).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub client_id: Option<String>,
    /// The client secret (RFC 6749 §2.3.1).
    pub client_secret: Option<Secret>,
    /// How the client authenticates.
    pub auth: Option<ClientAuth>,
    /// `scope` of the token request (RFC 6749 §3.3).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub scope: Option<String>,
    /// `audience` of the token request.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub audience: Option<String>,
    /// `resource` of the token request (RFC 8707).
    #[serde(deserialize_with = "lengths::optional_string")]
    pub resource: Option<String>,
    /// Absolute path of a PEM file with the only CAs to trust for this profile.
    #[serde(deserialize_with = "lengths::optional_string")]
    pub ca_file: Option<String>,
}

/// How a client authenticates at the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` in the form body.
    #[default]
    Post,
    /// The HTTP Basic scheme, both form-urlencoded first.
    Basic,
}

/// Where a profile's credentials are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keyring {
    /// The freedesktop Secret Service (gnome-keyring, KWallet, KeePassXC).
    SecretService,
    /// The Linux kernel's keyring (keyrings(7)).
    Keyutils,
    /// The macOS keychain.
    Keychain,
    /// Windows' Credential Manager.
    CredentialManager,
    /// systemd credentials, read only.
    Systemd,
    /// An external command, read only.
    Command,
    /// The daemon's memory: gone when it ends.
    Memory,
}

/// Which profiles to forget.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Erase {
    /// One; none is the default one.
    One(Option<Profile>),
    /// Every profile.
    All,
}

/// Asks what is known of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Describe {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// Asks to unlock a profile's keyring.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Unlock {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// Asks where credentials would be sent that are stored with these attributes.
#[derive(PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preview {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// What the user has given so far, the secret not among it.
    pub attributes: Attributes,
}

/// Asks to keep a profile's credentials elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Move {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// The store to keep them in.
    pub keyring: Keyring,
}

/// Asks to use a profile's token for the API's list of assets.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Test {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// Asks to look at everything between a profile and a token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Examine {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
}

/// Asks for a file with a token in it, for as long as the connection that this is asked on lives.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Lend {
    /// The profile; none is the default one.
    pub profile: Option<Profile>,
    /// Seconds for which the first token in it must be valid at least, only when the user gave them.
    pub min_ttl: Option<u32>,
}

/// One answer of the daemon.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The request's frame was of another version of the protocol; the connection ends.
    Version {
        /// The version that the daemon speaks.
        version: u8,
        /// The daemon's release.
        release: Text,
    },
    /// The daemon does not know this operation: it is older than the client.
    Unsupported,
    /// It could not be done.
    Failed(Failure),
    /// A token.
    Token(Token),
    /// Whether a token was dropped or a refusal lifted.
    Rejected {
        /// True where it was; false where the generation is no longer the one held.
        dropped: bool,
    },
    /// The credentials are kept.
    Stored(Stored),
    /// These profiles are forgotten.
    Erased(#[serde(deserialize_with = "lengths::sequence")] Vec<Profile>),
    /// What is known of a profile.
    Described(Described),
    /// The state of the daemon.
    Status(Box<Status>),
    /// The daemon ends when this is sent.
    Stopping {
        /// Its process id.
        pid: u32,
    },
    /// The keyring is open.
    Unlocked(Keyring),
    /// The files that are kept fresh, by profile and path.
    Files(#[serde(deserialize_with = "lengths::sequence")] Vec<FileStatus>),
    /// Where credentials would be sent.
    Previewed(Box<Previewed>),
    /// What is kept where, by store.
    Keyrings(#[serde(deserialize_with = "lengths::sequence")] Vec<KeyringStatus>),
    /// A profile is kept elsewhere now.
    Moved(Moved),
    /// What the daemon does against other programs, and against being made to do something else.
    Defences(#[serde(deserialize_with = "lengths::sequence")] Vec<Defence>),
    /// Who was served or refused lately, the oldest first.
    Log(#[serde(deserialize_with = "lengths::sequence")] Vec<LogEntry>),
    /// The API took the token.
    Tested(Box<Tested>),
    /// What was found between a profile and a token.
    Examined(Examined),
    /// A file with a token in it. Nobody needs to say anything more on this connection, whose end is the file's.
    Lent(Lent),
}

/// Why something could not be done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// What the caller should do about it.
    pub kind: FailureKind,
    /// What failed, why, and what to do next, in one line.
    pub message: Text,
}

impl Failure {
    /// A failure of this kind with this message.
    pub fn new(kind: FailureKind, message: impl Into<Text>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.fmt(f)
    }
}

/// What the caller of a failed request should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FailureKind {
    /// Try later: the issuer cannot be reached, is busy, or the deadline passed.
    TryLater,
    /// Ask for something else.
    Usage,
    /// Start another daemon, or another version of it.
    Daemon,
    /// Get other credentials: the issuer refused these.
    Refused,
    /// Log in: nothing is stored for this profile.
    NothingStored,
    /// Unlock or repair the keyring.
    Keyring,
    /// Mend the configuration or the profile's endpoint.
    Configuration,
    /// Read the message.
    Other,
}

impl FailureKind {
    /// The exit code of a command that failed so.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::TryLater => 1,
            Self::Usage => 2,
            Self::Daemon => 3,
            Self::Refused => 4,
            Self::NothingStored => 5,
            Self::Keyring => 6,
            Self::Configuration => 7,
            Self::Other => 8,
        }
    }
}

/// A token and what a caller needs to know of it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The access token (RFC 6749 §1.4), of the alphabet of RFC 6750 §2.1.
    pub access_token: Secret,
    /// How it is sent: `Bearer`.
    pub token_type: Text,
    /// When it expires, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
    /// For how long it is valid yet, in milliseconds.
    pub expires_in_ms: u64,
    /// Which grant it came by: the Unix milliseconds of the grant, always larger than the one before.
    pub generation: u64,
    /// Whose it is.
    pub profile: Profile,
    /// Base URL of the service it is for.
    pub url: Text,
    /// What the user should know all the same.
    pub warning: Option<Text>,
}

/// What was kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// The profile.
    pub profile: Profile,
    /// Where it is kept.
    pub keyring: Keyring,
    /// For how long it is kept there.
    pub lasts: Text,
    /// For how long the token that proved the credentials is valid, in milliseconds; none when unchecked.
    pub expires_in_ms: Option<u64>,
}

/// What is known of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Described {
    /// The profile.
    pub profile: Profile,
    /// The base URL that is kept, where the profile exists.
    pub url: Option<Text>,
    /// The client id that is kept, where the profile exists.
    pub client_id: Option<Text>,
    /// Where its credentials are or would be kept; none where the user must choose first.
    pub keyring: Option<Keyring>,
    /// For how long they are kept there, why they can only be read there, or why the user must choose.
    pub note: Text,
}

/// Where credentials would be sent, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Previewed {
    /// The profile.
    pub profile: Profile,
    /// Base URL of the service.
    pub url: Text,
    /// The token endpoint (RFC 6749 §3.2).
    pub token_url: Text,
    /// How the client authenticates.
    pub auth: ClientAuth,
    /// `scope` of the token request (RFC 6749 §3.3).
    pub scope: Option<Text>,
    /// `audience` of the token request.
    pub audience: Option<Text>,
    /// `resource` of the token request (RFC 8707).
    pub resource: Option<Text>,
    /// The PEM file with the only CAs that are trusted.
    pub ca_file: Option<Text>,
}

/// What a store keeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyringStatus {
    /// Which store.
    pub keyring: Keyring,
    /// For how long it keeps an item.
    pub lasts: Text,
    /// The profiles that have an item there, by name.
    #[serde(deserialize_with = "lengths::sequence")]
    pub items: Vec<KeptItem>,
    /// Why it does not tell, or not everything.
    pub error: Option<Failure>,
}

/// A profile's item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptItem {
    /// Whose it is.
    pub profile: Profile,
    /// Whether it is the one that tokens are got by; another store may hold one that is not.
    pub used: bool,
}

/// Where a profile is kept now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// The profile.
    pub profile: Profile,
    /// Where it was kept before; the same where nothing had to be done.
    pub from: Keyring,
    /// Where it is kept.
    pub keyring: Keyring,
    /// For how long it is kept there.
    pub lasts: Text,
}

/// The state of the daemon.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's release.
    pub release: Text,
    /// Its process id.
    pub pid: u32,
    /// How long it has been running, in milliseconds, time asleep included.
    pub uptime_ms: u64,
    /// The profile that an unnamed one is.
    pub default_profile: Profile,
    /// Requests answered, of all kinds.
    pub requests: u64,
    /// Every profile that is known, by name.
    #[serde(deserialize_with = "lengths::sequence")]
    pub profiles: Vec<ProfileStatus>,
}

/// The state of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProfileStatus {
    /// Its name.
    pub profile: Profile,
    /// Whether it has a token.
    pub state: ProfileState,
    /// Base URL of the service, once it was read from the keyring.
    pub url: Option<Text>,
    /// Where the credentials are kept.
    pub keyring: Option<Keyring>,
    /// For how long they are kept there.
    pub lasts: Option<Text>,
    /// For how long the token is valid yet, in milliseconds.
    pub expires_in_ms: Option<u64>,
    /// The whole lifetime that it was granted, in milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The token's generation.
    pub generation: Option<u64>,
    /// When the next token is asked for by itself, in milliseconds from now.
    pub next_fetch_in_ms: Option<u64>,
    /// The last failure, if nothing has succeeded since.
    pub last_error: Option<Failure>,
    /// What `get` would fail with now, judged from memory; none where it would answer with a token.
    pub check: Option<Failure>,
    /// The proxy that requests go through.
    pub proxy: Option<Text>,
    /// Tokens given to clients.
    pub served: u64,
    /// Requests made to the issuer.
    pub fetches: u64,
}

/// One thing that the daemon does against programs that would read it, or make it do something else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Defence {
    /// What is defended, in a word or two that does not change: `memory`, `core files`, `secret pages`, `privileges`,
    /// `files`, `system calls`.
    pub name: Text,
    /// Whether it took. Each is done as far as the system lets it.
    pub active: bool,
    /// How, or why not.
    pub note: Text,
}

/// The state of a file that is kept fresh.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileStatus {
    /// Whose token it holds.
    pub profile: Profile,
    /// Where it lies.
    pub path: Text,
    /// What stands in it.
    pub format: FileFormat,
    /// The generation of the token in it; none where there is no such file.
    pub generation: Option<u64>,
    /// Why it is not as it should be.
    pub error: Option<Failure>,
}

/// What stands in a file that is kept fresh: one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum FileFormat {
    /// `Authorization: Bearer T`, for `curl -H @FILE`.
    #[default]
    Header,
    /// `T` alone.
    Raw,
}

/// A file with a token in it, kept fresh until the connection that it was asked for on has ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lent {
    /// Whose token it holds.
    pub profile: Profile,
    /// Base URL of the service that it is for.
    pub url: Text,
    /// Where it lies: to be opened, not shown as it is. The raw token stands in it, and a line's end.
    #[serde(deserialize_with = "lengths::string")]
    pub path: String,
    /// What the user should know all the same.
    pub warning: Option<Text>,
}

/// What the daemon remembers of somebody who came to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who it was.
    pub caller: Caller,
    /// What became of it.
    pub outcome: Outcome,
}

/// Who came, as the system says. All but the uid are hints, no proof: a process calls itself what it likes, and its number
/// is another's once it has ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Caller {
    /// The user; none on Windows, where nobody but the daemon's own can connect.
    pub uid: Option<u32>,
    /// The process that connected; none where it is in a PID namespace that the daemon does not see.
    pub pid: Option<u32>,
    /// What the system calls its program.
    pub program: Option<Text>,
    /// What it calls the program that started that one.
    pub parent: Option<Text>,
}

/// What became of somebody who came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// A token was served.
    Served {
        /// Whose.
        profile: Profile,
        /// Its generation.
        generation: u64,
    },
    /// Another user was refused before a byte of theirs was read.
    Refused,
}

/// What the API's list of assets said of a token that it took.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tested {
    /// Whose token.
    pub profile: Profile,
    /// Base URL of the service.
    pub url: Text,
    /// The client identifier (RFC 6749 §2.2), which an access policy names as `subject`.
    pub client_id: Text,
    /// How many assets were listed; none where the answer is too long to be counted.
    pub assets: Option<u64>,
    /// Whether there are more than were listed.
    pub more: bool,
    /// Whether the token that was held was refused before, and another one was got.
    pub renewed: bool,
}

/// What was found between a profile and a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Examined {
    /// Which profile.
    pub profile: Profile,
    /// Who started the daemon.
    pub starter: Starter,
    /// What was looked at, in the order in which a token comes about, up to the first that keeps the next from it.
    #[serde(deserialize_with = "lengths::sequence")]
    pub findings: Vec<Finding>,
}

/// Who started the daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Starter {
    /// A client that needed one.
    Client,
    /// The service manager.
    ServiceManager,
    /// A person, in a terminal.
    Person,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// What it comes to.
    pub verdict: Verdict,
    /// What was found; where it is not as it should be, also what mends it.
    pub message: Text,
}

/// What is looked at between a profile and a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Subject {
    /// The configuration, as it lies on the disk now.
    Configuration,
    /// The profile's credentials in their keyring.
    Credentials,
    /// The address of the issuer's host.
    Name,
    /// A connection to it.
    Connection,
    /// Its certificate and protocol.
    Tls,
    /// This machine's clock, by the issuer's.
    Clock,
    /// A token.
    Token,
    /// What the API says to it.
    Api,
}

/// What a finding comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and should be otherwise.
    Warning,
    /// It keeps the user from a token, or from what the token is for.
    Fails,
}

/// Whether a profile has a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ProfileState {
    /// Nothing was asked of it yet.
    Idle,
    /// It has a valid token.
    Valid,
    /// It has none and is asking for one.
    Fetching,
    /// It has none and will ask again: `last_error` says why.
    Failing,
    /// It has none and will not ask again until something changes.
    Refused,
}

impl Keyring {
    /// Every store, by the name that it has in the configuration and on the command line.
    pub const NAMES: [(Self, &'static str); 7] = [
        (Self::SecretService, "secret-service"),
        (Self::Keyutils, "keyutils"),
        (Self::Keychain, "keychain"),
        (Self::CredentialManager, "credential-manager"),
        (Self::Systemd, "systemd"),
        (Self::Command, "command"),
        (Self::Memory, "memory"),
    ];
}

impl fmt::Display for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(keyring, _)| keyring == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

/// A word that is none of those that may stand here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{word:?} is none of {choices}")]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// What may stand there.
    pub choices: String,
}

impl Keyring {
    /// Whether it is a source that can only be read, and gives the lines of `store` instead of an item.
    pub fn is_source(self) -> bool {
        matches!(self, Self::Systemd | Self::Command)
    }

    /// The store of this name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == word).map(|(keyring, _)| *keyring)
    }

    /// Every name, for people.
    pub(crate) fn choices() -> String {
        Self::NAMES.map(|(_, name)| name).join(", ")
    }
}

impl FromStr for Keyring {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord { word: Text::new(word).to_string(), choices: Self::choices() };
        Self::named(word).ok_or_else(unknown)
    }
}

impl ClientAuth {
    /// The way of this name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        [Self::Post, Self::Basic].into_iter().find(|auth| auth.name() == word)
    }

    /// Every name, for people.
    pub(crate) fn choices() -> String {
        [Self::Post, Self::Basic].map(Self::name).join(", ")
    }

    /// Its name on the command line and in the lines of `store`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Basic => "basic",
        }
    }
}

impl FileFormat {
    const NAMES: [(Self, &'static str); 2] = [(Self::Header, "header"), (Self::Raw, "raw")];
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for FileFormat {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let known = Self::NAMES.iter().find(|(_, name)| *name == word).map(|(format, _)| *format);
        let choices = || Self::NAMES.map(|(_, name)| name).join(", ");
        known.ok_or_else(|| UnknownWord { word: Text::new(word).to_string(), choices: choices() })
    }
}

impl FromStr for ClientAuth {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord { word: Text::new(word).to_string(), choices: Self::choices() };
        Self::named(word).ok_or_else(unknown)
    }
}

impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientAuth, FailureKind, Keyring};

    #[test]
    fn a_store_has_one_name_wherever_it_is_written() {
        for (keyring, name) in Keyring::NAMES {
            assert_eq!(keyring.to_string(), name);
            assert_eq!(name.parse(), Ok(keyring));
            // What `rename_all` makes of it, for state.toml.
            let derived =
                format!("{keyring:?}").chars().enumerate().fold(String::new(), |mut name, (at, c)| {
                    if c.is_uppercase() && at > 0 {
                        name.push('-');
                    }
                    name.extend(c.to_lowercase());
                    name
                });
            assert_eq!(derived, name);
        }
        for auth in [ClientAuth::Post, ClientAuth::Basic] {
            assert_eq!(auth.to_string().parse(), Ok(auth));
        }
    }

    #[test]
    fn a_word_that_names_nothing_is_refused_with_the_choices() {
        for word in ["", "auto", "Keyutils", "key utils", " keyutils", "keyutils\n"] {
            assert!(word.parse::<Keyring>().is_err(), "{word:?}");
        }
        for word in ["", "POST", "none", "post "] {
            assert!(word.parse::<ClientAuth>().is_err(), "{word:?}");
        }
        let said = "dig\x1b[2Jest".parse::<ClientAuth>().unwrap_err().to_string();
        assert_eq!(said, "\"dig\u{fffd}[2Jest\" is none of post, basic");
        let said = "kernel".parse::<Keyring>().unwrap_err().to_string();
        let choices = "secret-service, keyutils, keychain, credential-manager, systemd, command, memory";
        assert_eq!(said, format!("\"kernel\" is none of {choices}"));
    }

    #[test]
    fn a_column_of_names_is_padded() {
        assert_eq!(format!("{:<10}|{:<6}|", Keyring::Keyutils, ClientAuth::Post), "keyutils  |post  |");
    }

    #[test]
    fn every_kind_of_failure_has_the_exit_code_of_the_contract() {
        let codes = [
            (FailureKind::TryLater, 1),
            (FailureKind::Usage, 2),
            (FailureKind::Daemon, 3),
            (FailureKind::Refused, 4),
            (FailureKind::NothingStored, 5),
            (FailureKind::Keyring, 6),
            (FailureKind::Configuration, 7),
            (FailureKind::Other, 8),
        ];
        for (kind, code) in codes {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }
}
