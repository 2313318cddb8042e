//! The session bus: found where the login has it, and told nothing where it is not the user's.

use std::{
    fs,
    io::ErrorKind,
    net::TcpListener,
    time::{Duration, Instant},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Bus, Running, bus::Place, on_path, require, root, run, until},
    user::{Account, User},
};

use super::desktop::{Desktop, is_exit_6, is_exit_6_for};

/// Debian's `nobody`: dbus-daemon runs only for a user with a name.
const STRANGER: u32 = 65_534;

#[test]
fn a_daemon_without_a_session_bus_in_its_environment_finds_that_of_the_login() {
    let sandbox = Sandbox::http();
    let Some(mut desktop) = Desktop::start() else { return };
    // A mount namespace with a /run of its own, in which the user is root (user_namespaces(7)).
    const APART: [&str; 3] = ["--user", "--map-root-user", "--mount"];
    let mut probe = std::process::Command::new("unshare");
    probe.args(APART).args(["sh", "-c", "mount -t tmpfs none /run"]);
    if !require("unshare with user namespaces", run(probe, "").code == Some(0)) {
        return;
    }
    let bus = desktop.service.bus().place().path("bus");
    let lines = Account::at(&sandbox).lines();
    desktop.user.home.unset("DBUS_SESSION_BUS_ADDRESS");
    let script = format!(
        "mount -t tmpfs none /run && mkdir -p /run/user/0 && touch /run/user/0/bus &&
        mount --bind '{}' /run/user/0/bus && dt-cred store && dt-cred stop && dt-cred get && dt-cred stop",
        bus.display()
    );
    let shell = desktop.user.shell_command(&script);
    let mut unshare = desktop.user.home.command("unshare");
    unshare.args(APART).arg(shell.get_program()).args(shell.get_args());
    unshare.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = run(unshare, &lines).done();
    assert!(told.contains("Secret Service") && told.contains("Authorization: Bearer "), "{told}");
    assert!(desktop.lookup().is_some());
}

#[test]
fn a_daemon_without_a_session_bus_in_its_environment_finds_that_of_its_runtime_folder() {
    let sandbox = Sandbox::http();
    let Some(mut desktop) = Desktop::start() else { return };
    desktop.user.home.unset("DBUS_SESSION_BUS_ADDRESS");
    let bus = desktop.service.bus().place().path("bus");
    // A second name of the same socket.
    fs::hard_link(bus, desktop.user.home.path().join("run/bus")).expect("a link");
    desktop.store(&Account::at(&sandbox).lines()).done();
    assert!(desktop.lookup().is_some());
}

#[test]
fn a_bus_of_another_user_is_told_nothing() {
    if !root("a bus of another user") || !require("util-linux", on_path(&["setpriv"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let place = Place::new(&[]);
    place.give_to(STRANGER);
    let strangers = |program: &str| {
        let mut command = place.command("setpriv");
        let uid = STRANGER.to_string();
        command.args(["--reuid", &uid, "--regid", &uid, "--clear-groups", program]);
        command
    };
    let (daemon, mut monitor, mut mark) =
        (strangers("dbus-daemon"), strangers("dbus-monitor"), strangers("dbus-send"));
    let Some(bus) = Bus::start_by(daemon, place) else { return };
    monitor.args(["--address", &bus.address()]);
    let monitor = Running::start(monitor, "");
    monitor.stdout_line(|line| line.contains("member=NameLost"));
    let mut user = User::new("secret-service");
    let account = Account::at(&sandbox);
    // By itself, and as an alternative to the user's own.
    let Some(own) = Bus::start(Place::new(&[])) else { return };
    for address in [bus.address(), format!("{};{}", own.address(), bus.address())] {
        user.home.set("DBUS_SESSION_BUS_ADDRESS", address);
        for arguments in [&["store"][..], &["unlock"], &["erase"], &["get"]] {
            let refused = user.home.dt_cred_with(arguments, account.lines());
            is_exit_6_for(&refused, &bus.address());
            assert!(refused.stderr.contains("uid 65534 listens there"), "{}", refused.stderr);
        }
        is_exit_6_for(&user.store(&account.lines()), "is not the user's");
        user.dt_cred(&["stop"]).done();
    }
    assert_eq!(sandbox.counts().tokens.total, 0, "it is refused before anything is proven");
    mark.arg(format!("--bus={}", bus.address()));
    mark.args(["--dest=org.freedesktop.DBus", "/", "org.example.TheEnd.Here"]);
    run(mark, "").done();
    // The bus keeps the order: when this is seen, all that came before it has been.
    monitor.stdout_line(|line| line.contains("org.example.TheEnd"));
    let seen = monitor.said();
    assert!(!seen.contains("freedesktop.secrets") && !seen.contains("Secret.Service"), "{seen}");
}

#[test]
fn a_bus_that_is_no_unix_socket_is_not_even_connected_to() {
    let sandbox = Sandbox::http();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a mode");
    let port = listener.local_addr().expect("an address").port();
    let mut user = User::new("secret-service");
    user.home.set("DBUS_SESSION_BUS_ADDRESS", format!("tcp:host=127.0.0.1,port={port}"));
    let refused = user.home.dt_cred_with(&["store"], Account::at(&sandbox).lines());
    is_exit_6_for(&refused, &format!("tcp:host=127.0.0.1,port={port} is not the user's"));
    assert!(matches!(listener.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock));
}

#[test]
fn a_bus_that_stands_still_holds_two_threads_at_most_and_the_daemon_ends_without_them() {
    let sandbox = Sandbox::http();
    let Some(desktop) = Desktop::start() else { return };
    desktop.store(&Account::at(&sandbox).lines()).done();
    desktop.stop_daemon();
    desktop.user.dt_cred(&["start"]).done();
    desktop.service.bus().stop();
    let start = Instant::now();
    let commands: &[&[&str]] = &[&["get"], &["get", "-p", "b"], &["get", "-p", "c"], &["unlock"], &["erase"]];
    let ask = |arguments: &&[&str]| {
        Running::start(desktop.user.home.client(&[*arguments, &["--timeout", "6"]].concat()), "")
    };
    let mut asked: Vec<_> = commands.iter().map(ask).collect();
    let mut most = 0;
    until("every client to be answered", || {
        most = most.max(desktop.threads());
        (!asked.iter_mut().any(Running::is_running)).then_some(())
    });
    assert_eq!(most, 2);
    for (asked, arguments) in asked.iter_mut().zip(commands) {
        assert_eq!(asked.wait().code(), Some(6), "{arguments:?}: {}", asked.said());
    }
    // Both are stuck, so nothing more is begun.
    is_exit_6_for(&desktop.user.dt_cred(&["unlock"]), "hangs");
    is_exit_6(&desktop.user.dt_cred(&["get"]));
    assert_eq!(desktop.threads(), 2);
    desktop.user.dt_cred(&["stop"]).done();
    desktop.user.home.until_no_daemon();
    assert!(start.elapsed() < Duration::from_secs(50), "{:?}", start.elapsed());
    desktop.service.bus().go_on();
    desktop.user.token();
}
