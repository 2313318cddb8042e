//! A user of a booted systemd, whose own manager runs as after a login.

use std::{
    process::{Command, id},
    sync::atomic::{AtomicU32, Ordering},
};

use super::Systemd;
use crate::parts::{Output, run};

/// How many there were in this process.
static USERS: AtomicU32 = AtomicU32::new(0);

/// A user of the container, whom nobody else is: the kernel keyring of their uid is the machine's.
pub struct SystemdUser<'a> {
    systemd: &'a Systemd,
    uid: u32,
}

/// What logind does at a login, as far as a manager needs it. There is no session bus, which would start a Secret Service.
const LOG_IN: &str = r#"
    set -e
    uid=$1 home=/home/u$1
    grep -q ":$uid:" /etc/passwd || printf 'u%s:x:%s:%s::%s:/bin/sh\n' "$uid" "$uid" "$uid" "$home" >>/etc/passwd
    install -d -o "$uid" -g "$uid" -m 0700 "$home" /run/user /run/user/"$uid"
    chmod 0755 /run/user
    ln -sf /dev/null /etc/systemd/user/dbus.socket
    systemd-run --quiet --unit="manager-$uid" --property=DefaultDependencies=no --property=Type=notify --property=Delegate=yes \
        --property=User="$uid" --property=LimitMEMLOCK=8M --setenv=HOME="$home" --setenv=XDG_RUNTIME_DIR=/run/user/"$uid" \
        /lib/systemd/systemd --user
"#;

impl Systemd {
    /// Has a user log in whom there was not before.
    #[track_caller]
    pub fn log_in(&self) -> SystemdUser<'_> {
        let uid = 1_000_000 + (id() & 0xffff) * 64 + USERS.fetch_add(1, Ordering::Relaxed) % 64;
        let user = SystemdUser { systemd: self, uid };
        user.log_in_again();
        user
    }
}

impl SystemdUser<'_> {
    /// Their number.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Their home folder.
    pub fn home(&self) -> String {
        format!("/home/u{}", self.uid)
    }

    /// Ends their manager and takes the runtime folder away, as systemd does when they have logged out. Their other programs
    /// go on.
    #[track_caller]
    pub fn log_out(&self) {
        let uid = self.uid;
        self.systemd.run(&format!("systemctl stop manager-{uid} && rm -r /run/user/{uid}"), "").done();
    }

    /// Has their manager run again.
    #[track_caller]
    pub fn log_in_again(&self) {
        self.systemd.run(&format!("set -- {}\n{LOG_IN}", self.uid), "").done();
    }

    /// Has their manager come with the machine, as far as files tell (`loginctl enable-linger`).
    #[track_caller]
    pub fn linger(&self) {
        let folder = "/var/lib/systemd/linger";
        self.systemd.run(&format!("mkdir -p {folder} && touch {folder}/u{}", self.uid), "").done();
    }

    /// Runs a shell script as they do. `dt-cred` is on their PATH, and no variable but those of a login is set.
    #[track_caller]
    pub fn run(&self, script: &str, stdin: impl AsRef<[u8]>) -> Output {
        run(self.command(script), stdin)
    }

    /// The same, not yet started.
    pub fn command(&self, script: &str) -> Command {
        let uid = self.uid;
        let mut command = self.systemd.command(&format!(
            r#"cd /home/u{uid} && exec setpriv --reuid {uid} --regid {uid} --clear-groups env HOME=/home/u{uid} USER=u{uid} \
                XDG_RUNTIME_DIR=/run/user/{uid} PATH=/programs:/usr/bin:/bin DT_CRED_TIMEOUT=60 LANG=C.UTF-8 sh -c "$SCRIPT""#
        ));
        command.env("SCRIPT", script);
        command
    }

    /// Has the daemon of the service that is installed end with this code as soon as it is started, for as long as there is
    /// a file `broken` in their home.
    #[track_caller]
    pub fn break_service(&self, code: u8) {
        let script = r#"
            folder=~/.config/systemd/user/dt-cred.service.d
            mkdir -p $folder && cat >$folder/broken.conf && systemctl --user daemon-reload
            systemctl --user stop --quiet dt-cred.service 2>/dev/null
            touch ~/broken"#;
        let start = format!("if [ -e %h/broken ]; then exit {code}; fi; exec /programs/dt-credd");
        self.run(script, format!("[Service]\nExecStart=\nExecStart=/bin/sh -c \"{start}\"\n")).done();
    }
}
