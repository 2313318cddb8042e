//! `dt-cred keyring`: what is kept where, and keeping a profile elsewhere.

use std::fmt::Write;

use dt_cred_proto::message::{Failure, Keyring, KeyringStatus, Move, Moved, Operation, Response};
use serde_json::json;

use crate::{
    cli::{Globals, KeyringCommand},
    columns, daemon,
    deadline::Deadline,
    error, output,
    settings::Settings,
};

/// Lists or moves.
///
/// # Errors
/// The daemon's failure, or why there is no answer.
pub(crate) fn run(settings: &Settings, globals: &Globals, command: &KeyringCommand) -> Result<(), Failure> {
    match command {
        KeyringCommand::List { json } => list(settings, globals, *json),
        KeyringCommand::Move { to } => relocate(settings, *to),
    }
}

fn list(settings: &Settings, globals: &Globals, json: bool) -> Result<(), Failure> {
    let answer = daemon::ask(settings, Operation::Keyrings, Deadline::after(settings.timeout))?;
    let Response::Keyrings(mut keyrings) = answer else { return Err(daemon::unexpected()) };
    if let Some(profile) = &globals.profile {
        keyrings.iter_mut().for_each(|kept| kept.items.retain(|item| item.profile == *profile));
    }
    Ok(output::write(if json { for_programs(&keyrings) } else { for_people(&keyrings) })?)
}

fn for_programs(keyrings: &[KeyringStatus]) -> String {
    let keyring = |KeyringStatus { keyring, lasts, items, error }: &KeyringStatus| {
        let items: Vec<_> =
            items.iter().map(|item| json!({ "profile": item.profile, "used": item.used })).collect();
        json!({
            "keyring": keyring,
            "lasts": lasts,
            "items": items,
            "error": error.as_ref().map(error::json),
        })
    };
    format!("{}\n", json!({ "schema": 1, "keyrings": keyrings.iter().map(keyring).collect::<Vec<_>>() }))
}

fn for_people(keyrings: &[KeyringStatus]) -> String {
    let mut rows = Vec::new();
    for KeyringStatus { keyring, lasts, items, .. } in keyrings {
        rows.extend(items.iter().map(|item| {
            let rest = if item.used { "" } else { "; not used" };
            [item.profile.to_string(), format!("{}, {lasts}{rest}", keyring.place())]
        }));
    }
    let mut text = if rows.is_empty() {
        "nothing is kept\n".to_owned()
    } else {
        rows.sort();
        rows.insert(0, ["PROFILE", "KEPT IN"].map(str::to_owned));
        columns::align(&rows)
    };
    for KeyringStatus { keyring, error, .. } in keyrings {
        if let Some(error) = error {
            // A String takes everything.
            let _ = writeln!(text, "{keyring}: {error}");
        }
    }
    text
}

fn relocate(settings: &Settings, to: Keyring) -> Result<(), Failure> {
    let operation = Operation::Move(Move { profile: settings.profile.clone(), keyring: to });
    // The keyring may ask for its password before it takes the item.
    let deadline = Deadline::after(settings.patience);
    let Response::Moved(moved) = daemon::ask(settings, operation, deadline)? else {
        return Err(daemon::unexpected());
    };
    Ok(output::write(sentence(&moved))?)
}

fn sentence(moved: &Moved) -> String {
    let Moved { profile, from, keyring, lasts } = moved;
    if from == keyring {
        return format!("profile {profile} is kept in {} already, {lasts}\n", keyring.place());
    }
    let (from, to) = (from.place(), keyring.place());
    format!("moved profile {profile} from {from} to {to}, {lasts}\n")
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{FailureKind, KeptItem};

    use super::*;

    fn keyrings() -> Vec<KeyringStatus> {
        let item = |name: &str, used| KeptItem { profile: name.parse().expect("a name"), used };
        vec![
            KeyringStatus {
                keyring: Keyring::SecretService,
                lasts: "until it is erased".into(),
                items: vec![item("work", true)],
                error: Some(Failure::new(FailureKind::Keyring, "it is locked")),
            },
            KeyringStatus {
                keyring: Keyring::Keyutils,
                lasts: "until a reboot".into(),
                items: vec![item("default", true), item("work", false)],
                error: None,
            },
        ]
    }

    #[test]
    fn a_person_sees_each_profile_where_it_lies_and_what_does_not_tell() {
        let expected = "\
PROFILE  KEPT IN
default  the kernel keyring, until a reboot
work     the Secret Service, until it is erased
work     the kernel keyring, until a reboot; not used
secret-service: it is locked
";
        assert_eq!(for_people(&keyrings()), expected);
        assert_eq!(for_people(&[]), "nothing is kept\n");
    }

    #[test]
    fn a_program_sees_the_same_by_store() {
        let expected = r#"{"keyrings":[{"error":{"exit_code":6,"message":"it is locked"},"items":[{"profile":"work","used":true}],"keyring":"secret-service","lasts":"until it is erased"},{"error":null,"items":[{"profile":"default","used":true},{"profile":"work","used":false}],"keyring":"keyutils","lasts":"until a reboot"}],"schema":1}"#;
        assert_eq!(for_programs(&keyrings()), format!("{expected}\n"));
    }

    #[test]
    fn a_move_is_told_in_one_line() {
        let moved = |from| Moved {
            profile: "work".parse().expect("a name"),
            from,
            keyring: Keyring::SecretService,
            lasts: "until it is erased".into(),
        };
        let told = "moved profile work from the kernel keyring to the Secret Service, until it is erased\n";
        assert_eq!(sentence(&moved(Keyring::Keyutils)), told);
        let told = "profile work is kept in the Secret Service already, until it is erased\n";
        assert_eq!(sentence(&moved(Keyring::SecretService)), told);
    }
}
