//! `dt-cred integration`: DataTrails' Custom Integrations and access policies, made and changed by an Owner's token. The
//! daemon makes the calls; what it answers holds no secret, but where a person asked for one at a terminal.

mod confirmed;
mod create;
mod delete;
mod grant;
mod grants;
mod json;
mod list;
mod rotate;
mod show;

use dt_cred_proto::{
    message::{Action, Failure, FailureKind, IntegrationSubject, Manage, Managed, Operation, Response},
    profile::Profile,
};

use crate::{
    cli::{By, Globals, IntegrationCommand},
    daemon,
    deadline::Deadline,
    settings::Settings,
};

/// Does what was asked for, and tells it.
///
/// # Errors
/// Why nothing was asked for, the daemon's failure, or why there is no answer.
pub(crate) fn run(
    settings: &Settings,
    globals: &Globals,
    command: IntegrationCommand,
) -> Result<(), Failure> {
    if globals.profile.is_some() {
        return Err(Failure::new(
            FailureKind::Usage,
            "integration uses the token of the profile that --as names, and of no other: leave -p out",
        ));
    }
    let asking = |by: By| Asking { settings, owner: by.owner };
    match command {
        IntegrationCommand::Create(arguments) => create::run(settings, arguments),
        IntegrationCommand::List { by, json } => list::run(&asking(by), json),
        IntegrationCommand::Show { of, by, json } => show::run(&asking(by), of.subject, json),
        IntegrationCommand::Rotate(arguments) => rotate::run(settings, arguments),
        IntegrationCommand::Grant(arguments) => grant::run(settings, arguments),
        IntegrationCommand::Grants { of, by, json } => grants::run(&asking(by), &of.subject, json),
        IntegrationCommand::Revoke { policy, by, yes } => grants::revoke(&asking(by), policy, yes),
        IntegrationCommand::Delete { of, by, yes } => delete::run(&asking(by), of.subject, yes),
    }
}

/// Who asks the daemon, and by whose token the service is to be asked.
struct Asking<'a> {
    settings: &'a Settings,
    owner: Profile,
}

impl Asking<'_> {
    fn operation(&self, action: Action) -> Operation {
        Operation::Manage(Box::new(Manage { owner: self.owner.clone(), action }))
    }

    /// Asks for what changes nothing.
    fn look(&self, action: Action, deadline: Deadline) -> Result<Managed, Failure> {
        managed(daemon::ask(self.settings, self.operation(action), deadline)?)
    }

    /// Asks for what changes something; `unknown` says what may have been done where no answer comes. The keyring may ask
    /// for its password meanwhile.
    fn change(&self, action: Action, unknown: impl FnOnce() -> String) -> Result<Managed, Failure> {
        let deadline = Deadline::after(self.settings.patience);
        managed(daemon::ask_to_change(self.settings, self.operation(action), deadline, unknown)?)
    }

    /// Until when a look may last: the item that names an integration may be in a keyring that asks for its password.
    fn deadline(&self) -> Deadline {
        Deadline::after(self.settings.patience)
    }
}

fn managed(response: Response) -> Result<Managed, Failure> {
    match response {
        Response::Managed(managed) => Ok(*managed),
        _ => Err(daemon::unexpected()),
    }
}

/// The integration as it is typed.
fn word(subject: &IntegrationSubject) -> String {
    match subject {
        IntegrationSubject::Id(id) => id.to_string(),
        IntegrationSubject::Profile(profile) => profile.to_string(),
    }
}

/// Texts as they stand in a cell.
fn joined<T: ToString>(texts: &[T]) -> String {
    let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}
