//! Linux: a forwarded socket, asked by the same user.

mod hostile;
mod life;
mod others;

use std::{path::PathBuf, process::Command};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Running, run, until},
    user::{Account, User},
};

/// A user who forwards the token of their profile, which is not the daemon's default one.
struct Forwarded {
    user: User,
    sandbox: Sandbox,
    account: Account,
    socket: PathBuf,
    running: Running,
}

impl Forwarded {
    /// One who has these options beside the socket.
    fn with(options: &[&str]) -> Self {
        Self::of(User::in_memory(), options)
    }

    fn of(user: User, options: &[&str]) -> Self {
        let sandbox = Sandbox::http();
        let account = Account::at(&sandbox);
        user.log_in(&account);
        let socket = user.home.path().join("box/agent.sock");
        let running = serving(&user, &socket, options);
        Self { user, sandbox, account, socket, running }
    }

    /// The client as it is run on the other side: by the forwarded socket, without a profile's name.
    fn there(&self, arguments: &[&str]) -> Output {
        self.there_with(arguments, "")
    }

    fn there_with(&self, arguments: &[&str], stdin: &str) -> Output {
        run(self.client(arguments), stdin)
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut client = self.user.home.client(arguments);
        client.env("DT_CRED_SOCKET", &self.socket).env_remove("DT_CRED_PROFILE");
        client
    }

    /// Sees that a command fails there with this code, silently but for one line with these words.
    #[track_caller]
    fn is_refused(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.there_with(arguments, STORED);
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{arguments:?}: {output:?}");
        assert!(
            output.stderr.contains(words) && output.stderr.lines().count() == 1,
            "{arguments:?}: {output:?}"
        );
    }

    fn granted(&self) -> u64 {
        self.sandbox.counts().tokens.granted
    }
}

/// `dt-cred forward`, once it serves.
fn serving(user: &User, socket: &PathBuf, options: &[&str]) -> Running {
    // Whoever runs the tests may ignore signals, as nohup(1) does.
    let mut forward = user.home.command("/usr/bin/env");
    forward.arg("--default-signal=HUP,INT,TERM").arg(user.home.client_program());
    forward.args(["forward", "--socket"]).arg(socket).args(options);
    let running = Running::start(forward, "");
    running.stderr_line(|line| line.contains("serving profile"));
    running
}

const STORED: &str = "client_id=somebody\nclient_secret=Vq8nT3xLd0KmZ5Rb\nno_check=true\nkeyring=memory\n";

#[test]
fn get_curl_exec_and_inspect_work_over_a_forwarded_socket_as_they_do_here() {
    let forwarded = Forwarded::with(&[]);
    let token = forwarded.user.token();
    assert_eq!(forwarded.there(&["get"]).done(), format!("Authorization: Bearer {token}\n"));
    assert_eq!(
        forwarded.there(&["get", "-p", forwarded.user.profile(), "--format", "raw"]).done(),
        format!("{token}\n")
    );
    let printed =
        forwarded.there(&["exec", "--", "printenv", "DATATRAILS_AUTHTOKEN", "DATATRAILS_URL"]).done();
    assert_eq!(printed, format!("{token}\n{}\n", forwarded.account.url));
    let answer = forwarded.there(&["curl", "--silent", "/archivist/v2/assets"]).done();
    assert!(answer.starts_with("{\"assets\""), "{answer}");
    assert!(forwarded.there(&["inspect"]).done().contains("header"));
    assert_eq!(forwarded.granted(), 1);
}

#[test]
fn it_says_what_is_served_where_to_whom_and_how_the_other_side_uses_it_and_nothing_on_standard_output() {
    let forwarded = Forwarded::with(&["--ttl", "8h"]);
    let Forwarded { user, socket, mut running, .. } = forwarded;
    let line = running.stderr_line(|_| true);
    let begin = format!(
        "dt-cred: serving profile {} on {socket:?} to uid {}, until 2",
        user.profile(),
        rustix::process::geteuid().as_raw()
    );
    assert!(line.starts_with(&begin) && line.contains(" or Ctrl-C; "), "{line}");
    assert!(line.ends_with("DT_CRED_SOCKET=PATH dt-cred get"), "{line}");
    rustix::process::kill_process(running.pid(), rustix::process::Signal::INT).expect("told");
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(running.said().lines().count(), 2, "{}", running.said());
}

