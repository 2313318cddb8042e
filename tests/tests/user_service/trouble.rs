//! What keeps the service from being installed or from starting the daemon, and how that is told.

use dt_cred_tests::parts::Systemd;

use super::{failed, install};

const MENDED: &str =
    "rm ~/broken && systemctl --user reset-failed dt-cred.socket dt-cred.service && dt-cred start";

#[test]
fn a_crash_loop_is_ended_by_systemd_and_told_with_its_mend_by_all_that_need_the_daemon() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    for (ends_with, code, first) in [(1, 3, "reject"), (8, 3, "start")] {
        user.break_service(ends_with);
        let with = format!("with exit code {ends_with} the last time");
        let words = [
            "systemd gave up on dt-cred.service, which ended again and again",
            &with,
            "`journalctl --user -u dt-cred.service`",
            "`systemctl --user reset-failed dt-cred.socket dt-cred.service` and `dt-cred start`",
        ];
        // The first one has begun the loop: it had found somebody who listened.
        let commands =
            [first, "get", "reject", "start", "status --check", "--no-start get", "erase", "keyring list"];
        for command in commands {
            failed(&user.run(&format!("dt-cred {command}"), ""), code, &words);
        }
        for command in ["status", "status --json", "service status", "service status --json", "doctor"] {
            let told = user.run(&format!("dt-cred {command}"), "");
            assert_eq!(told.code, Some(if command == "doctor" { 8 } else { 0 }), "{command}");
            for word in words {
                assert!(told.stdout.contains(word), "{command}: {}", told.stdout);
            }
        }
        let told = user.run("dt-cred doctor", "").stdout;
        assert!(told.contains("\nfails  service      systemd gave up"), "{told}");
        // It is not begun anew by those who ask.
        let failed = user.run("systemctl --user show -P ActiveState dt-cred.socket", "").done();
        assert_eq!(failed, "failed\n");
        let started = user.run(MENDED, "").done();
        assert!(started.contains(" started, pid "), "{started}");
        user.run("dt-cred stop", "").done();
    }
    user.break_service(1);
    user.run("dt-cred get", "");
    // Whoever installs it again begins anew.
    user.run("rm ~/broken", "").done();
    let told = install(&user);
    assert!(told.starts_with("started dt-cred.socket"), "{told}");
    user.run("dt-cred start", "").done();
    // Whoever takes it away leaves nothing of what failed.
    user.break_service(1);
    user.run("dt-cred get", "");
    user.run("dt-cred service uninstall", "").done();
    assert_eq!(user.run("systemctl --user list-units --all --no-legend 'dt-cred*'", "").stdout, "");
}

/// As often as systemd starts it within a few minutes, and a few times more.
const OFTEN: &str = "for n in $(seq 25); do";

#[test]
fn whoever_stops_the_daemon_often_finds_it_started_each_time() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    let stopped = format!("{OFTEN} dt-cred start && dt-cred stop || exit 1; done");
    user.run(&stopped, "").done();
    // Past dt-cred the limit holds, and the next command takes that back.
    let restarted =
        format!("dt-cred start; {OFTEN} systemctl --user restart dt-cred.service || exit 1; done");
    assert_ne!(user.run(&restarted, "").code, Some(0), "systemd has no limit");
    let told = user.run("dt-cred --no-start status --check", "");
    failed(&told, 3, &["started too often within a few minutes", "run `dt-cred start`"]);
    let started = user.run("dt-cred start", "").done();
    assert!(started.contains(" started, pid "), "{started}");
}

#[test]
fn a_wrong_configuration_that_was_asked_often_is_mended_once_it_is_mended() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    user.run("mkdir -p ~/.config/dt-cred && echo 'nonsense = 1' >~/.config/dt-cred/config.toml", "").done();
    // One at a time, each of which starts the daemon.
    let waits = "systemctl --user is-active --quiet dt-cred.service && exit 9";
    let asked = format!("{OFTEN} dt-cred get; [ $? -eq 7 ] || exit 1; {waits}; done; exit 0");
    let told = user.run(&asked, "");
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.lines().all(|line| line.contains("nonsense")), "{told:?}");
    user.run("rm ~/.config/dt-cred/config.toml", "").done();
    failed(&user.run("dt-cred get", ""), 5, &["nothing is stored"]);
}

