//! The main job on Windows: the built programs, the named pipe, the Credential Manager. `tests/cross wine` runs it
//! under wine, which has one user alone; the built binaries lie beside the tests.
#![cfg(windows)]

use std::{
    env,
    fs::{self, File},
    io::{Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use dt_cred_proto::{
    frame::{self, HEADER},
    message::{Get, Keyring, Operation, Request, Response},
    platform::Sid,
    profile::Profile,
};
use dt_cred_tests::issuer::{Client, Door, Sandbox};
use dt_credd::keyring::Keyrings;
use interprocess::{
    local_socket::{GenericFilePath, Listener, ListenerOptions, prelude::*},
    os::windows::{local_socket::ListenerOptionsExt, security_descriptor::SecurityDescriptor},
};
use tempfile::TempDir;

/// How long anything may take: an upper bound alone.
const BOUND: Duration = Duration::from_secs(120);

/// The default pipe is the user's, and there is one user: one test after another has it.
static PIPE: Mutex<()> = Mutex::new(());

/// A user's profile folder of a test's own, and the default pipe for as long as it lives.
struct User {
    folder: TempDir,
    profile: String,
    _pipe: MutexGuard<'static, ()>,
}

struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Output {
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    #[track_caller]
    fn failed(&self, code: i32, words: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(self.stderr.contains(words), "{words:?} is not in {}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
    }
}

fn program(name: &str) -> PathBuf {
    let this = env::current_exe().expect("a path");
    let folder = this.parent().and_then(|folder| folder.parent()).expect("cargo's folder");
    folder.join(format!("{name}.exe"))
}

impl User {
    fn new(name: &str) -> Self {
        let pipe = PIPE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, profile: format!("wine-{name}"), _pipe: pipe }
    }

    fn command(&self, program_name: &str) -> Command {
        let mut command = Command::new(program(program_name));
        command.env("LOCALAPPDATA", self.folder.path()).env("DT_CRED_PROFILE", &self.profile);
        command.env("DT_CRED_TIMEOUT", "60").env("DT_CRED_LOG", "trace").stdin(Stdio::null());
        command
    }

    /// Runs the client until nobody holds its output open any more.
    #[track_caller]
    fn run(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = self.command("dt-cred");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the client");
        let mut input = child.stdin.take().expect("piped");
        let _ = input.write_all(stdin.as_bytes());
        drop(input);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let output =
            receiver.recv_timeout(BOUND).expect("it ends, and lets its output go").expect("its output");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    fn dt_cred(&self, arguments: &[&str]) -> Output {
        self.run(arguments, "")
    }

    fn lines(&self, sandbox: &Sandbox, client: &Client) -> String {
        let ca = sandbox.ca_file().map_or(String::new(), |path| format!("ca_file={}\n", path.display()));
        let Client { client_id, client_secret, .. } = client;
        format!("url={}\nclient_id={client_id}\nclient_secret={client_secret}\n{ca}", sandbox.url())
    }

    #[track_caller]
    fn log_in(&self, sandbox: &Sandbox) -> Client {
        let client = sandbox.new_client();
        self.run(&["store"], &self.lines(sandbox, &client)).done();
        client
    }

    #[track_caller]
    fn token(&self) -> String {
        self.dt_cred(&["get", "--format", "raw"]).done().trim_end().to_owned()
    }

    /// The item in the Credential Manager.
    fn item(&self) -> Option<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let profile: Profile = self.profile.parse().expect("a name");
        let item = runtime.block_on(Keyrings::new().read(Keyring::CredentialManager, &profile));
        item.expect("the Credential Manager").map(|item| item.expose().to_owned())
    }

    /// A daemon in the foreground, once it listens.
    fn daemon(&self) -> Child {
        let child =
            self.command("dt-credd").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the daemon");
        let end = Instant::now() + BOUND;
        while self.dt_cred(&["status", "--json"]).done().contains("\"daemon\":null") {
            assert!(Instant::now() < end, "waited for the daemon to listen");
        }
        child
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // What a failed test left must not meet the next one.
        let _ = self.command("dt-cred").args(["erase"]).output();
        let _ = self.command("dt-cred").args(["stop"]).output();
    }
}

fn default_pipe() -> String {
    format!(r"\\.\pipe\dt-cred-{}", Sid::own().expect("a SID"))
}

/// Listens on a pipe, its owner and rights as the SDDL says.
fn squat(pipe: &str, sddl: Option<&str>) -> std::io::Result<Listener> {
    let name = pipe.to_fs_name::<GenericFilePath>()?;
    let mut options = ListenerOptions::new().name(name);
    if let Some(sddl) = sddl {
        let wide: Vec<u16> = sddl.encode_utf16().chain([0]).collect();
        let wide = widestring::U16CStr::from_slice(&wide).expect("ends with a NUL");
        options = options.security_descriptor(SecurityDescriptor::deserialize(wide)?);
    }
    options.create_sync()
}

#[test]
fn a_thousand_cold_gets_of_fifty_shells_cost_one_request() {
    for sandbox in [Sandbox::http(), Sandbox::https()] {
        let user = User::new("storm");
        user.log_in(&sandbox);
        user.dt_cred(&["stop"]).done();
        let before = sandbox.counts().tokens.total;
        let answers: Vec<String> = thread::scope(|scope| {
            let shells: Vec<_> = (0..50)
                .map(|_| scope.spawn(|| (0..20).map(|_| user.dt_cred(&["get"]).done()).collect::<Vec<_>>()))
                .collect();
            shells.into_iter().flat_map(|shell| shell.join().expect("a shell")).collect()
        });
        let expected = format!("Authorization: Bearer {}\n", user.token());
        assert_eq!(answers.len(), 1000);
        assert!(answers.iter().all(|answer| *answer == expected));
        assert_eq!(sandbox.counts().tokens.total - before, 1, "requests at the issuer");
    }
}

#[test]
fn a_killed_daemon_is_started_by_the_next_get_and_needs_no_login() {
    let sandbox = Sandbox::https();
    let user = User::new("restart");
    let mut daemon = user.daemon();
    user.log_in(&sandbox);
    let first = user.token();
    daemon.kill().expect("killed");
    daemon.wait().expect("gone");
    assert_ne!(user.token(), first);
    assert_eq!(sandbox.counts().tokens.granted, 2);
}

#[test]
fn store_keeps_the_contracts_json_in_the_credential_manager_and_erase_removes_it() {
    let sandbox = Sandbox::http();
    let user = User::new("item");
    assert_eq!(user.item(), None);
    let client = user.log_in(&sandbox);
    let item: serde_json::Value = serde_json::from_str(&user.item().expect("an item")).expect("JSON");
    assert_eq!((&item["v"], &item["client_secret"]), (&1.into(), &client.client_secret.into()));
    assert_eq!(user.dt_cred(&["erase"]).done(), format!("erased profile {}\n", user.profile));
    assert_eq!(user.item(), None);
    for _ in 0..2 {
        user.dt_cred(&["get"]).failed(5, "dt-cred login");
        user.dt_cred(&["stop"]).done();
    }
}

#[test]
fn a_wrong_secret_is_refused_with_the_issuers_reason_and_nothing_is_kept() {
    let sandbox = Sandbox::http();
    let user = User::new("wrong");
    let client = Client { client_secret: "wrong".to_owned(), ..sandbox.new_client() };
    user.run(&["store"], &user.lines(&sandbox, &client)).failed(4, "invalid_client");
    assert_eq!(user.item(), None);
}

#[test]
fn without_the_issuer_get_fails_in_time_and_a_token_in_hand_is_served() {
    let sandbox = Sandbox::http();
    let user = User::new("outage");
    user.log_in(&sandbox);
    let token = user.token();
    sandbox.set(|settings| settings.door = Door::Closed);
    assert_eq!(user.token(), token);
    user.dt_cred(&["get", "--fresh", "--timeout", "1"]).failed(1, "no connection to 127.0.0.1");
    sandbox.set(|settings| settings.door = Door::Mute);
    let start = Instant::now();
    // The reason of the attempt before, or that there is no answer to the next one.
    user.dt_cred(&["get", "--fresh", "--timeout", "1"]).failed(1, "");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(user.token(), token);
}

#[test]
fn hostile_frames_harm_nobody() {
    let user = User::new("frames");
    let mut daemon = user.daemon();
    let status =
        frame::encode(&Request { deadline_ms: 60_000, operation: Operation::Status }).expect("a frame");
    let connect = || loop {
        match File::options().read(true).write(true).open(default_pipe()) {
            // All of its instances are taken at this moment (ERROR_PIPE_BUSY).
            Err(error) if error.raw_os_error() == Some(231) => thread::yield_now(),
            opened => break opened.expect("it listens"),
        }
    };
    let answer = |pipe: &mut File| -> Response {
        let mut header = [0; HEADER];
        pipe.read_exact(&mut header).expect("a header");
        let mut body = vec![0; frame::body_length::<Response>(header).expect("a length")];
        pipe.read_exact(&mut body).expect("a body");
        frame::decode(&body).expect("an answer")
    };
    for bytes in
        [&[1, 0xff, 0xff, 0xff, 0xff][..], &[1, 1, 0, 1, 0], &[1, 0, 0, 0, 0], &[1, 2, 0, 0, 0, 0xfb, 0xff]]
    {
        let mut pipe = connect();
        pipe.write_all(bytes).expect("written");
        assert!(matches!(answer(&mut pipe), Response::Failed(_)), "{bytes:?}");
        assert!(matches!(pipe.read(&mut [0]), Ok(0) | Err(_)), "{bytes:?}: it is closed");
    }
    let mut pipe = connect();
    pipe.write_all(&[2]).expect("written");
    assert!(matches!(answer(&mut pipe), Response::Version { version: 1, .. }));
    connect().write_all(&status[..3]).expect("written, and left");
    let mut pipe = connect();
    for _ in 0..3 {
        pipe.write_all(&status).expect("written");
        assert!(matches!(answer(&mut pipe), Response::Status(_)));
    }
    let get = Get { profile: "nobody".parse().ok(), ..Get::default() };
    let get =
        frame::encode(&Request { deadline_ms: 60_000, operation: Operation::Get(get) }).expect("a frame");
    pipe.write_all(&[&get[..], &status[..]].concat()).expect("written");
    assert!(matches!(answer(&mut pipe), Response::Failed(_)), "in order");
    assert!(matches!(answer(&mut pipe), Response::Status(_)), "in order");
    assert!(daemon.try_wait().expect("a child").is_none());
    user.dt_cred(&["stop"]).done();
    assert!(daemon.wait().expect("it ends").success());
}

#[test]
fn a_pipe_name_that_is_taken_already_is_not_shared() {
    let user = User::new("squatted");
    let squatter = squat(&default_pipe(), None).expect("nobody listens");
    let mut daemon = user.command("dt-credd").stderr(Stdio::piped()).spawn().expect("the daemon");
    assert_eq!(daemon.wait().expect("it ends").code(), Some(3));
    let mut said = String::new();
    daemon.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(said.contains("already listening"), "{said}");
    drop(squatter);
    user.dt_cred(&["start"]).done();
}

#[test]
fn a_pipe_of_another_owner_gets_nothing() {
    let user = User::new("stranger");
    // Everybody may connect to it, and it belongs to the guests.
    let stranger = match squat(&default_pipe(), Some("O:S-1-5-32-546D:P(A;;GA;;;WD)")) {
        // ERROR_INVALID_OWNER: on Windows nobody gives away what they make, who may not restore files.
        Err(error) if error.raw_os_error() == Some(1307) => {
            let _ = std::io::stderr()
                .write_all(b"LEFT OUT: a pipe of another owner, which needs SeRestorePrivilege\n");
            return;
        }
        squatted => squatted.expect("nobody listens"),
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in stranger.incoming() {
            let Ok(mut stream) = stream else { break };
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            if sender.send(bytes).is_err() {
                break;
            }
        }
    });
    for arguments in [&["get"][..], &["store"], &["status"], &["erase"]] {
        user.run(arguments, "client_id=a\nclient_secret=b\n").failed(3, "belongs to S-1-5-32-546");
        assert_eq!(receiver.recv_timeout(BOUND), Ok(Vec::new()), "{arguments:?}: not a byte");
    }
}

#[test]
fn a_daemon_that_says_nothing_is_given_up_at_the_deadline() {
    let user = User::new("mute");
    let own = Sid::own().expect("a SID");
    let mute = squat(&default_pipe(), Some(&format!("O:{own}D:P(A;;GA;;;{own})"))).expect("nobody listens");
    let kept = thread::spawn(move || mute.accept());
    let start = Instant::now();
    user.dt_cred(&["get", "--timeout", "1"]).failed(1, "did not answer within 1 s");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    drop(kept.join());
}

#[test]
fn only_a_pipe_of_this_machine_is_taken_and_no_daemon_is_started_for_a_named_one() {
    let user = User::new("named");
    for name in [r"\\server\pipe\x", r"C:\x", "x", r"\\.\pipe\"] {
        let output =
            user.command("dt-cred").args(["get"]).env("DT_CRED_SOCKET", name).output().expect("the client");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name}");
    }
    let named =
        user.command("dt-cred").args(["get"]).env("DT_CRED_SOCKET", r"\\.\pipe\dt-cred-nobody").output();
    assert_eq!(named.expect("the client").status.code(), Some(3));
}

