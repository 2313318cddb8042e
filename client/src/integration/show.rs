//! `dt-cred integration show`: one integration.

use dt_cred_proto::message::{Action, Claim, Failure, Integration, IntegrationSubject, Managed};

use super::{Asking, joined, json};
use crate::{columns, daemon, output, validity};

/// Prints it.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(super) fn run(asking: &Asking, subject: IntegrationSubject, json: bool) -> Result<(), Failure> {
    let integration = integration(asking, subject)?;
    let now = validity::now();
    Ok(output::write(if json { json::one(&integration, now) } else { lines(&integration, now) })?)
}

/// The integration as the service knows it.
pub(super) fn integration(asking: &Asking, subject: IntegrationSubject) -> Result<Box<Integration>, Failure> {
    match asking.look(Action::Show(subject), asking.deadline())? {
        Managed::Integration(integration) => Ok(integration),
        _ => Err(daemon::unexpected()),
    }
}

/// What is known of it, a line each.
pub(super) fn lines(integration: &Integration, now: i64) -> String {
    let Integration { client_id, display_name, claims, roles, valid_from, valid_until, profiles } =
        integration;
    let from = valid_from.and_then(validity::moment).unwrap_or_else(|| "-".to_owned());
    let known = [
        ("client id", client_id.to_string()),
        ("secret valid from", from),
        ("secret valid until", validity::cell(*valid_until, now)),
        ("roles", joined(roles)),
        ("profiles", joined(profiles)),
        ("name", display_name.to_string()),
    ];
    let known = known.map(|(name, value)| [name.to_owned(), value]);
    let claims = claims.iter().map(|Claim { name, value }| ["claim".to_owned(), format!("{name}={value}")]);
    columns::align(&known.into_iter().chain(claims).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{
        super::list::tests::{NOW, integration},
        *,
    };

    #[test]
    fn everything_that_is_known_of_an_integration_has_a_line() {
        let expected = "\
client id           00000000-0000-0000-0000-000000000001
secret valid from   2024-11-24T16:00:00Z
secret valid until  2025-12-06T16:00:00Z (12 d left)
roles               OWNER
profiles            ci, work
name                Machine 1
claim               site=north
";
        assert_eq!(lines(&integration(1), NOW), expected);
    }
}
