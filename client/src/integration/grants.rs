//! `dt-cred integration grants` and `revoke`: the access policies that apply to an integration, and the end of one.

use dt_cred_proto::{
    message::{Action, Failure, IntegrationSubject, Managed, Policies, Policy},
    uuid::Uuid,
};

use super::{Asking, confirmed::Person, joined, json, list::Pages, word};
use crate::{columns, daemon, output};

const COLUMNS: usize = 5;

/// What anybody may write stands last, where it can pass for nothing else.
const HEADER: [&str; COLUMNS] = ["POLICY ID", "MAY", "SUBJECTS", "ASSETS WITH", "NAME"];

/// Prints them.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(super) fn run(asking: &Asking, subject: &IntegrationSubject, json: bool) -> Result<(), Failure> {
    let all = all(asking, subject)?;
    let text = if json { json::policies(&all) } else { table(&all, &word(subject), asking.owner.as_str()) };
    Ok(output::write(text)?)
}

/// Has one deleted.
///
/// # Errors
/// That nobody can be asked or nobody wants it, the daemon's failure, or why there is no answer.
pub(super) fn revoke(asking: &Asking, id: Uuid, yes: bool) -> Result<(), Failure> {
    if !yes {
        let mut person = Person::at_terminal()?;
        let Managed::Policy(policy) = asking.look(Action::Policy(id), asking.deadline())? else {
            return Err(daemon::unexpected());
        };
        person.confirm(&lines(&policy), "Delete it, so that it grants nothing to anybody any more? [y/N]")?;
    }
    let unknown = format!(
        "it is not known whether access policy {id} was deleted: the same command again tells, or deletes it"
    );
    match asking.change(Action::Revoke(id), || unknown)? {
        Managed::Revoked(id) => Ok(output::write(format!("deleted access policy {id}\n"))?),
        _ => Err(daemon::unexpected()),
    }
}

/// Those of every page.
fn all(asking: &Asking, subject: &IntegrationSubject) -> Result<Policies, Failure> {
    let deadline = asking.deadline();
    let (mut policies, mut page, mut pages) = (Vec::new(), None, Pages::default());
    loop {
        let action = Action::Policies { subject: subject.clone(), page };
        let Managed::Policies(found) = asking.look(action, deadline)? else {
            return Err(daemon::unexpected());
        };
        page = pages.another(found.policies.len(), found.next)?;
        policies.extend(found.policies);
        if page.is_none() {
            return Ok(Policies { client_id: found.client_id, policies, next: None });
        }
    }
}

fn table(all: &Policies, subject: &str, owner: &str) -> String {
    let Policies { client_id, policies, .. } = all;
    if policies.is_empty() {
        return format!(
            "no access policy applies to client {client_id}: dt-cred integration grant {subject} --as {owner} makes one\n"
        );
    }
    let rows = policies.iter().map(|policy| {
        [
            policy.id.to_string(),
            may(policy).to_owned(),
            joined(&policy.subjects),
            joined(&policy.filters),
            policy.display_name.to_string(),
        ]
    });
    columns::align(&std::iter::once(HEADER.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

fn lines(policy: &Policy) -> String {
    let known = [
        ("policy id", policy.id.to_string()),
        ("may", may(policy).to_owned()),
        ("subjects", joined(&policy.subjects)),
        ("assets with", joined(&policy.filters)),
        ("name", policy.display_name.to_string()),
    ];
    columns::align(&known.map(|(name, value)| [name.to_owned(), value]))
}

/// What a policy lets whom it applies to do.
pub(super) fn may(policy: &Policy) -> &'static str {
    match (policy.read, policy.write) {
        (true, true) => "read and write",
        (true, false) => "read",
        (false, true) => "write",
        (false, false) => "do nothing with",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn found() -> Policies {
        let client_id = "00000000-0000-0000-0000-000000000001".parse().expect("an id");
        let policy = |number: u8, name: &str, filters: &[&str], subject: String, write| Policy {
            id: format!("00000000-0000-0000-0000-{number:012x}").parse().expect("an id"),
            display_name: name.into(),
            filters: filters.iter().map(|filter| (*filter).into()).collect(),
            subjects: vec![subject.into()],
            read: true,
            write,
        };
        let all = &["attributes.arc_display_type=*"];
        let policies = vec![
            policy(10, "ci: read", all, format!("subject={client_id}"), false),
            policy(11, "ci: read and write", &["a=1 or a=2", "b=3"], "subject=*".to_owned(), true),
        ];
        Policies { client_id, policies, next: None }
    }

    #[test]
    fn a_person_sees_what_applies_and_what_it_lets_be_done() {
        let expected = "\
POLICY ID                             MAY             SUBJECTS                                      ASSETS WITH                    NAME
00000000-0000-0000-0000-00000000000a  read            subject=00000000-0000-0000-0000-000000000001  attributes.arc_display_type=*  ci: read
00000000-0000-0000-0000-00000000000b  read and write  subject=*                                     a=1 or a=2, b=3                ci: read and write
";
        assert_eq!(table(&found(), "ci", "boss"), expected);
        let none = Policies { policies: Vec::new(), ..found() };
        let told = table(&none, "ci", "boss");
        assert!(
            told.starts_with("no access policy") && told.contains("integration grant ci --as boss"),
            "{told}"
        );
    }

    #[test]
    fn a_person_sees_a_policy_before_they_are_asked_whether_it_goes() {
        let expected = "\
policy id    00000000-0000-0000-0000-00000000000b
may          read and write
subjects     subject=*
assets with  a=1 or a=2, b=3
name         ci: read and write
";
        assert_eq!(lines(&found().policies[1]), expected);
    }
}
