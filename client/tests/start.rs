//! Starting the daemon: where it is found, what it inherits, what becomes of its word. The daemons here are shell scripts.
#![cfg(target_os = "linux")]

mod fake;

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use dt_cred_proto::message::Response;
use fake::{CLIENT, Outcome, Sandbox, accept, answer, beside_programs, link, script, token};
use tempfile::TempDir;

/// The client, with a daemon of our own making beside it and a runtime folder of its own.
struct Installed {
    programs: TempDir,
    runtime: Sandbox,
}

impl Installed {
    /// With this script for a daemon; none leaves it out.
    fn new(daemon: Option<&str>) -> Self {
        let installed = Self { programs: beside_programs(), runtime: Sandbox::new() };
        link(CLIENT, &installed.program("dt-cred"));
        if let Some(text) = daemon {
            script(&installed.program("dt-credd"), &format!("#!/bin/sh\n{text}\n"));
        }
        fs::create_dir(installed.runtime.path("dt-cred")).expect("a folder");
        installed
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.path().join(name)
    }

    /// A socket that is listened on, but not at its place: the script moves it there.
    fn listen(&self) -> UnixListener {
        UnixListener::bind(self.runtime.path("dt-cred/hidden.sock")).expect("a socket")
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program("dt-cred"));
        command
            .env_clear()
            .env("XDG_RUNTIME_DIR", self.runtime.path(""))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.client(arguments).output().expect("the client").into()
    }
}

/// Moves the socket to its place and says so.
const READY: &str = "cd \"$XDG_RUNTIME_DIR/dt-cred\" && mv hidden.sock agent.sock && echo ready";

fn serve(listener: UnixListener) {
    thread::spawn(move || answer(Response::Token(token()))(accept(&listener)));
}

