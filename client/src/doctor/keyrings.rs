//! Every store that this system may have: whether it can be reached, is open, and what lies in it.

use dt_cred_proto::message::{Failure, KeyringStatus, Verdict};

use super::{Check, daemon::Seen};

/// The checks. A store that does not answer is a failure where the profile that is asked for is kept there.
pub(super) fn checks(seen: &Seen) -> impl Iterator<Item = Check> + '_ {
    seen.keyrings.iter().map(|store| {
        let keeps = |wanted_only: bool| {
            let profiles = seen.state.status.profiles.iter();
            let wanted = profiles.filter(|known| !wanted_only || known.profile == seen.examined.profile);
            wanted.filter_map(|known| known.keyring).any(|keyring| keyring == store.keyring)
        };
        judged(store, keeps(true), keeps(false))
    })
}

fn judged(store: &KeyringStatus, keeps_wanted: bool, keeps_any: bool) -> Check {
    let KeyringStatus { keyring, lasts, items, error } = store;
    let name = format!("keyring {keyring}");
    match error {
        None => {
            let items = match items.len() {
                0 => "nothing is".to_owned(),
                1 => "1 profile is".to_owned(),
                count => format!("{count} profiles are"),
            };
            Check::ok(name, format!("{} answers, and is open; {items} in it, {lasts}", keyring.place()))
        }
        Some(Failure { message, .. }) => match (keeps_wanted, keeps_any) {
            (true, _) => Check::told(name, Verdict::Fails, message.clone()),
            (false, true) => Check::told(name, Verdict::Warning, message.clone()),
            (false, false) => Check::ok(name, format!("not in use; {message}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use dt_cred_proto::message::{FailureKind, KeptItem, Keyring};

    use super::*;

    #[test]
    fn a_store_that_does_not_answer_is_trouble_for_what_is_kept_there_alone() {
        let store = |error: Option<Failure>| KeyringStatus {
            keyring: Keyring::SecretService,
            lasts: "until you erase it".into(),
            items: vec![KeptItem { profile: "default".parse().expect("a name"), used: true }],
            error,
        };
        let locked = || store(Some(Failure::new(FailureKind::Keyring, "it is locked: dt-cred unlock")));
        let cases = [
            (store(None), true, true, Verdict::Ok, "1 profile is in it"),
            (locked(), true, true, Verdict::Fails, "it is locked: dt-cred unlock"),
            (locked(), false, true, Verdict::Warning, "it is locked: dt-cred unlock"),
            (locked(), false, false, Verdict::Ok, "not in use; it is locked"),
        ];
        for (store, wanted, any, verdict, said) in cases {
            let check = judged(&store, wanted, any);
            assert_eq!(
                (check.verdict, check.found.as_str().contains(said)),
                (verdict, true),
                "{}",
                check.found
            );
        }
    }
}
