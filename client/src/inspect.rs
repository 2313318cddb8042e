//! `dt-cred inspect`: what stands in a token. Nothing leaves the machine.

mod json;
mod text;

use dt_cred::jwt::{self, JwtError};
use dt_cred_proto::message::{Failure, FailureKind, Get};

use crate::{
    cli::InspectArguments, daemon, deadline::Deadline, error, input, output, platform, settings::Settings,
    validity,
};

/// The claims that name a moment, which is told in words.
const MOMENTS: [&str; 3] = ["iat", "nbf", "exp"];

/// Prints header and payload of the token that the daemon holds, or of one on standard input.
///
/// # Errors
/// What is malformed, the daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings, arguments: &InspectArguments) -> Result<(), Failure> {
    let deadline = Deadline::after(settings.timeout);
    let (token, warning) = if arguments.from.is_some() {
        (jwt::read(&input::whole(jwt::LIMIT)?).map_err(given)?, None)
    } else {
        let get = Get { profile: settings.profile.clone(), ..Get::default() };
        let held = daemon::token(settings, get, deadline)?;
        let read = jwt::read(held.access_token.expose().as_bytes());
        (read.map_err(|error| opaque(held.profile.as_str(), &error))?, held.warning)
    };
    output::write(if arguments.json {
        json::render(&token)
    } else {
        text::render(&token, validity::now(), platform::east_of_utc)
    })?;
    if let Some(warning) = &warning {
        error::warn(warning);
    }
    Ok(())
}

fn given(error: JwtError) -> Failure {
    Failure::new(
        FailureKind::Usage,
        format!(
            "standard input is no token that can be shown: {error}; give it one, as dt-cred get prints it"
        ),
    )
}

fn opaque(profile: &str, error: &JwtError) -> Failure {
    let message = format!(
        "the token of profile {profile} is no JWT: {error}; only its issuer can say what it means, and it is sent all the same"
    );
    Failure::new(FailureKind::Other, message)
}