#[test]
fn a_daemon_is_started_with_a_clean_environment_where_none_listens() {
    let installed = Installed::new(Some(&format!(
        "{{ pwd; echo \"$@\"; cat; env | sort; }} >\"$XDG_RUNTIME_DIR/seen\"\n{READY}"
    )));
    serve(installed.listen());
    let mut client = installed.client(&["get"]);
    client
        .env("HOME", "/home/a")
        .env("LANG", "C.UTF-8")
        .env("DT_CRED_LOG", "dt-credd=debug")
        .env("https_proxy", "http://p:1");
    client.env("LD_LIBRARY_PATH", "/evil").env("SSL_CERT_FILE", "/evil").env("DATATRAILS_CLIENT_SECRET", "x");
    client.env("PATH", "/evil:/usr/bin:/bin").env("LC_ALL", "C");
    fs::write(installed.runtime.path("input"), "the caller's input").expect("written");
    client.stdin(fs::File::open(installed.runtime.path("input")).expect("opened"));
    Outcome::from(client.output().expect("the client")).said("Authorization: Bearer aaa.bbb.ccc\n");
    let seen = fs::read_to_string(installed.runtime.path("seen")).expect("seen");
    let runtime = installed.runtime.path("");
    // PWD and _ are the shell's own.
    let lines: Vec<_> = seen
        .lines()
        .filter(|line| !["PWD=/", "_=", "SHLVL=", "OLDPWD"].iter().any(|own| line.starts_with(own)))
        .collect();
    let expected = [
        "/",
        "--background",
        "DT_CRED_LOG=dt-credd=debug",
        "HOME=/home/a",
        "LANG=C.UTF-8",
        "PATH=/usr/bin:/bin",
        &format!("XDG_RUNTIME_DIR={}", runtime.display()),
        "https_proxy=http://p:1",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_daemon_is_found_through_a_symbolic_link_to_the_client_and_never_by_path() {
    let installed = Installed::new(Some(READY));
    serve(installed.listen());
    let elsewhere = TempDir::new().expect("a folder");
    script(&elsewhere.path().join("dt-credd"), "#!/bin/sh\necho failed 8 the wrong one");
    let linked = elsewhere.path().join("dt-cred");
    std::os::unix::fs::symlink(installed.program("dt-cred"), &linked).expect("a link");
    let output = Command::new(linked)
        .env_clear()
        .env("PATH", elsewhere.path())
        .env("XDG_RUNTIME_DIR", installed.runtime.path(""))
        .arg("get")
        .output();
    Outcome::from(output.expect("the client")).said("Authorization: Bearer aaa.bbb.ccc\n");
}

#[test]
fn a_daemon_that_cannot_start_is_told_by_its_own_word() {
    let cases = [
        ("echo failed 7 config.toml is wrong: mend it", 7, "dt-cred: config.toml is wrong: mend it\n"),
        ("echo failed 3 the folder is open", 3, "the folder is open"),
        ("echo what", 3, "ended before it was ready"),
        ("exit 1", 3, "ended before it was ready"),
    ];
    for (daemon, code, words) in cases {
        Installed::new(Some(daemon)).run(&["get"]).failed(code, words);
    }
    Installed::new(None).run(&["get"]).failed(3, "install it there");
}

#[test]
fn a_daemon_that_says_nothing_is_waited_for_no_longer_than_the_time_out() {
    // Ended by the file, so that nothing of it outlives the test.
    let installed = Installed::new(Some("while [ -e \"$XDG_RUNTIME_DIR/wait\" ]; do sleep 0.05; done"));
    fs::write(installed.runtime.path("wait"), "").expect("written");
    installed.run(&["get", "--timeout", "0.3"]).failed(1, "was not ready within 0.3 s");
    fs::remove_file(installed.runtime.path("wait")).expect("removed");
}

#[test]
fn none_is_started_where_it_is_forbidden_or_another_socket_is_named() {
    let started = |prepare: &dyn Fn(&mut Command)| {
        let installed = Installed::new(Some("touch \"$XDG_RUNTIME_DIR/started\"; echo failed 8 started"));
        let mut client = installed.client(&[]);
        prepare(&mut client);
        Outcome::from(client.output().expect("the client")).failed(3, "no daemon listens on");
        assert!(!installed.runtime.path("started").exists());
    };
    started(&|client| _ = client.args(["get", "--no-start"]));
    started(&|client| _ = client.args(["--no-start", "get"]));
    started(&|client| _ = client.arg("get").env("DT_CRED_NO_START", "1"));
    started(&|client| _ = client.arg("get").env("DT_CRED_SOCKET", "/nonexistent/agent.sock"));
    started(&|client| _ = client.args(["status", "--check"]));
}

#[test]
fn a_program_that_others_can_write_is_not_started() {
    let installed = Installed::new(Some("echo failed 8 started"));
    for mode in [0o757, 0o777] {
        fs::set_permissions(installed.program("dt-credd"), fs::Permissions::from_mode(mode)).expect("opened");
        installed.run(&["get"]).failed(3, "can be written by others");
    }
}

#[test]
fn a_program_that_another_group_can_write_or_that_lies_in_an_open_folder_is_not_started() {
    use std::os::unix::fs::chown;
    let installed = Installed::new(Some("echo failed 8 started"));
    let (program, open) = (installed.program("dt-credd"), fs::Permissions::from_mode);
    if !rustix::process::geteuid().is_root() {
        // Past the test harness, which would keep it for itself.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"LEFT OUT, needs root: a program of another group\n",
        );
        return;
    }
    fs::set_permissions(&program, open(0o775)).expect("opened");
    installed.run(&["get"]).failed(8, "started");
    chown(&program, None, Some(54_321)).expect("given to a group");
    installed.run(&["get"]).failed(3, "can be written by others");
    fs::set_permissions(&program, open(0o755)).expect("closed");
    installed.run(&["get"]).failed(8, "started");
    let folder = program.parent().expect("a folder");
    fs::set_permissions(folder, open(0o777)).expect("opened");
    installed.run(&["get"]).failed(3, "can be written by others");
    fs::set_permissions(folder, open(0o1777)).expect("sticky: nobody else's file can be replaced");
    installed.run(&["get"]).failed(8, "started");
}

#[test]
fn nothing_is_started_for_credentials_that_are_not_there() {
    let installed = Installed::new(Some("echo failed 8 started"));
    installed.run(&["start", "--from-env"]).failed(2, "DATATRAILS_CLIENT_ID is not set");
    installed.run(&["start", "--from-stdin"]).failed(2, "client_secret");
    installed.run(&["store"]).failed(2, "client_secret");
}
