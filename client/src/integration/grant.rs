//! `dt-cred integration grant`: an access policy for an integration.

use dt_cred_proto::message::{
    Action, Failure, FailureKind, Grant, Granted, IntegrationSubject, Managed, Policy,
};

use super::{Asking, grants, joined, word};
use crate::{cli::GrantArguments, daemon, output, settings::Settings};

/// Has it made, or shows what would be sent.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(super) fn run(settings: &Settings, arguments: GrantArguments) -> Result<(), Failure> {
    let GrantArguments { of, by, asset_types, read, write, display_name, dry_run } = arguments;
    let asking = Asking { settings, owner: by.owner };
    let subject = of.subject.clone();
    let grant = Grant { subject: of.subject, asset_types, read, write, display_name, dry_run };
    let action = Action::Grant(grant);
    let answer = if dry_run {
        asking.look(action, asking.deadline())?
    } else {
        let unknown = format!(
            "it is not known whether the access policy was made: dt-cred integration grants {} --as {} tells",
            word(&subject),
            asking.owner
        );
        asking.change(action, || unknown)?
    };
    let Managed::Granted(granted) = answer else { return Err(daemon::unexpected()) };
    match (&granted.policy, dry_run) {
        (None, true) => Ok(output::write(body(&granted)?)?),
        (Some(policy), false) => Ok(output::write(told(&granted, policy, &subject))?),
        _ => Err(daemon::unexpected()),
    }
}

fn told(granted: &Granted, policy: &Policy, subject: &IntegrationSubject) -> String {
    let may = grants::may(policy);
    let made = format!(
        "client {} may {may} assets with {}, by access policy {} (\"{}\")\n",
        granted.client_id,
        joined(&policy.filters),
        policy.id,
        policy.display_name
    );
    match subject {
        IntegrationSubject::Profile(profile) => format!("{made}next: dt-cred test -p {profile}\n"),
        IntegrationSubject::Id(_) => made,
    }
}

/// The JSON that would be sent, in ASCII: what stands in it may be meant for a terminal.
fn body(granted: &Granted) -> Result<String, Failure> {
    let value: serde_json::Value = serde_json::from_str(&granted.body).map_err(|_| daemon::unexpected())?;
    let text = serde_json::to_string_pretty(&value)
        .map_err(|error| Failure::new(FailureKind::Other, format!("this is a bug: {error}")))?;
    let mut ascii = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c == '\n' || (c.is_ascii() && !c.is_control()) {
            ascii.push(c);
        } else {
            let mut units = [0; 2];
            ascii.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii.push('\n');
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use super::{super::grants::tests::found, *};

    fn granted(body: &str) -> Granted {
        let found = found();
        Granted { client_id: found.client_id, policy: found.policies.first().cloned(), body: body.to_owned() }
    }

    #[test]
    fn what_was_granted_is_told_with_what_to_type_next() {
        let granted = granted("{}");
        let policy = granted.policy.as_ref().expect("one");
        let line = "client 00000000-0000-0000-0000-000000000001 may read assets with attributes.arc_display_type=*, \
                    by access policy 00000000-0000-0000-0000-00000000000a (\"ci: read\")\n";
        let subject = IntegrationSubject::Profile("ci".parse().expect("a name"));
        assert_eq!(told(&granted, policy, &subject), format!("{line}next: dt-cred test -p ci\n"));
        assert_eq!(told(&granted, policy, &IntegrationSubject::Id(policy.id)), line);
    }

    #[test]
    fn what_would_be_sent_is_the_same_json_and_does_nothing_to_a_terminal() {
        let sent = "{\"display_name\":\"\\u001b[2J é \u{202e}\u{9b}\u{7f}🔑\",\"n\":[1]}";
        let shown = body(&granted(sent)).expect("JSON");
        assert!(shown.chars().all(|c| c == '\n' || (c.is_ascii() && !c.is_control())), "{shown:?}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&shown), value(sent));
        assert!(body(&granted("\u{1b}[2J")).is_err());
    }
}
