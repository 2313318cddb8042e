//! A tenancy at the sandbox: an Owner, and a user who has the profile of an integration.

use dt_cred_proto::{
    message::{
        Action, Create, Created, Failure, IntegrationSubject, Manage, Managed, Operation, Response, Rotate,
        Rotated, Save,
    },
    profile::Profile,
    uuid::Uuid,
};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Output, SecretService, keyring,
        session::{Session, request},
    },
    user::{Account, User},
};

/// What is there before a test begins.
pub(crate) struct Tenancy {
    /// Whose profile is that of an integration.
    pub(crate) user: User,
    /// The store that their profiles are in.
    keyring: &'static str,
    owner: keyring::Profile,
    pub(crate) account: Account,
    pub(crate) sandbox: Sandbox,
}

impl Tenancy {
    /// One whose profiles are in the user's own keyring; none where it cannot be used.
    pub(crate) fn kept() -> Option<Self> {
        User::in_keyring().map(|user| Self::of(user, keyring::STORE))
    }

    /// One whose profiles are in the daemon's memory.
    pub(crate) fn in_memory() -> Self {
        Self::of(User::in_memory(), "memory")
    }

    /// One whose profiles are in this keyring, which the test may lock.
    pub(crate) fn on_desktop(service: &SecretService) -> Self {
        let mut user = User::new("secret-service");
        user.home.set("DBUS_SESSION_BUS_ADDRESS", service.address());
        Self::of(user, "secret-service")
    }

    fn of(user: User, keyring: &'static str) -> Self {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        let tenancy = Self { user, keyring, owner: keyring::Profile::unique("owner"), account, sandbox };
        tenancy.user.log_in(&tenancy.account);
        tenancy.log_in_owner();
        tenancy
    }

    /// Makes an Owner, whose profile is the Owner's from now on.
    #[track_caller]
    pub(crate) fn log_in_owner(&self) {
        self.store(self.owner.name(), &Account::owner_at(&self.sandbox)).done();
    }

    /// Stores an account as a profile.
    #[track_caller]
    pub(crate) fn store(&self, profile: &str, account: &Account) -> Output {
        let lines = format!("{}keyring={}\n", account.lines(), self.keyring);
        self.user.home.dt_cred_with(&["store", "-p", profile], lines)
    }

    /// The Owner's profile.
    pub(crate) fn owner(&self) -> Profile {
        name(self.owner.name())
    }

    /// The integration's profile.
    pub(crate) fn profile(&self) -> Profile {
        name(self.user.profile())
    }

    /// The integration's id.
    pub(crate) fn id(&self) -> Uuid {
        self.account.client_id.parse().expect("a UUID")
    }

    /// The integration, by its profile.
    pub(crate) fn subject(&self) -> IntegrationSubject {
        IntegrationSubject::Profile(self.profile())
    }

    /// What the daemon is asked for, as the Owner.
    pub(crate) fn operation(&self, action: Action) -> Operation {
        Operation::Manage(Box::new(Manage { owner: self.owner(), action }))
    }

    /// A connection to the daemon, which is started where there is none.
    #[track_caller]
    pub(crate) fn session(&self) -> Session {
        self.user.dt_cred(&["start"]).done();
        Session::open(&self.user.home.socket())
    }

    /// What the daemon answers.
    #[track_caller]
    pub(crate) fn ask(&self, operation: Operation) -> Response {
        self.session().ask(operation)
    }

    /// Has the daemon do it as the Owner.
    #[track_caller]
    pub(crate) fn manage(&self, action: Action) -> Result<Managed, Failure> {
        ended(&mut self.begin(action))
    }

    /// Asks for it, and waits for nothing.
    #[track_caller]
    pub(crate) fn begin(&self, action: Action) -> Session {
        let mut session = self.session();
        assert!(session.send(request(self.operation(action))), "the daemon has closed the connection");
        session
    }

    /// A creation that is kept as this profile in the store of the others.
    pub(crate) fn creation(&self, display_name: &str, save: &str) -> Create {
        let save = Save { profile: name(save), keyring: Some(self.keyring.parse().expect("a store")) };
        Create {
            display_name: display_name.into(),
            claims: vec![],
            owner: false,
            save: Some(save),
            reveal: false,
        }
    }

    /// Has it made.
    #[track_caller]
    pub(crate) fn create(&self, create: Create) -> Result<Created, Failure> {
        self.manage(Action::Create(create)).map(created)
    }

    /// A rotation of the profile's secret, with nothing else said.
    pub(crate) fn rotation(&self) -> Rotate {
        Rotate { profile: self.profile(), client_id: None, keyring: None, due: None }
    }

    /// Has it rotated.
    #[track_caller]
    pub(crate) fn rotate(&self, rotate: Rotate) -> Result<Rotated, Failure> {
        self.manage(Action::Rotate(rotate)).map(|managed| match managed {
            Managed::Rotated(rotated) => rotated,
            _ => panic!("another answer"),
        })
    }

    /// The command that finishes a rotation.
    pub(crate) fn finish(&self) -> String {
        format!("`dt-cred integration rotate {} --as {}`", self.profile(), self.owner())
    }

    /// As which owner a rotation of the profile has begun and not ended.
    #[track_caller]
    pub(crate) fn rotation_noted(&self) -> Option<Profile> {
        let Response::Secrets(secrets) = self.ask(Operation::Secrets) else { panic!("another answer") };
        secrets.into_iter().find(|status| status.profile == self.profile())?.rotation
    }

    /// That the answer's words hold no secret that the sandbox has given out.
    #[track_caller]
    pub(crate) fn no_secret_in(&self, text: &str) {
        for secret in self.sandbox.secrets() {
            assert!(!text.contains(&secret), "a secret is in an answer");
        }
    }
}

/// The integration that was made.
#[track_caller]
pub(crate) fn created(managed: Managed) -> Created {
    match managed {
        Managed::Created(created) => *created,
        _ => panic!("another answer"),
    }
}

/// What came of what was begun.
#[track_caller]
pub(crate) fn ended(session: &mut Session) -> Result<Managed, Failure> {
    match session.answer() {
        Response::Managed(managed) => Ok(*managed),
        Response::Failed(failure) => Err(failure),
        _ => panic!("another answer"),
    }
}

/// A profile's name.
pub(crate) fn name(name: &str) -> Profile {
    name.parse().expect("a name")
}
