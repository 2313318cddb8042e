//! The process of a daemon, as it can be held on Linux: its end, its program, its user.
#![cfg(target_os = "linux")]

mod fake;

use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
};

use dt_cred_proto::{frame, message::Response};
use fake::{Sandbox, beside_programs, link};

/// What the roles below listen on.
const ROLE: &str = "DT_CRED_TEST_ROLE_SOCKET";

/// A daemon of another version, in a process of its own.
#[test]
#[ignore = "a role in other tests"]
fn role_of_another_version() {
    play(|| Response::Version { version: 2, release: "9.9.9".into() });
}

/// A daemon that promises to end and does not.
#[test]
#[ignore = "a role in other tests"]
fn role_that_does_not_end() {
    play(|| Response::Stopping { pid: std::process::id() });
}

fn play(response: impl Fn() -> Response) {
    let Some(path) = std::env::var_os(ROLE) else { return };
    let listener = UnixListener::bind(path).expect("a socket");
    rustix::io::write(rustix::stdio::stdout(), b"\nlistening\n").expect("told");
    for stream in listener.incoming() {
        let mut stream = stream.expect("a client");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&frame::encode(&response()).expect("a frame"));
    }
}

/// A process that is ended with the test, whatever becomes of it.
struct Role(std::process::Child);

impl Role {
    /// Starts `program`, this test under some name, in the role; returns once it listens.
    fn new(mut program: std::process::Command, role: &str, sandbox: &Sandbox) -> Self {
        program.args(["--ignored", "--exact", "--nocapture", role]);
        program.env(ROLE, sandbox.socket()).stdout(std::process::Stdio::piped());
        let mut child = program.spawn().expect("started");
        let mut output = child.stdout.take().expect("a pipe");
        let role = Self(child);
        let mut said = Vec::new();
        while !said.ends_with(b"\nlistening\n") {
            let mut byte = [0];
            output.read_exact(&mut byte).expect("it listens");
            said.extend(byte);
        }
        role
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("looked at").is_some()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn stop_ends_a_daemon_that_does_not_understand_it_but_nothing_else() {
    let own = std::env::current_exe().expect("a path");
    let sandbox = Sandbox::new();
    let mut other = Role::new(std::process::Command::new(&own), "role_of_another_version", &sandbox);
    sandbox.run(&["stop"]).failed(3, &format!("end it by its pid, {}", other.0.id()));
    assert!(!other.has_ended());

    let sandbox = Sandbox::new();
    let programs = beside_programs();
    let daemon = programs.path().join("dt-credd");
    link(&own, &daemon);
    let mut daemon = Role::new(std::process::Command::new(daemon), "role_of_another_version", &sandbox);
    sandbox.run(&["stop"]).said(&format!("stopped dt-credd, pid {}\n", daemon.0.id()));
    assert!(daemon.has_ended(), "it has when stop says so");
}

#[test]
fn stop_waits_until_the_process_has_ended() {
    let sandbox = Sandbox::new();
    let own = std::env::current_exe().expect("a path");
    let daemon = Role::new(std::process::Command::new(own), "role_that_does_not_end", &sandbox);
    let told = format!("dt-credd (pid {}) did not end within 0.3 s", daemon.0.id());
    sandbox.run(&["stop", "--timeout", "0.3"]).failed(1, &told);
}

#[test]
fn a_socket_of_another_user_gets_nothing() {
    if !rustix::process::geteuid().is_root() {
        // Past the test harness, which would keep it for itself.
        let _ = std::io::stderr().write_all(b"LEFT OUT, needs root: a socket of another user\n");
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    const OTHER: u32 = 65_534;
    let open = |path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("opened");
    };
    let sandbox = Sandbox::new();
    open(&sandbox.path(""));
    // The other user may not be able to reach this program where it lies.
    let program = sandbox.path("role");
    let copied = std::process::Command::new("/bin/cp")
        .arg(std::env::current_exe().expect("a path"))
        .arg(&program)
        .status();
    assert!(copied.expect("cp").success());
    open(&program);
    let mut other = std::process::Command::new("setpriv");
    other.args(["--reuid=65534", "--clear-groups"]).arg(&program).current_dir("/");
    let _other = Role::new(other, "role_of_another_version", &sandbox);
    sandbox.run(&["get"]).failed(3, "belongs to uid 65534, not to you (uid 0)");
    let asked = |uid: u32| {
        let output = sandbox.client(&["get"]).env("DT_CRED_SERVER_UID", uid.to_string()).output();
        fake::Outcome::from(output.expect("the client"))
    };
    asked(OTHER + 1).failed(3, "belongs to uid 65534");
    asked(OTHER).failed(3, "release 9.9.9");
}
