//! `dt-cred integration list`: every integration of the tenancy.

use std::fmt::Write;

use dt_cred_proto::message::{Action, Failure, FailureKind, Integration, Integrations, Managed};

use super::{Asking, joined, json};
use crate::{columns, daemon, output, validity};

const COLUMNS: usize = 5;

/// What anybody may write stands last, where it can pass for nothing else.
const HEADER: [&str; COLUMNS] = ["CLIENT ID", "SECRET VALID UNTIL", "PROFILES", "ROLES", "NAME"];

/// Prints every integration.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(super) fn run(asking: &Asking, json: bool) -> Result<(), Failure> {
    let all = all(asking)?;
    let now = validity::now();
    Ok(output::write(if json { json::integrations(&all, now) } else { table(&all, now) })?)
}

/// Those of every page.
fn all(asking: &Asking) -> Result<Integrations, Failure> {
    let deadline = asking.deadline();
    let mut all = Integrations { integrations: Vec::new(), next: None, unread: Vec::new() };
    loop {
        let page = all.next.clone();
        let Managed::Integrations(found) = asking.look(Action::List { page }, deadline)? else {
            return Err(daemon::unexpected());
        };
        all.integrations.extend(found.integrations);
        all.unread = found.unread;
        all.next = another(all.next.as_deref(), found.next)?;
        if all.next.is_none() {
            return Ok(all);
        }
    }
}

/// The page behind this one, where there is one.
///
/// # Errors
/// That it is the same one: there would be no end.
pub(super) fn another(this: Option<&str>, next: Option<String>) -> Result<Option<String>, Failure> {
    if next.is_some() && next.as_deref() == this {
        return Err(Failure::new(
            FailureKind::Other,
            "the service names the same page of its list again and again: try again, or ask its support",
        ));
    }
    Ok(next)
}

fn table(all: &Integrations, now: i64) -> String {
    let Integrations { integrations, unread, .. } = all;
    let mut text = if integrations.is_empty() {
        "there is no integration\n".to_owned()
    } else {
        let rows = integrations.iter().map(|integration| row(integration, now));
        columns::align(&std::iter::once(HEADER.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
    };
    for profile in unread {
        // A String takes everything.
        let _ = writeln!(
            text,
            "profile {profile}: its credentials could not be read, so that it stands at no integration: dt-cred doctor -p {profile} says why"
        );
    }
    text
}

fn row(integration: &Integration, now: i64) -> [String; COLUMNS] {
    let Integration { client_id, display_name, roles, valid_until, profiles, .. } = integration;
    [
        client_id.to_string(),
        validity::cell(*valid_until, now),
        joined(profiles),
        joined(roles),
        display_name.to_string(),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use dt_cred_proto::message::Claim;

    use super::*;

    pub(crate) const NOW: i64 = 1_764_000_000;

    pub(crate) fn integration(number: u8) -> Integration {
        let known = number == 1;
        let claim = Claim { name: "site".into(), value: "north".into() };
        let names = ["ci", "work"].map(|name| name.parse().expect("a name"));
        Integration {
            client_id: format!("00000000-0000-0000-0000-{number:012x}").parse().expect("an id"),
            display_name: format!("Machine {number}").into(),
            claims: if known { vec![claim] } else { Vec::new() },
            roles: if known { vec!["OWNER".into()] } else { Vec::new() },
            valid_from: known.then_some(NOW - 365 * 24 * 3600),
            valid_until: known.then_some(NOW + 12 * 24 * 3600),
            profiles: if known { names.into() } else { Vec::new() },
        }
    }

    pub(crate) fn all() -> Integrations {
        let unread = vec!["locked".parse().expect("a name")];
        Integrations { integrations: vec![integration(1), integration(2)], next: None, unread }
    }

    #[test]
    fn a_person_sees_which_profiles_hold_one_and_whose_secret_ends_soon() {
        let expected = "\
CLIENT ID                             SECRET VALID UNTIL                PROFILES  ROLES  NAME
00000000-0000-0000-0000-000000000001  2025-12-06T16:00:00Z (12 d left)  ci, work  OWNER  Machine 1
00000000-0000-0000-0000-000000000002  -                                 -         -      Machine 2
profile locked: its credentials could not be read, so that it stands at no integration: dt-cred doctor -p locked says why
";
        assert_eq!(table(&all(), NOW), expected);
        let none = Integrations { integrations: Vec::new(), next: None, unread: Vec::new() };
        assert_eq!(table(&none, NOW), "there is no integration\n");
    }

    #[test]
    fn a_list_has_an_end() {
        let page = |name: &str| Some(name.to_owned());
        assert_eq!(another(None, page("2")), Ok(page("2")));
        assert_eq!(another(Some("2"), page("3")), Ok(page("3")));
        assert_eq!(another(Some("2"), None), Ok(None));
        assert!(another(Some("2"), page("2")).is_err());
    }
}
