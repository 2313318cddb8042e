//! `dt-cred integration list`: every integration of the tenancy.

use std::{collections::BTreeSet, fmt::Write};

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
    let mut pages = Pages::default();
    loop {
        let page = all.next.take();
        let Managed::Integrations(found) = asking.look(Action::List { page }, deadline)? else {
            return Err(daemon::unexpected());
        };
        all.next = pages.another(found.integrations.len(), found.next)?;
        all.integrations.extend(found.integrations);
        all.unread = found.unread;
        if all.next.is_none() {
            return Ok(all);
        }
    }
}

/// The most entries that are read of one list: no tenancy has as many, and all of them are in memory.
const ENTRIES: usize = 10_000;

/// What was read of a list.
#[derive(Default)]
pub(super) struct Pages {
    /// The pages that were named, behind the first one.
    named: BTreeSet<String>,
    entries: usize,
}

impl Pages {
    /// The page behind this one, which has so many entries, where there is one.
    ///
    /// # Errors
    /// That it was named before, or that there are too many entries: there would be no end.
    pub(super) fn another(
        &mut self,
        entries: usize,
        next: Option<String>,
    ) -> Result<Option<String>, Failure> {
        let endless = |what: &str| Err(Failure::new(FailureKind::Other, what));
        // An empty page is one step nearer to the end as well.
        self.entries = self.entries.saturating_add(entries.max(1));
        if self.entries > ENTRIES {
            return endless(
                "the service's list has more than 10,000 entries, and no more are read: look at it in the service's web \
                 interface, or ask its support",
            );
        }
        match next {
            Some(next) if !self.named.insert(next.clone()) => endless(
                "the service names the same page of its list again and again: try again, or ask its support",
            ),
            next => Ok(next),
        }
    }
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
        let mut pages = Pages::default();
        for named in ["2", "3"] {
            assert_eq!(pages.another(1, page(named)), Ok(page(named)));
        }
        assert_eq!(pages.another(1, None), Ok(None));
        // Whichever of them it is.
        for named in ["2", "3"] {
            assert!(pages.another(1, page(named)).is_err());
        }
    }

    #[test]
    fn a_list_is_read_up_to_ten_thousand_entries_and_an_empty_page_counts_as_one() {
        let mut pages = Pages::default();
        assert_eq!(pages.another(ENTRIES, None), Ok(None));
        let failure = pages.another(0, None).expect_err("one too many");
        assert_eq!((failure.kind, failure.kind.exit_code()), (FailureKind::Other, 8));
        assert!(failure.message.as_str().contains("more than 10,000 entries"), "{}", failure.message);
        let mut pages = Pages::default();
        let named = (0..=ENTRIES).find(|named| pages.another(0, Some(named.to_string())).is_err());
        assert_eq!(named, Some(ENTRIES));
    }
}
