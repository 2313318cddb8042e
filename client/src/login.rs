//! `dt-cred login`: asks for client id and secret on the terminal, proves them, keeps them.

use dt_cred_proto::{
    message::{Attributes, Describe, Described, Failure, FailureKind, Keyring, Operation, Response, Store},
    text::Text,
};
use thiserror::Error;

use crate::{cli::LoginArguments, daemon, deadline::Deadline, kept, settings::Settings, terminal::Terminal};

/// Why nothing was kept.
#[derive(Debug, Error)]
pub(crate) enum LoginError {
    /// An empty answer.
    #[error("no {0} was typed: nothing was changed")]
    Nothing(&'static str),
    /// The person wants no kernel keyring, and there is no other.
    #[error(
        "no keyring was chosen and nothing was kept: start a Secret Service and open it with `dt-cred unlock`, or choose with --keyring"
    )]
    NoKeyring,
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let kind = match error {
            LoginError::Nothing(_) => FailureKind::Usage,
            LoginError::NoKeyring => FailureKind::Keyring,
        };
        Self::new(kind, error.to_string())
    }
}

/// Asks, has the credentials proved and kept, and tells where and for how long.
///
/// # Errors
/// No terminal, nothing typed, the daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings, arguments: LoginArguments) -> Result<(), Failure> {
    let mut terminal = Terminal::open()?;
    let (mut attributes, chosen, check) = given(arguments);
    kept::resolve_ca(&mut attributes)?;
    let describe = Operation::Describe(Describe { profile: settings.profile.clone() });
    let Response::Described(known) = daemon::ask(settings, describe, Deadline::after(settings.timeout))?
    else {
        return Err(daemon::unexpected());
    };
    terminal.say(&heading(&known, &attributes))?;
    let keyring = match chosen.or(known.keyring) {
        Some(keyring) => keyring,
        None => choose(&mut terminal, &known.note)?,
    };
    if attributes.client_id.is_none() {
        attributes.client_id = client_id(&mut terminal, known.client_id.as_ref())?;
    }
    let secret = terminal.secret(&"Client secret (not shown):".into())?;
    if secret.expose().is_empty() {
        return Err(LoginError::Nothing("client secret").into());
    }
    attributes.client_secret = Some(secret);
    let store = Store { profile: settings.profile.clone(), keyring: Some(keyring), check, attributes };
    // The keyring may ask for its password before it takes the item.
    let deadline = Deadline::after(settings.patience);
    kept::tell(daemon::ask(settings, Operation::Store(Box::new(store)), deadline)?)
}

fn given(arguments: LoginArguments) -> (Attributes, Option<Keyring>, bool) {
    let LoginArguments {
        url,
        token_url,
        client_id,
        auth,
        scope,
        audience,
        resource,
        ca_file,
        keyring,
        no_check,
    } = arguments;
    let client_secret = None;
    let attributes =
        Attributes { url, token_url, client_id, client_secret, auth, scope, audience, resource, ca_file };
    (attributes, keyring, !no_check)
}

/// What is about to be entered, and where it will be sent as far as that is known here.
fn heading(known: &Described, given: &Attributes) -> Text {
    let url = given.token_url.as_deref().or(given.url.as_deref()).or(known.url.as_ref().map(Text::as_str));
    let whither = url.map(|url| format!(" at {url}")).unwrap_or_default();
    Text::from(format!("Credentials of profile {}{whither}", known.profile))
}

/// The client id that is typed; none keeps the one that is known.
fn client_id(terminal: &mut Terminal, known: Option<&Text>) -> Result<Option<String>, Failure> {
    let prompt = match known {
        Some(id) => format!("Client id [{id}]:"),
        None => "Client id:".to_owned(),
    };
    let typed = terminal.ask(&prompt.into())?;
    match (typed.is_empty(), known) {
        (false, _) => Ok(Some(typed)),
        (true, Some(_)) => Ok(None),
        (true, None) => Err(LoginError::Nothing("client id").into()),
    }
}

/// The kernel's keyring, if the person takes it knowingly.
fn choose(terminal: &mut Terminal, note: &Text) -> Result<Keyring, Failure> {
    terminal.say(note)?;
    let answer =
        terminal.ask(&"Keep them in the kernel keyring, which forgets them at the next boot, and 3 days after the last use? [y/N]".into());
    match answer?.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(Keyring::Keyutils),
        _ => Err(LoginError::NoKeyring.into()),
    }
}
