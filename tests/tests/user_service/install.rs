//! What `install` and `uninstall` change, and what they leave alone.

use dt_cred_tests::parts::{Systemd, SystemdUser};
use serde_json::Value;

use super::{failed, install, units};

/// `service status --json`.
#[track_caller]
fn status(user: &SystemdUser<'_>) -> Value {
    serde_json::from_str(&user.run("dt-cred service status --json", "").done()).expect("JSON")
}

#[test]
fn what_install_changes_it_tells_and_a_second_one_changes_nothing() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let folder = units(&user);
    let none = "no service is installed, and none is needed: dt-cred starts the daemon\n";
    assert_eq!(user.run("dt-cred service status", "").done(), none);
    let told = format!(
        "wrote {folder}/dt-cred.socket\nwrote {folder}/dt-cred.service\nenabled dt-cred.socket\n\
         started dt-cred.socket: it starts dt-credd for whoever connects\n"
    );
    // Whatever the umask: the manager may be another user's program.
    assert_eq!(user.run("umask 077; dt-cred service install", "").done(), told);
    let modes = user.run("cd ~/.config/systemd/user && stat -c '%a %n' dt-cred.*", "").done();
    assert_eq!(modes, "644 dt-cred.service\n644 dt-cred.socket\n");
    let changed = user.run("find ~ -printf '%p %T@ %i\n'", "").done();
    assert_eq!(install(&user), "nothing to change: the service is installed\n");
    assert_eq!(user.run("find ~ -printf '%p %T@ %i\n'", "").done(), changed);
    let told = status(&user);
    assert_eq!(
        (&told["installed"], &told["written"], &told["enabled"], &told["state"], &told["failure"]),
        (
            &format!("{folder}/dt-cred.socket").into(),
            &true.into(),
            &true.into(),
            &"listening".into(),
            &Value::Null
        )
    );
    user.run("dt-cred start", "").done();
    let told = status(&user);
    let pid = user.run("systemctl --user show --property=MainPID --value dt-cred.service", "").done();
    assert_eq!((&told["state"], told["pid"].to_string()), (&"running".into(), pid.trim().to_owned()));
    assert_eq!(
        user.run("cd / && cat /proc/$(systemctl --user show -P MainPID dt-cred.service)/comm", "").done(),
        "dt-credd\n"
    );
    // Also where one of both is gone, or was left half done.
    user.run(
        "systemctl --user disable --quiet dt-cred.socket; rm ~/.config/systemd/user/dt-cred.service",
        "",
    )
    .done();
    let told = install(&user);
    assert!(told.starts_with(&format!("wrote {folder}/dt-cred.service\n")), "{told}");
    assert!(told.contains("enabled dt-cred.socket\n") && !told.contains("wrote /dt-cred.socket"), "{told}");
}

#[test]
fn what_was_installed_is_gone_after_uninstall_and_a_second_one_changes_nothing() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let folder = units(&user);
    install(&user);
    user.run("dt-cred start", "").done();
    // Something of the user's own that keeps systemd from letting go of what it has read.
    let other = "[Unit]\nWants=dt-cred.socket\n[Service]\nExecStart=/bin/sleep infinity\n";
    let script = "cat >~/.config/systemd/user/other.service && systemctl --user daemon-reload && systemctl --user start other";
    user.run(script, other).done();
    let told = format!(
        "disabled dt-cred.socket\nstopped dt-cred.socket and dt-cred.service\nremoved {folder}/dt-cred.socket\n\
         removed {folder}/dt-cred.service\n"
    );
    assert_eq!(user.run("dt-cred service uninstall", "").done(), told);
    assert_eq!(
        user.run(
            "find ~/.config/systemd -not -type d -not -name other.service; pgrep -u $(id -u) dt-credd",
            ""
        )
        .stdout,
        ""
    );
    assert_eq!(user.run("systemctl --user list-unit-files --no-legend 'dt-cred*'", "").stdout, "");
    assert_eq!(user.run("systemctl --user show -P LoadState dt-cred.socket", "").done(), "not-found\n");
    user.run("systemctl --user stop other", "").done();
    assert_eq!(user.run("systemctl --user list-units --all --no-legend 'dt-cred*'", "").stdout, "");
    let again = user.run("dt-cred service uninstall", "").done();
    assert_eq!(again, "nothing to change: no service is installed\n");
    // Then a command starts the daemon as it did before.
    user.run("dt-cred start && [ -z \"$(dt-cred -v status 2>&1 | grep systemctl)\" ] && dt-cred stop", "")
        .done();
}

