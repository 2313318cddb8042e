//! Starting and ending the daemon where the service is installed.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Systemd, SystemdUser, binaries},
    user::Account,
};

use super::{install, units};

/// The daemons that this user has, and the one that systemd has for them.
#[track_caller]
fn daemons(user: &SystemdUser<'_>) -> (Vec<String>, String) {
    let all = user.run("pgrep -u $(id -u) -x dt-credd", "").stdout;
    let main = user.run("systemctl --user show -P MainPID dt-cred.service", "").done();
    (all.lines().map(str::to_owned).collect(), main.trim().to_owned())
}

#[test]
fn where_nobody_listens_any_command_has_systemd_listen_and_its_daemon_serves() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::http(), systemd.log_in());
    install(&user);
    user.run("dt-cred store >/dev/null", format!("{}keyring=keyutils\n", Account::at(&sandbox).lines()))
        .done();
    for command in ["dt-cred get >/dev/null", "dt-cred start", "dt-cred keyring list"] {
        user.run("systemctl --user stop dt-cred.socket dt-cred.service", "").done();
        assert_eq!(daemons(&user).0, Vec::<String>::new());
        user.run(command, "").done();
        let (all, main) = daemons(&user);
        assert_eq!(all, [main], "{command}");
    }
    user.run("systemctl --user stop dt-cred.socket dt-cred.service", "").done();
    assert_eq!(
        user.run("dt-cred --no-start get", "").code,
        Some(3),
        "where no start is allowed there is none"
    );
    assert_eq!(daemons(&user).0, Vec::<String>::new());
    user.run("dt-cred erase", "").done();
}

#[test]
fn of_many_clients_that_race_with_the_installation_each_is_served_and_one_daemon_is_left() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let script = "for i in $(seq 40); do dt-cred keyring list >/dev/null & all=\"$all $!\"; done
        dt-cred service install >/dev/null || exit 9
        for i in $(seq 40); do dt-cred keyring list >/dev/null & all=\"$all $!\"; done
        for one in $all; do wait $one || echo \"exit $?\"; done";
    assert_eq!(user.run(script, "").done(), "");
    // Whoever lost its socket to systemd ends by itself.
    user.run("dt-cred start; until [ $(pgrep -u $(id -u) -cx dt-credd) = 1 ]; do :; done", "").done();
    let (all, main) = daemons(&user);
    assert_eq!(all, [main]);
}

#[test]
fn where_the_manager_cannot_be_reached_or_the_unit_is_masked_the_client_starts_the_daemon_itself() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    // As in a container whose runtime folder is another one.
    user.run("mkdir -m 0700 ~/run && XDG_RUNTIME_DIR=$HOME/run dt-cred start", "").done();
    let (all, main) = daemons(&user);
    assert_eq!((all.len(), main.as_str()), (1, "0"));
    user.run("XDG_RUNTIME_DIR=$HOME/run dt-cred stop", "").done();
    user.run("DT_CRED_SOCKET=$XDG_RUNTIME_DIR/own/own.sock dt-cred start", "").done();
    assert_eq!(daemons(&user).1, "0", "a socket that is named is no service's");
    user.run("DT_CRED_SOCKET=$XDG_RUNTIME_DIR/own/own.sock dt-cred stop", "").done();
    user.run(
        "dt-cred service uninstall && systemctl --user mask --quiet dt-cred.socket && dt-cred start",
        "",
    )
    .done();
    assert_eq!(daemons(&user).0.len(), 1);
    assert_eq!(daemons(&user).1, "0");
    let told = user.run("dt-cred stop && dt-cred service status", "").done();
    assert!(told.contains("no service is installed"), "{told}");
    // A unit lies where this shell looks, and not where its manager does.
    let elsewhere = "systemctl --user unmask --quiet dt-cred.socket; mkdir -p ~/other/systemd/user
        echo >~/other/systemd/user/dt-cred.socket; XDG_CONFIG_HOME=~/other dt-cred start && dt-cred stop";
    user.run(elsewhere, "").done();
}

#[test]
fn what_only_looks_leaves_the_daemon_asleep() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    let none = "no daemon is running; the next dt-cred get starts one\n";
    assert_eq!(user.run("dt-cred status", "").done(), none);
    assert!(user.run("dt-cred status --json", "").done().contains("\"daemon\":null"));
    assert_eq!(user.run("dt-cred status --check", "").code, Some(3));
    assert!(user.run("dt-cred log", "").done().starts_with("no daemon is running"));
    user.run("dt-cred service status", "").done();
    assert_eq!(install(&user), "nothing to change: the service is installed\n");
    assert_eq!(daemons(&user).0, Vec::<String>::new());
    assert!(user.run("dt-cred start", "").done().contains(" started, pid "));
    assert!(user.run("dt-cred start", "").done().contains(" already runs, pid "));
}

