//! `dt-cred integration delete`: an integration goes, once a person has seen which.

use std::fmt::Write;

use dt_cred_proto::{
    message::{Action, Failure, Integration, IntegrationSubject, Managed},
    profile::Profile,
    uuid::Uuid,
};

use super::{Asking, confirmed::Person, show, word};
use crate::{daemon, output, validity};

/// Has it deleted, and tells which profiles hold its credentials still.
///
/// # Errors
/// That nobody can be asked or nobody wants it, the daemon's failure, or why there is no answer.
pub(super) fn run(asking: &Asking, mut subject: IntegrationSubject, yes: bool) -> Result<(), Failure> {
    if !yes {
        let mut person = Person::at_terminal()?;
        let integration = show::integration(asking, subject)?;
        let (lines, question) = asked(&integration, &asking.owner);
        person.confirm(&lines, question)?;
        // The one that was shown, whatever the profile holds by now.
        subject = IntegrationSubject::Id(integration.client_id);
    }
    let unknown = format!(
        "it is not known whether integration {} was deleted: dt-cred integration list --as {} tells",
        word(&subject),
        asking.owner
    );
    match asking.change(Action::Delete(subject), || unknown)? {
        Managed::Deleted { id, profiles } => Ok(output::write(told(id, &profiles))?),
        _ => Err(daemon::unexpected()),
    }
}

/// What a person sees before they are asked.
fn asked(integration: &Integration, owner: &Profile) -> (String, &'static str) {
    let mut lines = show::lines(integration, validity::now());
    if integration.profiles.contains(owner) {
        // A String takes everything, here and below.
        let _ = writeln!(lines, "It is the one of profile {owner}, whose token is used for this.");
    }
    (lines, "Delete it, so that no new token is given by its credentials? [y/N]")
}

fn told(id: Uuid, profiles: &[Profile]) -> String {
    let mut text = format!("deleted integration {id}\n");
    for profile in profiles {
        let _ = writeln!(
            text,
            "profile {profile} holds its credentials still, by which no new token is given: dt-cred erase -p {profile}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::list::tests::integration, *};

    #[test]
    fn a_person_sees_which_it_is_before_they_are_asked_and_whether_it_is_their_own() {
        let asked = |owner: &str| asked(&integration(1), &owner.parse().expect("a name")).0;
        assert!(asked("boss").contains("Machine 1") && !asked("boss").contains("whose token"));
        assert!(asked("work").ends_with("It is the one of profile work, whose token is used for this.\n"));
    }

    #[test]
    fn the_profiles_that_hold_its_credentials_still_are_told() {
        let id = integration(1).client_id;
        assert_eq!(told(id, &[]), format!("deleted integration {id}\n"));
        let told = told(id, &["ci".parse().expect("a name")]);
        assert!(told.contains("\nprofile ci ") && told.ends_with("dt-cred erase -p ci\n"), "{told}");
    }
}