#[test]
fn a_file_of_another_program_is_never_touched() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let folder = units(&user);
    // What `uninstall` says of it: where it does not stand for the service there is none to take away.
    for (make, name, code) in [
        ("echo '# my own' >dt-cred.service", "dt-cred.service", 0),
        ("printf '[Socket]\\nListenStream=%%t/dt-cred/agent.sock\\n' >dt-cred.socket", "dt-cred.socket", 8),
        // A package's text, without the word that it was written here.
        ("sed '/Written by/d' ours >dt-cred.socket", "dt-cred.socket", 8),
        ("ln -s ours dt-cred.socket", "dt-cred.socket", 8),
        ("ln -s /dev/null dt-cred.socket", "dt-cred.socket", 0),
        ("mkdir dt-cred.service", "dt-cred.service", 0),
        ("mkfifo dt-cred.service", "dt-cred.service", 0),
    ] {
        install(&user);
        user.run("cp ~/.config/systemd/user/dt-cred.socket ~/ours; dt-cred service uninstall", "").done();
        user.run(&format!("cd ~/.config/systemd/user && mv ~/ours . && {make}"), "").done();
        let before = user.run("find ~/.config/systemd -printf '%p %T@ %i %m %l\n'", "").done();
        let refused = user.run("dt-cred service install", "");
        failed(
            &refused,
            8,
            &[&format!("{folder}/{name}"), "is not dt-cred's and is left as it is", "move it away"],
        );
        let uninstalled = user.run("dt-cred service uninstall", "");
        assert_eq!(uninstalled.code, Some(code), "{make}: {uninstalled:?}");
        if code != 0 {
            failed(&uninstalled, code, &["is not dt-cred's and is left as it is"]);
        }
        assert_eq!(
            user.run("find ~/.config/systemd -printf '%p %T@ %i %m %l\n'", "").done(),
            before,
            "{make}"
        );
        user.run("cd ~/.config/systemd/user && rm -r ours dt-cred.*", "").done();
    }
}

#[test]
fn a_packages_units_are_used_and_uninstall_only_disables_them() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let folder = units(&user);
    // Before there was a package.
    install(&user);
    let package = "install -d /usr/local/lib/systemd/user && cd /usr/local/lib/systemd/user && \
        sed '/Written by/d' $HOME_OF/dt-cred.socket >dt-cred.socket && sed '/Written by/d' $HOME_OF/dt-cred.service >dt-cred.service";
    systemd.run(&package.replace("$HOME_OF", &folder), "").done();
    let hidden = "also there: /usr/local/lib/systemd/user/dt-cred.socket: one is enough";
    let told = user.run("dt-cred service status", "").done();
    assert!(told.contains(hidden), "what was written counts, and a package's does not: {told}");
    let doctor = user.run("dt-cred doctor", "").stdout;
    let warned = format!("{folder}/dt-cred.socket counts before /usr/local/lib/systemd/user/dt-cred.socket");
    assert!(doctor.contains(&warned), "{doctor}");
    let told = install(&user);
    for line in [
        format!("removed {folder}/dt-cred.socket, as a package has brought its own\n"),
        format!("removed {folder}/dt-cred.service, as a package has brought its own\n"),
    ] {
        assert!(told.contains(&line), "{told}");
    }
    assert_eq!(install(&user), "nothing to change: the service is installed\n");
    assert_eq!(status(&user)["installed"], "/usr/local/lib/systemd/user/dt-cred.socket");
    assert_eq!(status(&user)["written"], false);
    assert_eq!(status(&user)["others"], Value::Array(Vec::new()));
    // The package is upgraded.
    systemd.run("sed -i s/^TasksMax=.*/TasksMax=77/ /usr/local/lib/systemd/user/dt-cred.service", "").done();
    assert!(install(&user).starts_with("had systemd read the units anew\n"));
    assert_eq!(user.run("systemctl --user show -P TasksMax dt-cred.service", "").done(), "77\n");
    user.run("dt-cred start", "").done();
    let told = user.run("dt-cred service uninstall", "").done();
    assert_eq!(told, "disabled dt-cred.socket\nstopped dt-cred.socket and dt-cred.service\n");
    let again = user.run("dt-cred service uninstall", "").done();
    assert_eq!(again, "nothing to change: no service is installed\n");
    assert_eq!(systemd.run("ls /usr/local/lib/systemd/user", "").done(), "dt-cred.service\ndt-cred.socket\n");
    let told = user.run("dt-cred service status", "").done();
    assert!(told.contains(", disabled: dt-cred service install has it there after each login\n"), "{told}");
}