#[test]
fn stop_ends_the_daemon_and_says_that_the_socket_listens_on() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    user.run("dt-cred start", "").done();
    let pid = daemons(&user).1;
    let socket = "dt-cred.socket listens on, and starts it for the next command, unless you run systemctl --user stop dt-cred.socket\n";
    assert_eq!(user.run("dt-cred stop", "").done(), format!("stopped dt-credd, pid {pid}; {socket}"));
    assert_eq!(daemons(&user).0, Vec::<String>::new());
    assert_eq!(user.run("dt-cred stop", "").done(), format!("no daemon was running; {socket}"));
    assert_eq!(daemons(&user).0, Vec::<String>::new(), "it was not started to be ended");
    user.run("dt-cred start", "").done();
    assert_ne!(daemons(&user).1, pid);
}

#[test]
fn a_socket_whose_file_was_removed_is_made_anew_for_the_next_client() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    for path in ["$XDG_RUNTIME_DIR/dt-cred/agent.sock", "$XDG_RUNTIME_DIR/dt-cred"] {
        user.run("dt-cred start", "").done();
        user.run(&format!("rm -r {path} && dt-cred keyring list"), "").done();
        let (all, main) = daemons(&user);
        assert!(all.contains(&main), "{path}: {all:?} {main}");
    }
}

#[test]
fn credentials_that_start_is_given_are_held_by_the_service() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::http(), systemd.log_in());
    install(&user);
    user.run("systemctl --user stop dt-cred.socket", "").done();
    let told = user.run("dt-cred start --from-stdin", Account::at(&sandbox).lines()).done();
    assert!(told.contains("the daemon's memory"), "{told}");
    let (all, main) = daemons(&user);
    assert_eq!(all, [main]);
    user.run("dt-cred get >/dev/null", "").done();
}

#[test]
fn where_the_service_starts_a_daemon_of_another_release_it_is_said_which_and_what_to_do() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let (release, daemon) = binaries::daemon_of_another_release();
    user.run(
        "mkdir other && cat >other/dt-credd && chmod 755 other/dt-credd && cp /programs/dt-cred other",
        daemon,
    )
    .done();
    user.run("other/dt-cred service install && dt-cred start", "").done();
    let starts = format!("the service starts \"{}/other/dt-credd\": ", user.home());
    let told_by_both = |mend: &str| {
        for command in ["status", "doctor"] {
            let told = user.run(&format!("dt-cred {command}"), "").stdout;
            assert!(told.contains(&format!("{starts}{mend}")), "{command}: {told}");
        }
    };
    told_by_both("run dt-cred service install, then dt-cred stop");
    // Beside it, its end is what brings the next one.
    let told = user.run("other/dt-cred status", "").done();
    assert!(told.starts_with(&format!("dt-credd {release}, pid ")), "{told}");
    assert!(told.contains("run dt-cred stop; the next dt-cred get starts the daemon beside it"), "{told}");
    // A package's are not to be written anew.
    let brought = format!(
        "install -d /usr/local/lib/systemd/user && cd {} && for unit in dt-cred.*; do sed '/Written by/d' $unit >/usr/local/lib/systemd/user/$unit && rm $unit; done",
        units(&user)
    );
    systemd.run(&brought, "").done();
    user.run("systemctl --user daemon-reload", "").done();
    told_by_both("use the dt-cred beside that, or have one of the two installed alone");
    let drop_in = "mkdir ~/.config/systemd/user/dt-cred.service.d && printf '[Service]\\nTasksMax=99\\n' >~/.config/systemd/user/dt-cred.service.d/x.conf && systemctl --user daemon-reload";
    user.run(drop_in, "").done();
    told_by_both("a drop-in may say so: see systemctl --user cat dt-cred.service");
    systemd.run("rm -r /usr/local/lib/systemd/user", "").done();
    install(&user);
    user.run("dt-cred stop", "").done();
    let told = user.run("dt-cred start && dt-cred status", "").done();
    assert!(!told.contains(&release) && !told.contains("this dt-cred is"), "{told}");
}