#[test]
fn every_other_command_is_refused_over_a_forwarded_socket_and_changes_nothing() {
    let forwarded = Forwarded::with(&[]);
    let profile = forwarded.user.profile();
    let here = format!("the token of profile {profile} and nothing else: run it where dt-cred forward runs");
    let daemon = forwarded.user.home.daemon_pid();
    for command in [
        &["store"][..],
        &["erase"],
        &["erase", "--all"],
        &["status"],
        &["status", "--check"],
        &["integration", "list", "--as", "default"],
        &["integration", "create", "made", "--as", "default"],
        &["integration", "rotate", "default", "--as", "default"],
        &["log"],
        &["stop"],
        &["start"],
        &["unlock"],
        &["keyring", "list"],
        &["keyring", "move", "--to", "keyutils"],
        &["test"],
    ] {
        forwarded.is_refused(command, 2, &here);
    }
    forwarded.is_refused(&["exec", "--file", "true"], 125, "run dt-cred exec without --file");
    let report = forwarded.there(&["doctor"]);
    assert!(report.stdout.contains("examine is refused over a forwarded socket"), "{report:?}");
    assert_eq!(forwarded.user.home.daemon_pid(), daemon);
    forwarded.user.token();
    assert_eq!(forwarded.granted(), 1);
    let status = forwarded.user.dt_cred(&["status", "--json"]).done();
    assert!(!status.contains("\"default\",\"proxy\""), "nothing was stored: {status}");
}

#[test]
fn another_profile_a_fresh_token_and_the_lifting_of_a_refusal_are_refused() {
    let forwarded = Forwarded::with(&[]);
    forwarded.is_refused(&["get", "-p", "default"], 2, "leave -p and DT_CRED_PROFILE out");
    forwarded.is_refused(&["reject", "-p", "default"], 2, "leave -p and DT_CRED_PROFILE out");
    forwarded.is_refused(&["get", "--fresh"], 2, "--fresh is refused");
    forwarded.is_refused(&["reject", "--force"], 2, "--force is refused");
    assert_eq!(forwarded.granted(), 1);
}

#[test]
fn a_refused_token_is_replaced_once_a_minute_and_a_hundred_who_were_refused_the_old_one_get_the_new_one() {
    let forwarded = Forwarded::with(&[]);
    let generation = || {
        let json = forwarded.there(&["get", "--format", "json"]).done();
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        json["generation"].to_string()
    };
    let old = generation();
    let dropped = "the next get asks for a new token\n";
    assert_eq!(forwarded.there(&["reject", "--generation", &old]).done(), dropped);
    for _ in 0..5 {
        let again = forwarded.there(&["reject", "--generation", &old]).done();
        assert!(again.starts_with("nothing to do"), "{again}");
    }
    let new = generation();
    assert_eq!(forwarded.granted(), 2);
    for reject in [&["reject"][..], &["reject", "--generation", &new]] {
        forwarded.is_refused(reject, 1, "less than a minute ago: try again in");
    }
    assert_eq!(generation(), new);
    assert_eq!(forwarded.granted(), 2);
}

#[test]
fn a_reject_without_a_generation_is_of_the_token_that_was_given_out_last() {
    let forwarded = Forwarded::with(&[]);
    let nothing = |said: String| assert!(said.starts_with("nothing to do"), "{said}");
    // None was given out, and another one is held here than was given out there.
    nothing(forwarded.there(&["reject"]).done());
    forwarded.there(&["get"]).done();
    forwarded.user.dt_cred(&["get", "--fresh"]).done();
    nothing(forwarded.there(&["reject"]).done());
    let token = forwarded.user.token();
    assert_eq!(forwarded.there(&["get", "--format", "raw"]).done().trim_end(), token);
    // Neither counted: nothing was replaced.
    assert!(forwarded.there(&["reject"]).done().starts_with("the next get asks"));
    assert_ne!(forwarded.user.token(), token);
}

#[test]
fn curl_heals_a_401_over_a_forwarded_socket_once_a_minute() {
    let forwarded = Forwarded::with(&[]);
    let curl = || forwarded.there(&["curl", "--silent", "--fail", "/archivist/v2/assets"]);
    curl().done();
    forwarded.sandbox.revoke_tokens(&forwarded.account.client_id);
    curl().done();
    assert_eq!(forwarded.granted(), 2);
    forwarded.sandbox.revoke_tokens(&forwarded.account.client_id);
    let refused = curl();
    assert!(refused.code == Some(22) && refused.stderr.contains("less than a minute ago"), "{refused:?}");
    assert_eq!(forwarded.granted(), 2);
}

