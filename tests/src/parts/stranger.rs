//! Users that this machine does not know: each has a uid of its own, and so a kernel keyring and a quota of its own.

use std::{
    fs,
    os::unix::fs::chown,
    panic::resume_unwind,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use rustix::thread::{Gid, Uid, set_thread_gid, set_thread_groups, set_thread_uid};

use super::{Home, Output, on_path, require, root, run};

/// Somebody's uid, who owns nothing but a home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stranger {
    uid: u32,
}

impl Stranger {
    /// One whose uid nobody has; none where this process may not be another user.
    pub fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // A process id has 22 bits at most (proc(5), pid_max): no two tests that run now have the same.
        let uid = 1_000_000_000 + (process::id() << 6) + (COUNT.fetch_add(1, Ordering::Relaxed) & 63);
        Self::of(uid)
    }

    /// The user of this uid; none where this process may not be another user.
    pub fn of(uid: u32) -> Option<Self> {
        let here = root("another user") && require("setpriv", on_path(&["setpriv"]));
        here.then_some(Self { uid })
    }

    /// The uid.
    pub fn uid(self) -> u32 {
        self.uid
    }

    /// How a program is run as this user alone, without a session (setpriv(1)).
    pub fn setpriv(self) -> [String; 6] {
        let uid = self.uid.to_string();
        ["setpriv".into(), "--reuid".into(), uid.clone(), "--regid".into(), uid, "--clear-groups".into()]
    }

    /// A program of this user, not yet started.
    pub fn command(self, program: &str) -> Command {
        let [setpriv, arguments @ ..] = self.setpriv();
        let mut command = Command::new(setpriv);
        command.args(arguments).arg(program);
        command
    }

    /// Does something as this user, in a thread of its own.
    ///
    /// # Panics
    /// Where this process may not be another user, or `act` panics.
    pub fn acts<T: Send>(self, act: impl FnOnce() -> T + Send) -> T {
        let become_them = || {
            set_thread_groups(&[]).expect("no groups");
            set_thread_gid(Gid::from_raw(self.uid)).expect("their group");
            set_thread_uid(Uid::from_raw(self.uid)).expect("their number");
            act()
        };
        thread::scope(|scope| scope.spawn(become_them).join()).unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Gives them a home: all that is run in it from now on is run as this user.
    ///
    /// # Panics
    /// Where it cannot.
    pub fn moves_into(self, home: &mut Home) {
        home.bring_programs();
        chown(home.path(), Some(self.uid), Some(self.uid)).expect("given away");
        for entry in fs::read_dir(home.path()).expect("a home") {
            let entry = entry.expect("an entry").path();
            chown(entry, Some(self.uid), Some(self.uid)).expect("given away");
        }
        home.run_by(&self.setpriv());
    }

    /// Runs a shell script as this user in a session keyring of its own, where `$keys` is their persistent keyring.
    #[track_caller]
    pub fn keyctl(self, script: &str) -> Output {
        let mut command = self.command("keyctl");
        command.args(["session", "-", "sh", "-c"]);
        command.arg(format!("keys=$(keyctl get_persistent @s) || exit\n{script}"));
        run(command, "")
    }

    /// What the kernel tells this user of the keys that they may see, which counts as no use (proc_keys(5)).
    #[track_caller]
    pub fn keys(self) -> String {
        let mut command = self.command("cat");
        command.arg("/proc/keys");
        run(command, "").done()
    }

    /// How many keys of theirs count for their quota, and how many bytes (proc_key-users(5)).
    ///
    /// # Panics
    /// Where the kernel does not tell.
    pub fn share(self) -> (usize, usize) {
        let users = fs::read_to_string("/proc/key-users").expect("the kernel's count");
        let own = format!("{}:", self.uid);
        let Some(line) = users.lines().find(|line| line.trim_start().starts_with(&own)) else {
            return (0, 0);
        };
        let mut shares = line.split_whitespace().skip(3).map(|share| {
            let (used, _) = share.split_once('/').expect("so many of how many");
            used.parse().expect("a number")
        });
        (shares.next().expect("keys"), shares.next().expect("bytes"))
    }

    /// Removes every keyring of theirs, with what is in it.
    pub fn leave(self) {
        // By their numbers: by its name one would be made again.
        let script = r#"for key in $(sed -n 's,^\([0-9a-f]*\) .* keyring *_uid.*,0x\1,p' /proc/keys); do
            keyctl invalidate $key
        done"#;
        let mut own = self.command("sh");
        own.args(["-c", script]);
        run(own, "");
        self.keyctl("keyctl clear $keys; keyctl invalidate $keys");
    }
}
