//! The item in the Secret Service: what `store` keeps, and what other programs kept.

use std::{fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use dt_cred_tests::{issuer::Sandbox, parts::secret_service::PASSWORD, user::Account};
use serde_json::json;

use super::desktop::{Desktop, is_exit_6};

#[test]
fn another_program_finds_what_store_kept_as_the_contracts_json() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::with_secret(&sandbox, "grün & \"so on\", and on");
    desktop.store(&account.lines()).done();
    let url = sandbox.url();
    let least = json!({
        "v": 1,
        "url": url,
        "token_url": format!("{url}/archivist/iam/v1/appidp/token"),
        "client_id": account.client_id,
        "client_secret": account.client_secret,
    });
    assert_eq!(desktop.item(), least);
    // A second time it is the same item, and what was set once stays.
    let further = "auth=basic\nscope=read write\naudience=https://api.example\nresource=urn:a\n";
    desktop.store(&format!("{}{further}", account.lines())).done();
    desktop.store(&format!("client_secret={}\n", account.client_secret)).done();
    let mut whole = least;
    for (name, value) in [
        ("auth", "basic"),
        ("scope", "read write"),
        ("audience", "https://api.example"),
        ("resource", "urn:a"),
    ] {
        whole[name] = value.into();
    }
    assert_eq!(desktop.item(), whole);
    assert_eq!(desktop.items(), 1);
}

#[test]
fn a_secret_that_another_program_rotated_is_found_when_the_issuer_refuses_the_old_one() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    desktop.store(&account.lines()).done();
    let token = desktop.user.token();
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    let mut item = desktop.item();
    item["client_secret"] = client_secret.into();
    desktop.provision(&[], &item.to_string());
    // Nobody told the daemon: the refused request is what makes it look again, once.
    desktop.user.dt_cred(&["get", "--fresh"]).done();
    assert_ne!(desktop.user.token(), token);
    let counts = sandbox.counts().tokens;
    assert_eq!((counts.granted, counts.refused), (2, 1));
    assert_eq!(desktop.items(), 1);
}

#[test]
fn a_token_that_was_got_by_an_earlier_item_is_not_served_after_an_unproven_change_of_the_one_that_lies_there()
{
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    let token = desktop.user.token();
    let (other, mut item) = (Account::at(&sandbox), desktop.item());
    item["client_id"] = other.client_id.clone().into();
    item["client_secret"] = other.client_secret.clone().into();
    desktop.provision(&[], &item.to_string());
    // The daemon reads what lies there now.
    desktop.user.dt_cred(&["unlock"]).done();
    assert_eq!(desktop.user.token(), token, "nobody has stored anything by dt-cred");
    desktop.store(&format!("client_secret={}\nno_check=true\n", other.client_secret)).done();
    assert_ne!(desktop.user.token(), token);
}

#[test]
fn the_item_pins_the_ca_by_its_sha256() {
    let sandbox = Sandbox::https();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    let bytes = fs::read(sandbox.ca_file().expect("https has one")).expect("the CA's file");
    let item = desktop.item();
    // A copy, where the daemon may read it.
    let file = Path::new(item["ca_file"].as_str().expect("a path"));
    assert!(file.starts_with(desktop.user.home.state().join("ca")), "{file:?}");
    assert_eq!(fs::read(file).expect("the copy"), bytes);
    assert_eq!(item["ca_sha256"], sha256(&bytes));
}

#[test]
fn an_item_of_another_program_is_served_with_its_newline_and_its_unknown_members() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let account = Account::at(&sandbox);
    let item = json!({
        "v": 1,
        "url": account.url,
        "client_id": account.client_id,
        "client_secret": account.client_secret,
        "note": "rotate in May",
        "team": {"numbers": [1, 2.5, null]},
    });
    desktop.provision(&[], &format!("{item}\n"));
    assert!(desktop.lookup().is_some_and(|kept| kept.ends_with("}\n")), "it keeps the newline");
    desktop.user.token();
    // Rotated by its secret alone, all else stays, and it stays one item.
    let client_secret = sandbox.regenerate_secret(&account.client_id);
    desktop.store(&format!("client_secret={client_secret}\n")).done();
    let mut rotated = item;
    rotated["client_secret"] = client_secret.into();
    rotated["token_url"] = sandbox.token_url().into();
    assert_eq!(desktop.item(), rotated);
    assert_eq!(desktop.items(), 1);
    desktop.stop_daemon();
    desktop.user.token();
}

