//! The command line of `integration`.

use std::time::Duration;

use clap::{Args, Subcommand};
use dt_cred_proto::{
    message::{Claim, IntegrationSubject, Keyring},
    profile::Profile,
    text::Text,
    uuid::Uuid,
};

use super::values::one_of;
use crate::duration;

/// The arguments of `integration`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct IntegrationArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: IntegrationCommand,
}

/// What there is to do with integrations and access policies.
#[derive(Subcommand, Debug, PartialEq)]
pub(crate) enum IntegrationCommand {
    /// Make an integration: its secret goes into the keyring, and nobody sees it
    Create(CreateArguments),
    /// Show every integration, the profiles that hold one, and whose secret ends soon
    List {
        /// By whose token.
        #[command(flatten)]
        by: By,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Show one integration
    Show {
        /// Which.
        #[command(flatten)]
        of: Of,
        /// By whose token.
        #[command(flatten)]
        by: By,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Put a new secret in place of a profile's: in the service, in the keyring, in the daemon
    Rotate(RotateArguments),
    /// Let an integration read or change assets, by an access policy
    Grant(GrantArguments),
    /// Show the access policies that apply to an integration
    Grants {
        /// Which.
        #[command(flatten)]
        of: Of,
        /// By whose token.
        #[command(flatten)]
        by: By,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Delete an access policy; asks first
    Revoke {
        /// The policy, by its id, as grants shows it
        #[arg(value_name = "POLICY-ID", value_parser = id)]
        policy: Uuid,
        /// By whose token.
        #[command(flatten)]
        by: By,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Delete an integration; asks first
    Delete {
        /// Which.
        #[command(flatten)]
        of: Of,
        /// By whose token.
        #[command(flatten)]
        by: By,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// By whose token something is done.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct By {
    /// Profile whose token is used: one whose integration has the role Owner
    #[arg(long = "as", id = "by", value_name = "OWNER")]
    pub(crate) owner: Profile,
}

/// Which integration it is about.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct Of {
    /// The integration, by its client id or by the profile that holds its credentials
    #[arg(id = "of", value_name = "ID|PROFILE", value_parser = subject)]
    pub(crate) subject: IntegrationSubject,
}

/// The arguments of `integration create`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct CreateArguments {
    /// Its name for people
    #[arg(value_name = "NAME", value_parser = text)]
    pub(crate) display_name: Text,
    /// By whose token.
    #[command(flatten)]
    pub(crate) by: By,
    /// A claim that its tokens have besides; as often as you like
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    pub(crate) claims: Vec<Claim>,
    /// Make it an Owner, which may do all that this command does
    #[arg(long)]
    pub(crate) owner: bool,
    /// Keep its credentials as this profile, a new one [default: NAME]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) save: Option<Profile>,
    /// Where to keep them: secret-service, keyutils, keychain, credential-manager or memory
    #[arg(long, value_name = "STORE", value_parser = one_of::<Keyring>(), hide_possible_values = true)]
    pub(crate) keyring: Option<Keyring>,
    /// Show the secret as well, on a terminal alone
    #[arg(long)]
    pub(crate) print_secret: bool,
}

/// The arguments of `integration rotate`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct RotateArguments {
    /// The profile that holds the secret
    #[arg(value_name = "PROFILE", required_unless_present = "all")]
    pub(crate) whose: Option<Profile>,
    /// By whose token.
    #[command(flatten)]
    pub(crate) by: By,
    /// Only where the secret ends within this time: 30d, 12h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) due: Option<Duration>,
    /// Every profile, a line each; with --due
    #[arg(long, requires = "due", conflicts_with = "whose")]
    pub(crate) all: bool,
    /// Of this integration, where the profile holds none or has lost its secret
    #[arg(long, value_name = "ID", value_parser = id, conflicts_with_all = ["due", "all"])]
    pub(crate) client_id: Option<Uuid>,
    /// With --client-id: where to keep a profile that is not there yet
    #[arg(long, value_name = "STORE", value_parser = one_of::<Keyring>(), hide_possible_values = true, requires = "client_id")]
    pub(crate) keyring: Option<Keyring>,
}

/// The arguments of `integration grant`.
#[derive(Args, Debug, PartialEq)]
pub(crate) struct GrantArguments {
    /// Who is granted something.
    #[command(flatten)]
    pub(crate) of: Of,
    /// By whose token.
    #[command(flatten)]
    pub(crate) by: By,
    /// Assets of this type alone (arc_display_type); as often as you like
    #[arg(long = "asset-type", value_name = "TYPE", value_parser = text)]
    pub(crate) asset_types: Vec<Text>,
    /// To read them; that is what is granted where nothing is said
    #[arg(long)]
    pub(crate) read: bool,
    /// To change them, and to record events
    #[arg(long)]
    pub(crate) write: bool,
    /// The policy's name for people
    #[arg(long, value_name = "NAME", value_parser = text)]
    pub(crate) display_name: Option<Text>,
    /// Only print what would be sent
    #[arg(long)]
    pub(crate) dry_run: bool,
}

fn id(word: &str) -> Result<Uuid, String> {
    word.parse().map_err(|error| format!("{error}"))
}

fn subject(word: &str) -> Result<IntegrationSubject, &'static str> {
    if let Ok(id) = word.parse() {
        return Ok(IntegrationSubject::Id(id));
    }
    let profile = word.parse().map(IntegrationSubject::Profile);
    profile.map_err(|_| "it is a client id, which is a UUID, or the name of a profile")
}

/// A text that is kept as it is given, or not at all.
fn text(word: &str) -> Result<Text, &'static str> {
    let text = Text::new(word);
    match text.as_str() {
        "" => Err("it must not be empty"),
        kept if kept == word => Ok(text),
        _ => Err(
            "it is one line of 1000 characters at most, with no white space around it and nothing in it that a terminal does not show",
        ),
    }
}

