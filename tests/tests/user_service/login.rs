//! Commands while systemd has no runtime folder for the user: cron's `@reboot`, and a job at a time when they are not logged in.

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, Systemd, SystemdUser, run},
    user::Account,
};

use super::{failed, install};

/// What cron leaves of a login's variables.
const CRON: &str = "unset XDG_RUNTIME_DIR USER; export LOGNAME=$(id -un);";

/// The daemons that this user has, of which none has ended and waits to be reaped.
#[track_caller]
fn daemons(systemd: &Systemd, user: &SystemdUser<'_>) -> String {
    systemd.run(&format!("pgrep -r D,R,S,T -u {} -x dt-credd", user.uid()), "").stdout
}

#[test]
fn where_the_service_is_enabled_and_its_user_not_logged_in_no_other_daemon_is_started_and_that_is_told() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    user.log_out();
    let place = format!("dt-cred.socket listens in \"/run/user/{}\"", user.uid());
    let mend = format!("`sudo loginctl enable-linger u{}`", user.uid());
    let words = [place.as_str(), "you are not logged in", &mend];
    for command in ["get", "start", "keyring list", "--no-start get", "status --check"] {
        failed(&user.run(&format!("{CRON} dt-cred {command}"), ""), 3, &words);
    }
    for command in ["status", "service status", "service status --json", "doctor"] {
        let told = user.run(&format!("{CRON} dt-cred {command}"), "").stdout.replace('\\', "");
        for word in words {
            assert!(told.contains(word), "{command}: {word}: {told}");
        }
    }
    assert_eq!(daemons(&systemd, &user), "");
    user.log_in_again();
    user.run("dt-cred start", "").done();
}

#[test]
fn where_the_users_manager_comes_with_the_machine_a_command_waits_for_it_and_is_served_by_the_service() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::http(), systemd.log_in());
    install(&user);
    user.run("dt-cred store >/dev/null", format!("{}keyring=keyutils\n", Account::at(&sandbox).lines()))
        .done();
    user.linger();
    user.log_out();
    let mut job = Running::start(user.command(&format!("{CRON} dt-cred -v get >/dev/null")), "");
    let told = job.stderr_line(|line| line.contains("waiting for systemd"));
    assert!(told.contains(&format!("to make \"/run/user/{}\"", user.uid())), "{told}");
    user.log_in_again();
    assert!(job.wait().success(), "{}", job.said());
    let main = user.run("systemctl --user show -P MainPID dt-cred.service", "").done();
    assert_eq!(daemons(&systemd, &user), main);
    user.run("dt-cred erase", "").done();
    user.log_out();
    let slow = user.run(&format!("{CRON} dt-cred --timeout 0.2 get"), "");
    failed(&slow, 1, &["systemd has not started your user manager within", "give it longer with --timeout"]);
    assert_eq!(daemons(&systemd, &user), "");
}

#[test]
fn where_the_service_is_not_enabled_or_no_systemd_runs_a_command_starts_the_daemon_itself() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let start = format!("{CRON} dt-cred start && dt-cred stop");
    install(&user);
    user.log_out();
    // As in a container that has their home.
    let bare = format!(
        "unshare --mount sh -c 'mount -t tmpfs none /run/systemd && cd {home} && exec setpriv --reuid {uid} --regid {uid} --clear-groups \
            env HOME={home} PATH=/programs:/usr/bin:/bin sh -c \"$START\"'",
        home = user.home(),
        uid = user.uid()
    );
    let mut command = systemd.command(&bare);
    command.env("START", &start);
    let told = run(command, "").done();
    assert!(told.contains(" started, pid ") && told.contains("stopped dt-credd"), "{told}");
    user.log_in_again();
    user.run("systemctl --user disable --quiet dt-cred.socket", "").done();
    user.log_out();
    let told = user.run(&start, "").done();
    assert!(told.contains(" started, pid ") && told.contains("stopped dt-credd"), "{told}");
    // An administrator's link counts for all, but for whom it is masked.
    let link = "mkdir -p /etc/systemd/user/sockets.target.wants && cd /etc/systemd/user/sockets.target.wants && ln -s ../dt-cred.socket .";
    systemd.run(link, "").done();
    failed(&user.run(&start, ""), 3, &["you are not logged in"]);
    user.run("ln -sf /dev/null ~/.config/systemd/user/dt-cred.socket", "").done();
    let told = user.run(&start, "").done();
    assert!(told.contains(" started, pid ") && told.contains("stopped dt-credd"), "{told}");
}

#[test]
fn a_daemon_that_was_started_before_there_was_a_runtime_folder_is_told_and_ended_with_what_ends_others() {
    let Some(systemd) = Systemd::boot() else { return };
    let (sandbox, user) = (Sandbox::http(), systemd.log_in());
    let stray = || {
        user.log_out();
        let store = format!("{CRON} dt-cred store >/dev/null && dt-cred get >/dev/null");
        user.run(&store, format!("{}keyring=keyutils\n", Account::at(&sandbox).lines())).done();
        user.log_in_again();
        daemons(&systemd, &user).trim_end().to_owned()
    };
    let pid = stray();
    let told = user.run("dt-cred doctor", "").stdout;
    let found =
        format!("one more, pid {pid}, listens on \"{}/.local/state/dt-cred/run/agent.sock\"", user.home());
    assert!(told.contains(&found), "{told}");
    let mend = told.lines().find_map(|line| Some(line.split_once("end it: ")?.1)).expect("its mend");
    assert_eq!(user.run(mend, "").done(), format!("stopped dt-credd, pid {pid}\n"));
    user.run("dt-cred stop", "").done();
    let there = mend.trim_end_matches("dt-cred stop");
    let pid = stray();
    let held = "client_id=somebody\nclient_secret=Hq4zXw8NcT2vLs6J\nkeyring=memory\nno_check=true\n";
    user.run(&format!("{there} dt-cred store -p held >/dev/null"), held).done();
    failed(
        &user.run("dt-cred service install", ""),
        8,
        &["for profile held", &format!("run {mend}, then try again")],
    );
    user.run(&format!("{there} dt-cred erase -p held"), "").done();
    let told = install(&user);
    assert!(told.contains(&format!("ended dt-credd, pid {pid}, which a command had started\n")), "{told}");
    assert_eq!(daemons(&systemd, &user), "");
    user.run("dt-cred service uninstall", "").done();
    let pid = stray();
    let told = user.run("dt-cred service uninstall --user", "").done();
    assert!(told.contains(&format!("ended dt-credd, pid {pid}\n")), "{told}");
    assert_eq!(daemons(&systemd, &user), "");
    assert_eq!(user.run("find ~ -path '*dt-cred*'", "").done(), "");
}