#[test]
fn an_administrators_units_are_used_by_whichever_name_systemd_has_for_their_folder() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    let moved = format!(
        "mkdir -p /etc/xdg/systemd && ln -sfn ../../systemd/user /etc/xdg/systemd/user && \
         cd {} && for unit in dt-cred.socket dt-cred.service; do sed '/Written by/d' $unit >/etc/systemd/user/$unit && rm $unit; done",
        units(&user)
    );
    systemd.run(&moved, "").done();
    user.run("systemctl --user daemon-reload", "").done();
    let known = user.run("systemctl --user show -P FragmentPath dt-cred.socket", "").done();
    assert_eq!(known, "/etc/xdg/systemd/user/dt-cred.socket\n", "Debian's link comes first");
    install(&user);
    assert_eq!(install(&user), "nothing to change: the service is installed\n");
    user.run("dt-cred start", "").done();
    // Theirs before a package's is nothing to be warned of.
    systemd.run("mkdir -p /usr/local/lib/systemd/user && cp /etc/systemd/user/dt-cred.* /usr/local/lib/systemd/user", "").done();
    let told = user.run("dt-cred service status", "").done();
    assert!(told.contains("also there: /usr/local/lib/systemd/user/dt-cred.socket\n"), "{told}");
    let doctor = user.run("dt-cred doctor", "").stdout;
    assert!(doctor.contains(" installed: /etc/systemd/user/dt-cred.socket\n"), "{doctor}");
}

#[test]
fn no_link_to_a_unit_is_left_whoever_made_it_and_whether_the_manager_can_be_told_or_not() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    for (told, said) in [("", "disabled dt-cred.service\n"), ("XDG_RUNTIME_DIR=~/run", "removed ")] {
        install(&user);
        // For files that are kept fresh.
        user.run("systemctl --user enable --quiet dt-cred.service; mkdir -pm 0700 ~/run", "").done();
        let links = user.run("find ~/.config/systemd -type l", "").done();
        assert_eq!(links.lines().count(), 2, "{links}");
        let output = user.run(&format!("{told} dt-cred service uninstall"), "").done();
        assert!(output.contains(said), "{output}");
        assert_eq!(user.run("find ~/.config/systemd -not -type d", "").done(), "");
        user.run("systemctl --user daemon-reload; systemctl --user stop dt-cred.socket", "");
    }
}

#[test]
fn the_unit_starts_the_daemon_wherever_it_lies() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    for folder in ["a b", "50%n", "$HOME and ${x}", "\u{e9}\u{1f511}", "#;!@-+:"] {
        let place = "IFS= read -r folder && mkdir ~/\"$folder\" && cp /programs/dt-cred /programs/dt-credd ~/\"$folder\" && cd ~/\"$folder\" &&
            ./dt-cred service install >/dev/null && ./dt-cred start >/dev/null && systemctl --user show -P MainPID dt-cred.service";
        let started = user.run(place, format!("{folder}\n"));
        let units = || user.run("systemctl --user status dt-cred.socket dt-cred.service", "").stdout;
        assert_eq!(started.code, Some(0), "{folder}: {started:?} {}", units());
        let pid = started.stdout;
        // Its user may not look at it.
        let exe = systemd.run(&format!("readlink /proc/{}/exe", pid.trim()), "").done();
        assert_eq!(exe, format!("{}/{folder}/dt-credd\n", user.home()));
        user.run("dt-cred service uninstall", "").done();
    }
    let place = "mkdir \"it's\" && cp /programs/dt-cred /programs/dt-credd \"it's\" && \"it's/dt-cred\" service install";
    failed(&user.run(place, ""), 8, &["systemd starts no program at", "it's/dt-credd"]);
    assert_eq!(user.run("find ~/.config/systemd -not -type d", "").done(), "");
}