#[test]
fn a_token_that_must_last_longer_than_the_one_that_is_held_is_asked_for_once_a_minute() {
    let forwarded = Forwarded::with(&[]);
    let lifetime = forwarded.user.status()["lifetime"].as_u64().expect("seconds");
    let want = (lifetime - 1).to_string();
    let too_short = || {
        until("the token to live for less", || {
            let left = forwarded.user.status()["expires_in"].as_u64().expect("seconds");
            (left + 1 < lifetime).then_some(())
        });
    };
    // One that is held will do.
    for _ in 0..3 {
        forwarded.there(&["get", "--min-ttl", "60"]).done();
    }
    assert_eq!(forwarded.granted(), 1);
    too_short();
    forwarded.there(&["get", "--min-ttl", &want]).done();
    assert_eq!(forwarded.granted(), 2);
    too_short();
    forwarded.is_refused(&["get", "--min-ttl", &want], 1, "less than a minute ago");
    forwarded.there(&["get", "--min-ttl", "60"]).done();
    assert_eq!(forwarded.granted(), 2);
}

#[test]
fn a_min_ttl_that_no_token_meets_is_answered_as_it_is_here_also_within_a_minute_of_a_new_token() {
    let forwarded = Forwarded::with(&[]);
    let lifetime = forwarded.user.status()["lifetime"].as_u64().expect("seconds");
    forwarded.there(&["get"]).done();
    for granted in [1, 2] {
        for beyond in [lifetime, lifetime + 1, u32::MAX.into()] {
            let get = ["get", "--min-ttl", &beyond.to_string()];
            let (here, there) = (forwarded.user.dt_cred(&get), forwarded.there(&get));
            assert_eq!((here.code, here.stderr.contains("--min-ttl")), (Some(2), true), "{here:?}");
            assert_eq!((there.code, there.stdout, there.stderr), (here.code, here.stdout, here.stderr));
        }
        assert_eq!(forwarded.granted(), granted, "nothing was asked for");
        if granted == 1 {
            assert!(forwarded.there(&["reject"]).done().contains("asks for a new token"));
            forwarded.there(&["get"]).done();
        }
    }
    forwarded.is_refused(&["reject"], 1, "less than a minute ago");
}

#[test]
fn a_user_or_a_time_that_is_none_is_refused_in_plain_words() {
    let user = User::in_memory();
    for (option, value, words) in [
        ("--ttl", "0", "that is no time at all: give 1s or more"),
        ("--ttl", "0s", "that is no time at all: give 1s or more"),
        ("--ttl", "8", "as 8h or 1h30m"),
        ("--ttl", "366d", "a year at most"),
        ("--allow-uid", "4294967295", "a uid is a number from 0 to 4294967294"),
        ("--allow-uid", "4294967296", "a uid is a number from 0 to 4294967294"),
        ("--allow-uid=-1", "", "a uid is a number from 0 to 4294967294"),
        ("--allow-uid", "nobody", "a uid is a number from 0 to 4294967294"),
        ("--allow-uid", "1000,1001", "a uid is a number from 0 to 4294967294"),
    ] {
        let words_of = ["forward", "--socket", "box/agent.sock", option, value];
        let arguments: Vec<_> = words_of.into_iter().filter(|word| !word.is_empty()).collect();
        let refused = user.dt_cred(&arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.stderr.contains(words) && refused.stderr.lines().count() == 1, "{refused:?}");
    }
    assert!(!user.home.path().join("box").exists());
}

#[test]
fn a_wish_that_had_nothing_replaced_keeps_no_refused_token_from_being_replaced() {
    let forwarded = Forwarded::with(&[]);
    forwarded.there(&["get"]).done();
    let granted = forwarded.granted();
    // No token of this issuer lasts as long.
    forwarded.is_refused(&["get", "--min-ttl", "4000000"], 2, "min-ttl");
    let rejected = forwarded.there(&["reject"]).done();
    assert!(rejected.contains("asks for a new token"), "{rejected}");
    forwarded.there(&["get"]).done();
    assert_eq!(forwarded.granted(), granted + 1);
}