#[test]
fn a_profile_that_moves_to_another_store_leaves_nothing_in_the_old_one() {
    let sandbox = Sandbox::http();
    if !dt_cred_tests::parts::keyring::works() {
        return;
    }
    let Some(desktop) = Desktop::start() else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    desktop.store(&format!("{lines}keyring=keyutils\n")).done();
    assert_eq!((desktop.lookup(), desktop.user.is_in_kernel_keyring()), (None, true));
    desktop.store(&format!("{lines}keyring=secret-service\n")).done();
    assert_eq!((desktop.lookup().is_some(), desktop.user.is_in_kernel_keyring()), (true, false));
    desktop.stop_daemon();
    desktop.user.token();
}

#[test]
fn an_item_of_another_format_is_exit_6_and_is_not_repeated() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let secret = sandbox.new_client().client_secret;
    let whole = json!({"v": 1, "url": sandbox.url(), "client_id": "a", "client_secret": secret});
    let with = |name: &str, value: serde_json::Value| {
        let mut item = whole.clone();
        item[name] = value;
        item.to_string()
    };
    for item in [
        secret.clone(),
        format!("{{\"client_secret\":\"{secret}\","),
        json!([secret]).to_string(),
        json!(secret).to_string(),
        json!({"client_id": "a", "client_secret": secret}).to_string(),
        json!({"v": 1, "client_secret": secret}).to_string(),
        json!({"v": 1, "client_id": "a", "secret": secret}).to_string(),
        with("v", 2.into()),
        with("v", "1".into()),
        with("client_id", 7.into()),
        with("client_secret", json!([secret])),
        with("client_secret", format!("{secret}\n").into()),
        with("auth", secret.clone().into()),
        with("url", format!("http://{secret}.example").into()),
        with("token_url", format!("https://me:{secret}@example.com").into()),
        with("ca_file", "/ca.pem".into()),
        format!("{whole}{whole}"),
        BASE64_STANDARD.encode(whole.to_string()),
    ] {
        desktop.provision(&[], &item);
        let get = desktop.user.dt_cred(&["get"]);
        is_exit_6(&get);
        assert!(get.stderr.contains("not of the format of dt-cred"), "{item}: {}", get.stderr);
        assert!(!get.stderr.contains(&secret), "{}", get.stderr);
    }
    assert_eq!(sandbox.counts().tokens.total, 0);
    // It may be another program's, or a later release's: it is not overwritten, and goes as the message says.
    desktop.provision(&[], "not ours");
    assert_eq!(desktop.store(&Account::at(&sandbox).lines()).code, Some(6));
    assert_eq!(desktop.lookup().as_deref(), Some("not ours"));
    desktop.user.dt_cred(&["erase"]).done();
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.user.token();
}

#[test]
fn a_profile_that_moved_from_store_to_store_is_erased_wherever_it_lies() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    for keyring in ["memory", "keyutils"] {
        desktop.store(&format!("{lines}keyring={keyring}\n")).done();
    }
    assert_eq!(desktop.lookup(), None, "the old item goes when the new one is there");
    assert!(desktop.user.is_in_kernel_keyring());
    // Another program keeps one where this daemon keeps none, as a locked keyring would have held on to the old one.
    desktop.provision(
        &[],
        &format!("{{\"v\":1,\"url\":\"{}\",\"client_id\":\"a\",\"client_secret\":\"b\"}}", sandbox.url()),
    );
    desktop.user.dt_cred(&["erase"]).done();
    assert_eq!((desktop.lookup(), desktop.user.is_in_kernel_keyring()), (None, false));
    for _ in 0..2 {
        let get = desktop.user.dt_cred(&["get"]);
        assert_eq!((get.code, get.stdout.as_str()), (Some(5), ""), "{}", get.stderr);
        desktop.stop_daemon();
    }
}

#[test]
fn an_old_item_in_a_locked_keyring_is_no_silent_rest() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    let lines = Account::at(&sandbox).lines();
    desktop.store(&lines).done();
    desktop.service.lock();
    desktop.store(&format!("{lines}keyring=keyutils\n")).done();
    is_exit_6(&desktop.user.dt_cred(&["erase"]));
    assert!(!desktop.user.is_in_kernel_keyring(), "what can be reached is gone");
    assert!(desktop.service.unlock_with_password(PASSWORD));
    desktop.user.dt_cred(&["erase"]).done();
    assert_eq!(desktop.lookup(), None);
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
