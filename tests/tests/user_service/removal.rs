//! `dt-cred service uninstall --user`.

use std::fs;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Systemd, SystemdUser},
    user::Account,
};

use super::{failed, install, units};

/// What this user has, folders that others make too aside: files wherever they lie, daemons, items.
#[track_caller]
fn traces(systemd: &Systemd, user: &SystemdUser<'_>) -> String {
    let uid = user.uid();
    let files = format!(
        "find /home /tmp /var -xdev -uid {uid} -not -type d; find {home} /run/user/{uid} -name '*dt-cred*'",
        home = user.home()
    );
    let files = systemd.run(&files, "").stdout;
    let others = user.run(
        "pgrep -r D,R,S,T -u $(id -u) dt-cred; keyctl session - sh -c 'keyctl list $(keyctl get_persistent @s)' 2>/dev/null | grep dt-cred",
        "",
    );
    files + &others.stdout
}

/// A user with a service, a profile in the kernel keyring and one in memory, a CA, a file that is kept fresh.
fn furnish(user: &SystemdUser<'_>, sandbox: &Sandbox) {
    let file = "mkdir -p ~/.config/dt-cred ~/tokens && chmod 0700 ~/tokens && printf '[[profile.default.file]]\\npath = \"%s\"\\n' ~/tokens/token >~/.config/dt-cred/config.toml";
    user.run(file, "").done();
    // The issuer's CA lies on the machine: here it is in their home, until it is copied.
    let ca = fs::read(sandbox.ca_file().expect("it speaks https")).expect("a CA");
    user.run("cat >~/ca.pem", ca).done();
    let account =
        || Account { ca_file: Some(format!("{}/ca.pem", user.home())), ..Account::at(sandbox) }.lines();
    user.run("dt-cred store >/dev/null", format!("{}keyring=keyutils\n", account())).done();
    user.run("dt-cred store -p held >/dev/null && rm ~/ca.pem", format!("{}keyring=memory\n", account()))
        .done();
    user.run("dt-cred get >/dev/null && test -s ~/tokens/token", "").done();
}

#[test]
fn uninstall_for_a_user_leaves_no_file_no_item_and_no_process() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::https(), systemd.log_in());
    let before = traces(&systemd, &user);
    assert_eq!(before, "");
    for service in [true, false] {
        if service {
            install(&user);
        }
        furnish(&user, &sandbox);
        let found = traces(&systemd, &user);
        for trace in ["state.toml", "ca.pem", "tokens/token", "run/user", "keyring:default@dt-cred"] {
            assert!(found.contains(trace), "{trace}: {found}");
        }
        let told = user.run("dt-cred service uninstall --user", "").done();
        let home = user.home();
        for line in [
            "erased profile default",
            "erased profile held",
            &format!("removed {home}/.local/state/dt-cred"),
            &format!("removed /run/user/{}/dt-cred", user.uid()),
            &format!("kept {home}/.config/dt-cred/config.toml: you wrote it"),
        ] {
            assert!(told.lines().any(|told| told == line), "{line}: {told}");
        }
        let other = if service { "stopped dt-cred.socket" } else { "ended dt-credd, pid " };
        assert!(told.lines().any(|line| line.starts_with(other)), "{told}");
        user.run("rm -r ~/.config/dt-cred", "").done();
        assert_eq!(traces(&systemd, &user), "");
        let again = user.run("dt-cred service uninstall --user", "").done();
        assert_eq!(again, "nothing to change: nothing is left\n");
        assert_eq!(traces(&systemd, &user), "");
    }
}

#[test]
fn uninstall_for_a_user_leaves_what_is_not_dt_creds_and_says_so() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::https(), systemd.log_in());
    furnish(&user, &sandbox);
    user.run("echo mine >~/.local/state/dt-cred/notes && mkdir ~/.local/state/dt-cred/old && echo mine >~/.local/state/dt-cred/old/state.toml", "")
        .done();
    let told = user.run("dt-cred service uninstall --user", "").done();
    let left = format!("left {}/.local/state/dt-cred: something in it is not dt-cred's\n", user.home());
    assert!(told.contains(&left), "{told}");
    let left = user
        .run("cd ~/.local/state/dt-cred && find . -type f | sort && cat ~/.config/dt-cred/config.toml", "")
        .done();
    assert!(left.starts_with("./notes\n./old/state.toml\n[[profile.default.file]]\n"), "{left}");
}

#[test]
fn uninstall_for_a_user_names_what_they_changed_of_the_units_and_leaves_it() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    let edit = "cd ~/.config/systemd/user && mkdir dt-cred.socket.d dt-cred.service.d && echo '[Socket]' >dt-cred.socket.d/override.conf
        echo '[Service]' >dt-cred.service.d/override.conf && systemctl --user daemon-reload";
    user.run(edit, "").done();
    for _ in 0..2 {
        let told = user.run("dt-cred service uninstall --user", "").done();
        for unit in ["dt-cred.socket", "dt-cred.service"] {
            let kept = format!("kept {}/{unit}.d: you wrote it\n", units(&user));
            assert!(told.contains(&kept), "{told}");
        }
        let left = user.run("cd ~/.config && find . -type f | sort", "").done();
        assert_eq!(
            left,
            "./systemd/user/dt-cred.service.d/override.conf\n./systemd/user/dt-cred.socket.d/override.conf\n"
        );
    }
}

#[test]
fn uninstall_for_a_user_waits_for_the_end_of_what_would_start_a_daemon_again() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::https(), systemd.log_in());
    furnish(&user, &sandbox);
    let begun = "mkfifo ~/said; dt-cred -p held forward --socket ~/f.sock >/dev/null 2>~/said & head -n 1 ~/said; echo $! >~/pid";
    let said = user.run(begun, "").done();
    assert!(said.contains("serving profile held"), "{said}");
    let before = traces(&systemd, &user);
    failed(&user.run("dt-cred service uninstall --user", ""), 8, &["dt-cred forward still runs", "end it"]);
    assert_eq!(traces(&systemd, &user), before);
    user.run("kill $(cat ~/pid) && tail --pid=$(cat ~/pid) -f /dev/null && rm ~/pid ~/said", "").done();
    user.run("dt-cred service uninstall --user && rm -r ~/.config/dt-cred", "").done();
    assert_eq!(traces(&systemd, &user), "");
}

#[test]
fn where_an_item_cannot_be_erased_nothing_else_is_done() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    user.run("mkdir -p ~/.config/dt-cred && echo nonsense >~/.config/dt-cred/config.toml", "").done();
    let before = user.run("find ~/.config -printf '%p %T@\n'", "").done();
    failed(&user.run("dt-cred service uninstall --user", ""), 7, &["config.toml"]);
    assert_eq!(user.run("find ~/.config -printf '%p %T@\n'", "").done(), before);
}

#[test]
fn uninstall_for_a_user_is_every_profile_and_none_can_be_named() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::https(), systemd.log_in());
    furnish(&user, &sandbox);
    let refused = user.run("dt-cred -p held service uninstall --user", "");
    failed(&refused, 2, &["--user is every profile: leave it or --profile out"]);
    user.run("dt-cred get >/dev/null && dt-cred get -p held >/dev/null", "").done();
    user.run("dt-cred erase --all", "").done();
}
