//! Where credentials are kept, in words, and the sentence that tells it once they are.

use dt_cred_proto::message::{Failure, Response, Stored};

use crate::{daemon, duration, output};

/// Tells where the credentials are kept and for how long, and how long the token that proved them is valid.
///
/// # Errors
/// Another answer than that they are kept.
pub(crate) fn tell(response: Response) -> Result<(), Failure> {
    let Response::Stored(stored) = response else { return Err(daemon::unexpected()) };
    Ok(output::write(sentence(&stored))?)
}

/// The sentence, as a line.
pub(crate) fn sentence(stored: &Stored) -> String {
    let Stored { profile, keyring, lasts, expires_in_ms } = stored;
    let proof = match expires_in_ms {
        Some(left) => format!("the token is valid for {}", duration::in_words(*left)),
        None => "not proven by a token".to_owned(),
    };
    format!("kept as profile {profile} in {}, {lasts}; {proof}\n", keyring.place())
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::Keyring;

    use super::*;

    #[test]
    fn where_and_for_how_long_is_told_in_one_line() {
        let stored = |expires_in_ms| Stored {
            profile: "staging".parse().expect("a name"),
            keyring: Keyring::Keyutils,
            lasts: "until the next boot".into(),
            expires_in_ms,
        };
        let proven = "kept as profile staging in the kernel keyring, until the next boot; the token is valid for 42 min\n";
        assert_eq!(sentence(&stored(Some(42 * 60_000))), proven);
        let unproven =
            "kept as profile staging in the kernel keyring, until the next boot; not proven by a token\n";
        assert_eq!(sentence(&stored(None)), unproven);
    }
}