#[test]
fn what_ends_in_order_before_it_is_ready_is_a_crash_loop_and_not_begun_anew() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    user.break_service(0);
    let words = ["gave up on dt-cred.service, which ended again and again", "journalctl", "reset-failed"];
    for command in ["get", "start", "get"] {
        failed(&user.run(&format!("dt-cred {command}"), ""), 3, &words);
    }
    let restarts = user.run("systemctl --user show -P NRestarts dt-cred.service", "").done();
    assert_eq!(restarts, "20\n", "each command began it anew");
}

#[test]
fn a_socket_that_was_stopped_often_is_started_by_the_next_command() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    install(&user);
    user.run(&format!("{OFTEN} systemctl --user stop dt-cred.socket && dt-cred start || exit 1; done"), "")
        .done();
}

#[test]
fn a_unit_whose_program_is_gone_is_told_and_written_anew_by_install() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    user.run(
        "mkdir ~/bin && cp /programs/dt-cred /programs/dt-credd ~/bin && ~/bin/dt-cred service install",
        "",
    )
    .done();
    user.run("dt-cred stop; rm -r ~/bin", "").done();
    let told = user.run("dt-cred get; dt-cred get", "");
    let last = told.stderr.lines().last().unwrap_or_default();
    assert!(
        last.contains("bin/dt-credd cannot be run") && last.contains("`dt-cred service install`"),
        "{told:?}"
    );
    install(&user);
    failed(&user.run("dt-cred get", ""), 5, &["nothing is stored"]);
}

#[test]
fn where_there_is_no_manager_install_says_how_to_have_one() {
    let Some(systemd) = Systemd::boot() else { return };
    let user = systemd.log_in();
    let elsewhere = user.run("mkdir -m 0700 ~/run; XDG_RUNTIME_DIR=$HOME/run dt-cred service install", "");
    failed(&elsewhere, 8, &["systemd runs no manager for you", "loginctl enable-linger", "XDG_RUNTIME_DIR"]);
    // As `su -` and cron leave it: what a login made is found without the variable.
    user.run(
        "env -u XDG_RUNTIME_DIR dt-cred service install && env -u XDG_RUNTIME_DIR dt-cred service uninstall",
        "",
    )
    .done();
    let client = "HOME=/root PATH=/programs:/usr/bin:/bin";
    let sudo = systemd.run(&format!("{client} SUDO_USER=ann dt-cred service install"), "");
    failed(&sudo, 8, &["under sudo the service would be that of the user it runs as", "try without sudo"]);
    let script = format!(
        "unshare --mount sh -c 'mount -t tmpfs none /run/systemd && {client} dt-cred service install'"
    );
    failed(
        &systemd.run(&script, ""),
        8,
        &["systemd does not run on this machine", "dt-cred starts the daemon by itself"],
    );
    // Nothing to install is nothing to take away.
    let script = format!("{client} dt-cred service uninstall && {client} dt-cred service status");
    assert!(systemd.run(&script, "").done().starts_with("nothing to change"));
    let named = user.run("DT_CRED_SOCKET=/run/user/x.sock dt-cred service install", "");
    failed(&named, 2, &["DT_CRED_SOCKET names another socket", "unset it"]);
    let other = user.run("mkdir ~/other; XDG_CONFIG_HOME=$HOME/other dt-cred service install", "");
    failed(&other, 8, &["systemd does not know", "other/systemd/user/dt-cred.socket", "XDG_CONFIG_HOME"]);
}

#[test]
fn under_sudo_with_the_home_of_another_nothing_is_written_there() {
    let Some(systemd) = Systemd::boot() else { return };
    let (ann, ben) = (systemd.log_in(), systemd.log_in());
    systemd
        .run(
            &format!("chmod 0777 {0} && mkdir {0}/.config && chown {1} {0}/.config", ann.home(), ann.uid()),
            "",
        )
        .done();
    let refused = ben.run(&format!("HOME={} dt-cred service install", ann.home()), "");
    failed(&refused, 8, &[&format!("belongs to uid {}", ann.uid())]);
    assert_eq!(systemd.run(&format!("find {}/.config", ann.home()), "").done().lines().count(), 1);
}
