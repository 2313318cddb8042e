//! Tools of the terminal: curl, HTTPie, make.

use std::fs;

use dt_cred_tests::{issuer::Fault, parts::run};

use super::{super::is_list_of_assets, reader::Reader};

#[test]
fn curl_by_dt_cred_is_answered_and_without_a_token_sends_nothing() {
    let Some(reader) = Reader::with(&["curl"]) else { return };
    reader.is_answered("curl");
    let Some(reader) = Reader::with(&["curl"]) else { return };
    reader.sends_nothing_without_a_token("curl", 125);
}

#[test]
fn plain_curl_is_answered_and_without_a_token_sends_nothing() {
    let Some(reader) = Reader::with(&["curl"]) else { return };
    reader.is_answered("plain curl");
    let Some(reader) = Reader::with(&["curl"]) else { return };
    reader.sends_nothing_without_a_token("plain curl", 5);
}

#[test]
fn a_job_goes_on_with_a_new_token_when_its_own_is_revoked_meanwhile_and_ends_without_one() {
    let Some(reader) = Reader::with(&["curl"]) else { return };
    let answered = |times: u64| {
        reader.sandbox.wait_until("an answer", |counts| counts.assets.ok == times);
    };
    let mut job = reader.start("job");
    job.write("RTM-0004\n");
    answered(1);
    reader.sandbox.revoke_tokens(&reader.account.client_id);
    job.write("RB-017\n");
    answered(2);
    job.close_stdin();
    assert_eq!(job.wait().code(), Some(0), "{}", job.said());
    assert_eq!(job.said().lines().filter(|line| is_list_of_assets(line)).count(), 2, "{}", job.said());

    reader.user.dt_cred(&["erase"]).done();
    let mut job = reader.start("job");
    let total = reader.sandbox.counts().assets.total;
    job.write("RTM-0004\nRB-017\n");
    assert_eq!(job.wait().code(), Some(125), "{}", job.said());
    assert_eq!(reader.sandbox.counts().assets.total, total);
}

#[test]
fn httpie_is_answered_whatever_netrc_says_and_without_a_token_sends_nothing() {
    let Some(reader) = Reader::with(&["http"]) else { return };
    let netrc = "machine 127.0.0.1 login somebody password sth-that-is-no-token\n";
    fs::write(reader.user.home.path().join(".netrc"), netrc).expect("written");
    reader.is_answered("HTTPie");
    let Some(reader) = Reader::with(&["http"]) else { return };
    reader.sends_nothing_without_a_token("HTTPie", 5);
}

#[test]
fn make_writes_what_was_answered_and_leaves_no_file_where_nothing_was() {
    let Some(reader) = Reader::with(&["make", "curl"]) else { return };
    reader.write("Makefile");
    let make = || {
        let mut make = reader.user.home.command("make");
        make.arg("assets.json");
        run(make, "")
    };
    let file = reader.user.home.path().join("assets.json");
    let made = make();
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(is_list_of_assets(&fs::read_to_string(&file).expect("a file")));
    reader.asked_once_and_told_nobody(&made);
    fs::remove_file(&file).expect("there it was");
    // A token that is refused leaves no file either, and the next run has another one.
    reader.sandbox.revoke_tokens(&reader.account.client_id);
    assert_eq!(make().code, Some(2));
    assert!(!file.exists());
    make().done();
    fs::remove_file(&file).expect("there it was");
    // Nor does half an answer.
    reader.sandbox.set(|settings| settings.assets_fault = Some(Fault::Reset));
    assert!(make().code == Some(2) && !file.exists());
    reader.user.dt_cred(&["erase"]).done();
    let total = reader.sandbox.counts().assets.total;
    let without = make();
    assert!(without.code == Some(2) && without.stderr.contains("dt-cred login"), "{without:?}");
    assert!(!file.exists() && reader.sandbox.counts().assets.total == total);
}
