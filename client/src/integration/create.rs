//! `dt-cred integration create`: makes an integration, whose secret goes from the service into the keyring.

use std::io::{self, IsTerminal};

use dt_cred_proto::{
    message::{Action, Create, Created, Failure, FailureKind, Managed, Save},
    profile::Profile,
    secret::{Secret, Wiped},
    text::Text,
};
use thiserror::Error;

use super::Asking;
use crate::{cli::CreateArguments, daemon, kept, output, settings::Settings, validity};

/// Why nothing was asked of the daemon.
#[derive(Debug, Error)]
enum CreateError {
    /// The name is none under which anything is kept.
    #[error(
        "\"{0}\" is no name of a profile (1 to 64 characters of A-Z a-z 0-9 . _ -): say with --save as which profile its credentials are kept"
    )]
    NoProfile(Text),
    /// A secret is shown to a person alone.
    #[error(
        "--print-secret shows the secret to a person, and standard output is no terminal: leave it out, the secret is kept in the keyring"
    )]
    NoTerminal,
    /// It would do something to the terminal.
    #[error(
        "integration {0} was made and its secret is kept, but holds what a terminal does not show: it is not printed"
    )]
    Unprintable(String),
}

impl From<CreateError> for Failure {
    fn from(error: CreateError) -> Self {
        let kind = match error {
            CreateError::NoProfile(_) | CreateError::NoTerminal => FailureKind::Usage,
            CreateError::Unprintable(_) => FailureKind::Other,
        };
        Self::new(kind, error.to_string())
    }
}

/// Has it made, and tells what there is now and what to type next.
///
/// # Errors
/// [`CreateError`], the daemon's failure, or why there is no answer.
pub(super) fn run(settings: &Settings, arguments: CreateArguments) -> Result<(), Failure> {
    let CreateArguments { display_name, by, claims, owner, save, keyring, print_secret } = arguments;
    if print_secret && !io::stdout().is_terminal() {
        return Err(CreateError::NoTerminal.into());
    }
    let profile = match save {
        Some(profile) => profile,
        None => display_name.as_str().parse().map_err(|_| CreateError::NoProfile(display_name.clone()))?,
    };
    let asking = Asking { settings, owner: by.owner };
    let by = &asking.owner;
    let unknown = format!(
        "it is not known whether the integration \"{display_name}\" was made: dt-cred integration list --as {by} tells; one that \
         stands there without a profile gets a secret by dt-cred integration rotate {profile} --as {by} --client-id ID, or goes \
         by dt-cred integration delete ID --as {by}"
    );
    let save = Some(Save { profile, keyring });
    let create = Create { display_name, claims, owner, save, reveal: print_secret };
    match asking.change(Action::Create(create), || unknown)? {
        Managed::Created(created) => {
            output::write(lines(&created, &asking.owner))?;
            match created.secret.as_ref().filter(|_| print_secret) {
                Some(secret) => Ok(output::write(&*shown(&created, secret)?)?),
                None => Ok(()),
            }
        }
        Managed::Unkept { created, failure } => {
            if let Some(secret) = created.secret.as_ref().filter(|_| print_secret)
                && let Ok(line) = shown(&created, secret)
            {
                output::write(&*line)?;
            }
            Err(failure)
        }
        _ => Err(daemon::unexpected()),
    }
}

fn lines(created: &Created, owner: &Profile) -> String {
    let Created { integration, stored, .. } = created;
    let id = integration.client_id;
    let made = format!(
        "created integration \"{}\", client id {id}; its secret {}",
        integration.display_name,
        validity::until(integration.valid_until)
    );
    match stored {
        Some(stored) => format!(
            "{made}\n{}next: dt-cred integration grant {} --as {owner}\n",
            kept::sentence(stored),
            stored.profile
        ),
        None => format!("{made}\n"),
    }
}

/// The line with the secret, wiped once it is written.
fn shown(created: &Created, secret: &Secret) -> Result<Wiped, CreateError> {
    const NAME: &[u8] = b"client secret: ";
    let text = secret.expose().as_bytes();
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err(CreateError::Unprintable(created.integration.client_id.to_string()));
    }
    let mut line = Wiped::from(Vec::with_capacity(NAME.len() + text.len() + 1));
    line.extend_from_slice(NAME);
    line.extend_from_slice(text);
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{Keyring, Stored};

    use super::*;
    use crate::integration::list::tests::integration;

    fn created() -> Created {
        let stored = Stored {
            profile: "ci".parse().expect("a name"),
            keyring: Keyring::SecretService,
            lasts: "until it is erased".into(),
            expires_in_ms: Some(61 * 60_000),
        };
        Created { integration: integration(1), stored: Some(stored), secret: None }
    }

    #[test]
    fn what_there_is_now_and_what_to_type_next_is_told() {
        let expected = "\
created integration \"Machine 1\", client id 00000000-0000-0000-0000-000000000001; its secret is valid until 2025-12-06T16:00:00Z
kept as profile ci in the Secret Service, until it is erased; the token is valid for 1 h 1 min
next: dt-cred integration grant ci --as boss
";
        assert_eq!(lines(&created(), &"boss".parse().expect("a name")), expected);
    }

    #[test]
    fn a_secret_is_shown_in_one_line_or_not_at_all() {
        let line =
            |text: &str| shown(&created(), &Secret::new(text.to_owned())).map(|line| line.to_vec()).ok();
        assert_eq!(line("dZ8QyM3kRb71HwXe").as_deref(), Some(&b"client secret: dZ8QyM3kRb71HwXe\n"[..]));
        for text in ["a b", "a\nb", "a\u{1b}[2J", "é"] {
            assert_eq!(line(text), None, "{text:?}");
        }
    }
}
