//! systemd's credentials: `LoadCredential=dt-cred.NAME:…` in the unit that starts the daemon.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, Systemd, private_folder},
    user::{Account, User},
};

use super::source::failed;

/// A user whose daemon is started with a folder of credentials, as systemd makes one.
struct Unit {
    user: User,
    folder: PathBuf,
}

impl Unit {
    fn new() -> Self {
        Self::of(User::in_memory())
    }

    fn of(mut user: User) -> Self {
        let folder = user.home.path().join("credentials");
        private_folder(&folder);
        user.home.set("CREDENTIALS_DIRECTORY", &folder);
        Self { user, folder }
    }

    /// Gives these lines for a profile.
    fn give(&self, profile: &str, lines: &str) {
        let path = self.folder.join(format!("dt-cred.{profile}"));
        fs::write(&path, lines).expect("a credential");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("its mode");
    }

    /// The daemon in the foreground, as a unit has it.
    fn start(&self) -> Running {
        self.user.home.start_daemon()
    }
}

#[test]
fn a_credential_of_the_unit_wins_over_what_is_kept_and_is_told_by_status_and_list() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    let (kept, given) = (Account::at(&sandbox), Account::at(&sandbox));
    user.log_in(&kept);
    user.dt_cred(&["stop"]).done();
    let unit = Unit::of(user);
    unit.give(unit.user.profile(), &given.lines());
    unit.give("of-nobody-asked", &given.lines());
    let daemon = unit.start();
    // Before anything was asked for.
    assert_eq!(unit.user.status()["keyring"], "systemd");
    unit.user.token();
    let body = String::from_utf8_lossy(&sandbox.requests()[1].body).into_owned();
    assert!(body.contains(&given.client_id), "{body}");
    let listed = unit.user.dt_cred(&["keyring", "list"]).done();
    let rows = |name: &str| {
        let rows = listed.lines().filter(|line| line.split(' ').next() == Some(name));
        rows.map(|row| row.rsplit("  ").next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows("of-nobody-asked"), ["systemd's credentials, for as long as its source gives it"]);
    let own = rows(unit.user.profile());
    assert!(own.len() == 2 && own.iter().any(|row| row.starts_with("the kernel keyring")), "{listed}");
    assert!(own.iter().any(|row| row.ends_with("; not used")), "{listed}");
    drop(daemon);
    // Without the unit what is kept counts again: nothing was noted of the credential.
    let state = fs::read_to_string(unit.user.home.state().join("state.toml")).expect("a state file");
    assert!(state.contains("keyutils") && !state.contains("systemd"), "{state}");
}

#[test]
fn store_login_move_and_erase_say_that_it_can_only_be_read_and_nothing_is_sent() {
    let sandbox = Sandbox::http();
    let unit = Unit::new();
    unit.give(unit.user.profile(), &Account::at(&sandbox).lines());
    let _daemon = unit.start();
    let words = ["given by systemd (LoadCredential= in the unit that starts dt-credd)", "can only be read"];
    for keyring in ["", "keyring=memory\n", "keyring=keyutils\n"] {
        let lines = format!("{}{keyring}", Account::at(&sandbox).lines());
        failed(&unit.user.home.dt_cred_with(&["store"], lines), 6, &words);
    }
    failed(&unit.user.dt_cred(&["keyring", "move", "--to", "keyutils"]), 6, &words);
    assert_eq!(sandbox.counts().tokens.total, 0);
    let token = unit.user.token();
    failed(&unit.user.dt_cred(&["erase"]), 6, &words);
    assert_ne!(unit.user.token(), token);
    assert_eq!(unit.user.dt_cred(&["unlock"]).done(), "systemd gives the credentials\n");
}

#[test]
fn a_credential_that_cannot_be_used_is_exit_6_and_no_other_store_is_asked() {
    let sandbox = Sandbox::http();
    let Some(user) = User::in_keyring() else { return };
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["stop"]).done();
    let unit = Unit::of(user);
    let (name, lines) = (unit.user.profile().to_owned(), Account::at(&sandbox).lines());
    for (given, words) in [
        ("".to_owned(), "client_id and client_secret are missing"),
        (format!("{lines}keyring=keyutils\n"), "keyring and no_check may not stand there"),
        (format!("{lines}geheim\n"), "has no \"=\""),
        (format!("{lines}scope={}\n", "x".repeat(70_000)), "longer than"),
    ] {
        unit.give(&name, &given);
        let _daemon = unit.start();
        let get = unit.user.dt_cred(&["get"]);
        failed(&get, 6, &[words, &format!("the systemd credential dt-cred.{name} holds")]);
        assert!(!get.stderr.contains("geheim"), "{}", get.stderr);
        fs::remove_file(unit.folder.join(format!("dt-cred.{name}"))).expect("the credential");
    }
    unit.give(&name, &lines);
    let path = unit.folder.join(format!("dt-cred.{name}"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("its mode");
    let _daemon = unit.start();
    failed(&unit.user.dt_cred(&["get"]), 6, &["systemd credential", "can be written by others"]);
    assert_eq!(sandbox.counts().tokens.total, 1);
}

#[test]
fn a_configured_credential_that_no_unit_gives_is_exit_5_and_says_where_it_would_come_from() {
    let unit = Unit::new();
    let name = unit.user.profile();
    unit.user.home.configure(&format!("[profile.{name}]\nkeyring = \"systemd\"\n"));
    let _daemon = unit.start();
    failed(&unit.user.dt_cred(&["get"]), 5, &[&format!("LoadCredential=dt-cred.{name}:FILE")]);
}

#[test]
fn a_daemon_that_a_real_unit_starts_serves_by_the_credential_that_it_loads() {
    let Some(systemd) = Systemd::boot() else { return };
    let sandbox = Sandbox::http();
    let account = Account::at(&sandbox);
    // In the container's own /run, which is its alone.
    let script = r#"
        set -e
        install -d -m 0700 /run/secrets && cat >/run/secrets/lines && chmod 0600 /run/secrets/lines
        for user in root nobody; do
            # As root, and as a user who cannot read the file that the credential is loaded from.
            folder=/run/daemon-of-$user && install -d -o "$user" -m 0700 "$folder"
            systemd-run --quiet --unit="dt-credd-$user" --property=DefaultDependencies=no --property=User="$user" \
                --property=LoadCredential=dt-cred.default:/run/secrets/lines \
                --property=StandardError=truncate:"/run/log-of-$user" --setenv=DT_CRED_LOG=trace \
                --setenv=HOME="$folder" --setenv=XDG_RUNTIME_DIR="$folder" /programs/dt-credd
            client() {
                HOME=$folder XDG_RUNTIME_DIR=$folder \
                    setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups /programs/dt-cred "$@"
            }
            until [ -S "$folder/dt-cred/agent.sock" ]; do systemctl is-active --quiet "dt-credd-$user"; done
            client get --format bearer
            client keyring list | grep ^default
            printf 'client_id=x\nclient_secret=y\n' | { client store 2>&1 || echo "exit $?"; }
            systemctl stop "dt-credd-$user"
            cat "/run/log-of-$user" >&2
        done"#;
    let output = systemd.run(script, account.lines());
    let lines: Vec<_> = output.done().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 8, "{lines:?}");
    for lines in lines.chunks_exact(4) {
        assert!(lines[0].starts_with("Bearer "), "{lines:?}");
        assert!(lines[1].contains("systemd's credentials"), "{lines:?}");
        assert!(lines[2].contains("can only be read"), "{lines:?}");
        assert_eq!(lines[3], "exit 6");
    }
    assert_eq!(sandbox.counts().tokens.total, 2);
}