#[test]
fn powershell_is_the_shell_where_none_is_named() {
    let sandbox = Sandbox::http();
    let user = User::new("env");
    user.log_in(&sandbox);
    let token = user.token();
    let expected =
        format!("$env:DATATRAILS_AUTHTOKEN = '{token}'\n$env:DATATRAILS_URL = '{}'\n", sandbox.url());
    assert_eq!(user.dt_cred(&["get", "--format", "env"]).done(), expected);
    let cmd = user.dt_cred(&["get", "--format", "env", "--shell", "cmd"]).done();
    assert!(cmd.starts_with("set \"DATATRAILS_AUTHTOKEN="), "{cmd}");
}

#[test]
fn no_secret_and_no_token_is_in_any_file_that_is_written() {
    let sandbox = Sandbox::http();
    let user = User::new("leaks");
    let client = user.log_in(&sandbox);
    let token = user.token();
    user.dt_cred(&["stop"]).done();
    let folder = user.folder.path().join("dt-cred");
    let names: Vec<_> = fs::read_dir(&folder)
        .expect("the state folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(names.iter().any(|name| name.ends_with("dt-credd.log")), "{names:?}");
    for name in names {
        let text = String::from_utf8_lossy(&fs::read(&name).expect("readable")).into_owned();
        assert!(!text.contains(&client.client_secret) && !text.contains(&token), "{name:?}");
    }
}

#[test]
fn a_daemon_that_the_client_starts_inherits_no_handle_of_whoever_started_the_client() {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
    let user = User::new("handles");
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    #[expect(unsafe_code, reason = "a handle's inheritance has no safe wrapper")]
    // SAFETY: the handle is open for as long as the writer lives.
    let inheritable =
        unsafe { SetHandleInformation(writer.as_raw_handle(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    assert_ne!(inheritable, 0);
    user.dt_cred(&["start"]).done();
    drop(writer);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(reader.read_to_end(&mut Vec::new())));
    assert!(matches!(ended.recv_timeout(BOUND), Ok(Ok(0))), "its end is seen while the daemon runs");
    assert!(!user.dt_cred(&["status", "--json"]).done().contains("\"daemon\":null"));
}

#[test]
fn store_takes_lines_as_the_systems_pipes_end_them() {
    let sandbox = Sandbox::http();
    let user = User::new("crlf");
    let lines = user.lines(&sandbox, &sandbox.new_client()).replace('\n', "\r\n");
    user.run(&["store"], &format!("\u{feff}{lines}")).done();
    user.token();
    user.run(&["store"], "client_id=a\rb\r\nclient_secret=c\r\n").failed(2, "holds a control character");
}

#[test]
fn erasing_every_profile_finds_what_another_program_kept() {
    let sandbox = Sandbox::http();
    let user = User::new("all");
    user.log_in(&sandbox);
    user.run(&["store", "-p", "wine-all.second"], &user.lines(&sandbox, &sandbox.new_client())).done();
    user.dt_cred(&["stop"]).done();
    fs::remove_file(user.folder.path().join("dt-cred").join("state.toml")).expect("a state file");
    let erased = user.dt_cred(&["erase", "--all"]).done();
    assert!(erased.contains("wine-all\n") && erased.contains("wine-all.second\n"), "{erased}");
    assert_eq!(user.item(), None);
}
