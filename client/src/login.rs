//! `dt-cred login`: asks for client id and secret on the terminal, proves them, keeps them.

mod told;

use dt_cred_proto::{
    message::{
        Attributes, ClientAuth, Describe, Described, Failure, FailureKind, Get, Keyring, Operation, Preview,
        Previewed, Response, Store,
    },
    text::Text,
};
use thiserror::Error;

use crate::{
    ca, cli::LoginArguments, daemon, deadline::Deadline, output, settings::Settings, terminal::Terminal,
};

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
    ca::settle(&mut attributes)?;
    let known = match describe(settings) {
        // What cannot be opened keeps nobody from another one.
        Err(failure) if failure.kind == FailureKind::Keyring && chosen.is_some() => None,
        described => Some(described?),
    };
    if let Some(source) = known.as_ref().filter(|known| known.keyring.is_some_and(Keyring::is_source)) {
        return Err(Failure::new(FailureKind::Keyring, source.note.clone()));
    }
    let previewed = preview(settings, &attributes)?;
    for line in heading(&previewed) {
        terminal.say(&line)?;
    }
    as_shown(&mut attributes, &previewed);
    let keyring = match (chosen.or(known.as_ref().and_then(|known| known.keyring)), &known) {
        (Some(keyring), _) => keyring,
        (None, Some(known)) => choose(&mut terminal, &known.note)?,
        (None, None) => return Err(LoginError::NoKeyring.into()),
    };
    if attributes.client_id.is_none() {
        let known = known.as_ref().and_then(|known| known.client_id.as_ref());
        attributes.client_id = client_id(&mut terminal, known)?;
    }
    let secret = terminal.secret(&"Client secret (not shown):".into())?;
    if secret.expose().is_empty() {
        return Err(LoginError::Nothing("client secret").into());
    }
    attributes.client_secret = Some(secret);
    let store = Store { profile: settings.profile.clone(), keyring: Some(keyring), check, attributes };
    // The keyring may ask for its password before it takes the item.
    let deadline = Deadline::after(settings.patience);
    let Response::Stored(stored) = daemon::ask(settings, Operation::Store(Box::new(store)), deadline)? else {
        return Err(daemon::unexpected());
    };
    // The one that has just proven them, which is held. Without it there is less to tell, and nothing has failed.
    let get = Get { profile: settings.profile.clone(), ..Get::default() };
    let token = stored.expires_in_ms.and_then(|_| daemon::token(settings, get, deadline).ok());
    let named = settings.profile.as_ref();
    Ok(output::write(told::lines(&stored, token.as_ref(), &previewed.url, named))?)
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

/// What is kept of the profile already. A locked keyring raises its prompt, before anything is typed.
fn describe(settings: &Settings) -> Result<Described, Failure> {
    let describe = Operation::Describe(Describe { profile: settings.profile.clone() });
    match daemon::ask(settings, describe, Deadline::after(settings.patience))? {
        Response::Described(known) => Ok(known),
        _ => Err(daemon::unexpected()),
    }
}

/// Has the secret go where the person was shown that it goes, whatever others change meanwhile. The rest is left as it is
/// kept: what is shown of it need not be all of it, and to give a CA is to trust what its file holds now.
fn as_shown(attributes: &mut Attributes, previewed: &Previewed) {
    let Previewed { url, token_url, auth, .. } = previewed;
    for (value, shown) in [(&mut attributes.url, url), (&mut attributes.token_url, token_url)] {
        // What was too long to be shown whole is left to the daemon.
        if shown.as_str().chars().count() < Text::LIMIT {
            *value = Some(shown.to_string());
        }
    }
    attributes.auth = Some(*auth);
}

/// Where the credentials will be sent, by what is kept and what is given.
fn preview(settings: &Settings, given: &Attributes) -> Result<Box<Previewed>, Failure> {
    let Attributes { url, token_url, client_id, client_secret: _, auth, scope, audience, resource, ca_file } =
        given;
    let attributes = Attributes {
        url: url.clone(),
        token_url: token_url.clone(),
        client_id: client_id.clone(),
        client_secret: None,
        auth: *auth,
        scope: scope.clone(),
        audience: audience.clone(),
        resource: resource.clone(),
        ca_file: ca_file.clone(),
    };
    let preview = Operation::Preview(Box::new(Preview { profile: settings.profile.clone(), attributes }));
    match daemon::ask(settings, preview, Deadline::after(settings.timeout))? {
        Response::Previewed(previewed) => Ok(previewed),
        _ => Err(daemon::unexpected()),
    }
}

/// What is about to be entered, and where it will be sent.
fn heading(previewed: &Previewed) -> Vec<Text> {
    let Previewed { profile, url, token_url, auth, scope, audience, resource, ca_file } = previewed;
    let auth = (*auth != ClientAuth::default()).then(|| Text::from(auth.to_string()));
    let endpoints = [
        ("url", Some(url)),
        ("token_url", Some(token_url)),
        ("auth", auth.as_ref()),
        ("scope", scope.as_ref()),
        ("audience", audience.as_ref()),
        ("resource", resource.as_ref()),
        ("ca_file", ca_file.as_ref()),
    ];
    let lines = endpoints.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
    let title = format!("Credentials of profile {profile}, which are used with");
    std::iter::once(title).chain(lines).map(Text::from).collect()
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
    // It says for how long that is, which the machine's administrator may have changed.
    terminal.say(note)?;
    let answer = terminal.ask(&"Keep them in the kernel keyring for that long? [y/N]".into());
    match answer?.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(Keyring::Keyutils),
        _ => Err(LoginError::NoKeyring.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_says_where_the_secret_goes_is_shown_before_it_is_typed() {
        let previewed = Previewed {
            profile: "work".parse().expect("a name"),
            url: "https://app.example".into(),
            token_url: "https://app.example/token".into(),
            auth: ClientAuth::Post,
            scope: None,
            audience: None,
            resource: None,
            ca_file: None,
        };
        let shown = |previewed: &Previewed| {
            heading(previewed).iter().map(ToString::to_string).collect::<Vec<_>>().join("|")
        };
        let start = "Credentials of profile work, which are used with|url: https://app.example|token_url: ";
        assert_eq!(shown(&previewed), format!("{start}https://app.example/token"));
        let all = Previewed {
            auth: ClientAuth::Basic,
            scope: Some("a b".into()),
            audience: Some("c".into()),
            resource: Some("d".into()),
            ca_file: Some("/ca.pem".into()),
            ..previewed
        };
        let rest = "|auth: basic|scope: a b|audience: c|resource: d|ca_file: /ca.pem";
        assert_eq!(shown(&all), format!("{start}https://app.example/token{rest}"));
    }
}
