//! The user's share of the kernel keyring is used up: root's is large, anybody else's is not (keyrings(7)).

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, run, until},
    user::Account,
};

use super::{apart::Apart, desktop::is_exit_6};

/// Less than an item takes, in bytes, and enough for some sessions' keyrings.
const ROOM: usize = 200;

/// Takes what is left of the user's quota, for keys in the keyring that needs no session. On drop they are gone.
struct Filler<'a>(&'a Apart);

impl<'a> Filler<'a> {
    /// One that leaves nothing.
    #[track_caller]
    fn whole(apart: &'a Apart) -> Self {
        let filler = Self(apart);
        filler.script(&format!("head -c {ROOM} /dev/zero | keyctl padd user room @u"));
        filler.fill();
        filler
    }

    /// Takes what is left by now.
    #[track_caller]
    fn fill(&self) {
        // What calls that have ended took is given back a moment later, and would be room again.
        let sessions = || self.0.who.keys().lines().any(|line| line.contains(" _ses:"));
        until("the sessions to be gone", || (!sessions()).then_some(()));
        // The last ones have the shortest names: what is left is less than the keyring of a session and its one link take.
        self.script(
            "n=$$
            for size in 16384 8192 4096 2048 1024 512 256 128 64 32 16 8 4 2; do
                while n=$((n + 1)); head -c $size /dev/zero | keyctl padd user filler-$n @u; do :; done
            done
            for name in a b c d e f g h; do keyctl add user $name 0 @u; done; true",
        );
    }

    /// Leaves room for the keyring of a session, and none for an item.
    #[track_caller]
    fn make_some_room(&self) {
        let (_, before) = self.0.who.share();
        self.script(r#"keyctl unlink "$(keyctl search @u user room)" @u"#);
        // The kernel gives it back a moment later.
        until("the room", || (self.0.who.share().1 + ROOM <= before).then_some(()));
    }

    /// Runs a shell script without a session keyring.
    #[track_caller]
    fn script(&self, script: &str) {
        let mut shell = self.0.who.command("sh");
        shell.args(["-c", script]);
        run(shell, "").done();
    }
}

impl Drop for Filler<'_> {
    fn drop(&mut self) {
        self.script("keyctl clear @u");
        until("the quota to be given back", || (self.0.who.share().1 < 2 * ROOM).then_some(()));
    }
}

#[track_caller]
fn is_used_up(output: &Output) {
    is_exit_6(output);
    for words in ["quota", "/proc/key-users", "`keyctl`"] {
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
    }
}

#[test]
fn store_beyond_the_quota_is_exit_6_that_keeps_and_records_nothing_and_heals_once_keys_are_removed() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    let (user, account) = (&apart.user, Account::at(&sandbox));
    let filler = Filler::whole(&apart);
    is_used_up(&user.store(&account.lines()));
    assert_eq!(sandbox.counts().tokens.total, 0, "what cannot be kept is not sent either");
    filler.make_some_room();
    is_used_up(&user.store(&account.lines()));
    assert_eq!(sandbox.counts().tokens.total, 1, "only the item itself was too much");
    let state = user.home.state().join("state.toml");
    let recorded = || fs::read_to_string(&state).is_ok_and(|text| text.contains(user.profile()));
    assert!(!recorded());
    let pid = user.home.daemon_pid();
    drop(filler);
    assert!(!apart.is_kept());
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
    user.log_in(&account);
    assert!(apart.is_kept() && recorded());
    assert_eq!(user.home.daemon_pid(), pid);
}

#[test]
fn beyond_the_quota_what_is_held_is_served_and_what_is_kept_is_exit_6_until_keys_are_removed() {
    let sandbox = Sandbox::http();
    let Some(apart) = Apart::new() else { return };
    let user = &apart.user;
    user.log_in(&Account::at(&sandbox));
    let filler = Filler::whole(&apart);
    let token = user.token();
    user.dt_cred(&["reject"]).done();
    assert_ne!(user.token(), token, "by what was read before");
    user.dt_cred(&["stop"]).done();
    user.home.until_no_daemon();
    filler.fill();
    for arguments in [&["get"][..], &["get"], &["unlock"]] {
        is_used_up(&user.dt_cred(arguments));
    }
    let pid = user.home.daemon_pid();
    drop(filler);
    user.dt_cred(&["unlock"]).done();
    user.token();
    assert_eq!(user.home.daemon_pid(), pid);
}