fn claim(word: &str) -> Result<Claim, &'static str> {
    let (name, value) = word.split_once('=').ok_or("a claim is a name, = and a value")?;
    if value.is_empty() {
        return Err("it has no value: give it a value");
    }
    Ok(Claim { name: text(name)?, value: text(value)? })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{Asked, Cli, Command, read};

    const ID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

    fn command(words: &[&str]) -> Result<IntegrationCommand, String> {
        let words: Vec<_> = ["integration"].iter().chain(words).map(OsString::from).collect();
        match read(&words).map_err(|failure| failure.message.to_string())? {
            Asked::Run(cli) => match *cli {
                Cli { command: Command::Integration(arguments), .. } => Ok(arguments.command),
                other => Err(format!("{other:?}")),
            },
            Asked::Print(text) => Err(text),
        }
    }

    #[test]
    fn a_word_that_is_a_uuid_is_an_id_and_any_other_a_profiles_name() {
        let subject = |word: &str| match command(&["show", word, "--as", "o"]) {
            Ok(IntegrationCommand::Show { of, .. }) => Some(of.subject),
            _ => None,
        };
        assert_eq!(subject(ID), ID.parse().ok().map(IntegrationSubject::Id));
        assert_eq!(subject(&ID.to_uppercase()), ID.parse().ok().map(IntegrationSubject::Id));
        let name = &ID[1..];
        assert_eq!(subject(name), name.parse().ok().map(IntegrationSubject::Profile));
        assert_eq!(subject("a/b"), None);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for words in [
            &["list"][..],
            &["show", "--as", "o"],
            &["rotate", "--as", "o"],
            &["rotate", "--as", "o", "--all"],
            &["rotate", "a", "--as", "o", "--due", "30d", "--all"],
            &["rotate", "a", "--as", "o", "--due", "30"],
            &["rotate", "a", "--as", "o", "--due", "1d", "--client-id", ID],
            &["rotate", "a", "--as", "o", "--client-id", "a"],
            &["rotate", "a", "--as", "o", "--keyring", "keyutils"],
            &["revoke", "a", "--as", "o"],
            &["create", "--as", "o"],
            &["create", "", "--as", "o"],
            &["create", "a\u{1b}[2J", "--as", "o"],
            &["create", " a", "--as", "o"],
            &["create", "a", "--as", "o", "--claim", "k"],
            &["create", "a", "--as", "o", "--claim", "=v"],
            &["create", "a", "--as", "o", "--claim", "k=a\nb"],
            &["grant", "a", "--as", "o", "--asset-type", ""],
        ] {
            assert!(command(words).is_err(), "{words:?}");
        }
        for words in [
            &["rotate", "--as", "o", "--due", "30d", "--all"][..],
            &["rotate", "a", "--as", "o", "--due", "30d"],
            &["rotate", "a", "--as", "o", "--client-id", ID, "--keyring", "keyutils"],
            &["create", "Our machine", "--as", "o", "--claim", "k=a=b", "--claim", "e==", "--save", "m"],
        ] {
            assert!(command(words).is_ok(), "{words:?}: {:?}", command(words));
        }
    }

    #[test]
    fn a_claim_is_what_stands_before_the_first_equals_sign_and_what_stands_behind_it() {
        let claim = |name: &str, value: &str| Claim { name: name.into(), value: value.into() };
        let Ok(IntegrationCommand::Create(create)) =
            command(&["create", "a", "--as", "o", "--claim", "k=a=b", "--claim", "e=="])
        else {
            panic!("understood");
        };
        assert_eq!(create.claims, [claim("k", "a=b"), claim("e", "=")]);
        let refused = command(&["create", "a", "--as", "o", "--claim", "k="]).expect_err("no value");
        assert!(refused.contains("give it a value"), "{refused}");
    }
}
