//! A user of a uid that nobody else has, and so with a kernel keyring, a quota and keys that are this test's alone.

use dt_cred_tests::{
    parts::{Output, Stranger, keyring, run},
    user::User,
};

/// A user without a session, and who they are. On drop nothing of theirs is left in the kernel.
pub(crate) struct Apart {
    pub(crate) user: User,
    pub(crate) who: Stranger,
}

impl Apart {
    /// One with nothing stored; none where the kernel permits no keyring, or this process may not be another user.
    pub(crate) fn new() -> Option<Self> {
        if !keyring::works() {
            return None;
        }
        let (mut user, who) = (User::new("keyutils"), Stranger::new()?);
        who.moves_into(&mut user.home);
        Some(Self { user, who })
    }

    /// Writes the daemon's configuration, in the user's own name.
    #[track_caller]
    pub(crate) fn configure(&self, text: &str) {
        let script =
            r#"umask 077 && mkdir "$XDG_CONFIG_HOME/dt-cred" && cat >"$XDG_CONFIG_HOME/dt-cred/config.toml""#;
        run(self.user.shell_command(script), text).done();
    }

    /// Runs a shell script in a session keyring of its own, where `$keys` is the user's persistent keyring and `$name`
    /// what the profile's key is called there.
    #[track_caller]
    pub(crate) fn keyctl(&self, script: &str) -> Output {
        self.who.keyctl(&format!("name=keyring:{}@dt-cred\n{script}", self.user.profile()))
    }

    /// Whether there is an item of the profile, with whatever rights.
    #[track_caller]
    pub(crate) fn is_kept(&self) -> bool {
        let found = self.keyctl(r#"keyctl search $keys user "$name""#);
        found.code == Some(0) || found.stderr.contains("Permission denied")
    }

    /// Whether the user has a persistent keyring. Asking does not make one, as any use does.
    #[track_caller]
    pub(crate) fn has_keyring(&self) -> bool {
        let name = format!("_persistent.{}:", self.who.uid());
        // Flags, among them `i` for one that is invalidated and only waits to be collected.
        let lives = |line: &str| line.split_whitespace().nth(1).is_some_and(|flags| !flags.contains('i'));
        self.who.keys().lines().any(|line| line.contains(&name) && lives(line))
    }

    /// Takes the persistent keyring away with all that is in it, as the kernel does when it was not used for long. No use
    /// that was begun before makes it again.
    #[track_caller]
    pub(crate) fn lose_keyring(&self) {
        // The daemon asks a keyring one thing after another.
        self.user.dt_cred(&["erase", "-p", "nobodys"]).done();
        self.keyctl("keyctl invalidate $keys").done();
        assert!(!self.has_keyring());
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Before the keyring: it would make another.
        if self.user.home.daemon_pid().is_some() {
            self.user.home.kill_daemon();
        }
        self.who.leave();
    }
}
