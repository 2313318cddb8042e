//! `dt-cred git-credential`: answers git as a credential helper (gitcredentials(7)). It never touches the keyring.

use std::{ffi::OsString, path::Path};

use dt_cred::{
    git::{self, Description},
    origin::Origin,
};
use dt_cred_proto::{
    message::{Failure, Get, Operation, ProfileState, ProfileStatus, Reject, Response, Status, Token},
    text::Text,
};

use crate::{
    cli::GitCredentialArguments, connection::Connection, daemon, deadline::Deadline, error, input, output,
    settings::Settings,
};

/// The program that git runs for `credential.helper=dt-cred`.
const PROGRAM: &str = "git-credential-dt-cred";

/// The arguments as they are where this program has the name that git looks for, else as they stand there; the name
/// itself is not among them.
pub(crate) fn by_name(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let command = Path::new(&name).file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(PROGRAM));
    command.then(|| OsString::from("git-credential")).into_iter().chain(words).collect()
}

/// Does what git asks for. Nothing printed is no answer, and git asks the next helper.
///
/// # Errors
/// A description that is wrong, the daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings, arguments: &GitCredentialArguments) -> Result<(), Failure> {
    let deadline = Deadline::after(settings.timeout);
    match arguments.operation.as_str() {
        "get" => get(settings, &described()?, deadline),
        "erase" => erase(settings, &described()?, deadline),
        // Also `store`: what git would have kept is the daemon's already.
        _ => Ok(()),
    }
}

fn described() -> Result<Description, Failure> {
    Ok(git::read(&input::block(git::LIMIT)?)?)
}

fn get(settings: &Settings, description: &Description, deadline: Deadline) -> Result<(), Failure> {
    // An older git would take the token for something else, or for nothing.
    let (Some(asked), true) = (asked(description), description.takes_authtype()) else { return Ok(()) };
    if is_elsewhere(settings, &asked, deadline)? {
        return Ok(());
    }
    let token = daemon::token(settings, ordinary(settings), deadline)?;
    if !is_own(&asked, &token.url) {
        return Ok(());
    }
    output::write(&*git::write(&token.access_token, token.expires_at_ms / 1000)?)?;
    if let Some(warning) = &token.warning {
        error::warn(warning);
    }
    Ok(())
}

/// Whether the daemon knows without a token that the profile's service is another one: nobody should wait for our issuer
/// who asks for somebody else's password.
fn is_elsewhere(settings: &Settings, asked: &Origin, deadline: Deadline) -> Result<bool, Failure> {
    let Some(mut connection) = daemon::running(settings, deadline)? else { return Ok(false) };
    let url = known(settings, &mut connection, deadline)?.and_then(|known| known.url);
    Ok(url.is_some_and(|url| !is_own(asked, &url)))
}

/// A server refused what it was sent: where that is the token that is held, the next `get` asks for another one.
fn erase(settings: &Settings, description: &Description, deadline: Deadline) -> Result<(), Failure> {
    let (Some(asked), Some(refused)) = (asked(description), &description.credential) else { return Ok(()) };
    // Where no daemon runs no token is held.
    let Some(mut connection) = daemon::running(settings, deadline)? else { return Ok(()) };
    let Some(held) = held(settings, &mut connection, deadline)? else { return Ok(()) };
    if !is_own(&asked, &held.url) || held.access_token != *refused {
        return Ok(());
    }
    let generation = Some(held.generation);
    let reject = Reject { profile: settings.profile.clone(), generation, force: false };
    match daemon::ask_over(&mut connection, Operation::Reject(reject), deadline)? {
        Response::Rejected { .. } => Ok(()),
        _ => Err(daemon::unexpected()),
    }
}

/// The token that is held; none is asked for where none is.
fn held(
    settings: &Settings,
    connection: &mut Connection,
    deadline: Deadline,
) -> Result<Option<Token>, Failure> {
    let known = known(settings, connection, deadline)?;
    if known.is_none_or(|known| known.state != ProfileState::Valid) {
        return Ok(None);
    }
    match daemon::ask_over(connection, Operation::Get(ordinary(settings)), deadline)? {
        Response::Token(token) => Ok(Some(token)),
        _ => Err(daemon::unexpected()),
    }
}

/// The profile's state, where the daemon knows it.
fn known(
    settings: &Settings,
    connection: &mut Connection,
    deadline: Deadline,
) -> Result<Option<ProfileStatus>, Failure> {
    let Response::Status(status) = daemon::ask_over(connection, Operation::Status, deadline)? else {
        return Err(daemon::unexpected());
    };
    let Status { default_profile, profiles, .. } = *status;
    let profile = settings.profile.as_ref().unwrap_or(&default_profile);
    Ok(profiles.into_iter().find(|known| known.profile == *profile))
}

/// Whose credential git asks for: none where it is another one than ours can be. A user's password is none of ours.
fn asked(description: &Description) -> Option<Origin> {
    let origin = description.origin()?.ok()?;
    let bearer = description.authtype.as_ref().is_none_or(|scheme| scheme.eq_ignore_ascii_case("Bearer"));
    (origin.takes_tokens() && bearer && description.username.is_none()).then_some(origin)
}

/// Whether `asked` is where the token of the service at `url` belongs.
fn is_own(asked: &Origin, url: &Text) -> bool {
    Origin::of(url.as_str()).is_ok_and(|own| own == *asked)
}

fn ordinary(settings: &Settings) -> Get {
    Get { profile: settings.profile.clone(), ..Get::default() }
}
