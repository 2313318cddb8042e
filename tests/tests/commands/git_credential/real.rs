//! The git of this machine, against a server that wants a bearer token. One older than 2.46 shows that it gets none.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, on_path, require, run},
    user::User,
};

use super::user_of;

/// What the server has: one branch of a repository.
const REFS: &str = "1111111111111111111111111111111111111111\trefs/heads/main\n";

/// A repository by git's dumb protocol (gitprotocol-http(5)), for whoever bears any token; `/refuses` is for nobody.
struct Server {
    address: SocketAddr,
    /// The `Authorization` of each request, empty where there was none.
    asked: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        let thread = thread::spawn(move || {
            // A connection on which nothing is said ends it.
            while let Some((path, authorization)) =
                listener.accept().ok().and_then(|(stream, _)| answer(stream))
            {
                if path.starts_with('/') {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(authorization);
                }
            }
        });
        Self { address, asked, thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request; its path and its `Authorization`, or nothing where there was none.
fn answer(mut stream: TcpStream) -> Option<(String, String)> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let authorization = head.iter().find_map(|line| line.strip_prefix("Authorization: ")).unwrap_or_default();
    let (status, body) = if authorization.starts_with("Bearer ") && !path.starts_with("/refuses") {
        ("200 OK", REFS)
    } else {
        ("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"test\"", "")
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes());
    Some((path, authorization.to_owned()))
}

/// The helper by a link of the name that git looks for, and by the README's line.
const HELPERS: [&str; 2] = ["credential.helper=dt-cred", "credential.helper=!dt-cred git-credential"];

/// `git ls-remote` as a user has it who has named the helper.
fn ls_remote(user: &User, helper: &str, url: &str) -> Output {
    let links = user.home.path().join("links");
    fs::create_dir_all(&links).expect("a folder");
    for name in ["git-credential-dt-cred", "dt-cred"] {
        // The one that is there already is the same.
        let _ = symlink(user.home.client_program(), links.join(name));
    }
    let path = format!("{}:{}", links.display(), std::env::var("PATH").expect("a PATH"));
    let mut git = user.home.command("git");
    git.args(["-c", "credential.helper=", "-c", helper, "ls-remote", url]);
    git.env("PATH", path).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1");
    run(git, "")
}

/// Whether this git takes anything but a user and a password from a helper.
fn takes_bearer_tokens(user: &User) -> bool {
    let mut git = user.home.command("git");
    git.arg("--version");
    let said = run(git, "").done();
    let mut numbers = said.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let version: (u32, u32) = (numbers.next().expect("a version"), numbers.next().expect("two numbers"));
    version >= (2, 46)
}

#[test]
fn by_the_name_that_git_looks_for_the_program_is_the_helper() {
    let sandbox = Sandbox::http();
    let user = user_of(&sandbox, "https://app.datatrails.ai");
    let link = user.home.path().join("git-credential-dt-cred");
    symlink(user.home.client_program(), &link).expect("a link");
    let description = "capability[]=authtype\nprotocol=https\nhost=app.datatrails.ai\n\n";
    let expected = format!("credential={}", user.token());
    for arguments in [&["get"][..], &["-p", user.profile(), "get"], &["--no-start", "get"]] {
        let mut helper = user.home.command(&link);
        helper.args(arguments);
        let answer = run(helper, description).done();
        assert!(answer.lines().any(|line| line == expected), "{arguments:?}");
    }
}

#[test]
fn a_real_git_authenticates_with_the_token_and_has_it_rejected_after_a_401() {
    if !require("git", on_path(&["git"])) {
        return;
    }
    let (sandbox, server) = (Sandbox::http(), Server::start());
    let user = user_of(&sandbox, &server.url());
    for (times, helper) in (1..).zip(HELPERS) {
        let held = user.token();
        let listed = ls_remote(&user, helper, &format!("{}/repository.git", server.url()));
        if !takes_bearer_tokens(&user) {
            assert_ne!(listed.code, Some(0), "{listed:?}");
            assert!(server.asked().iter().all(String::is_empty), "an older git gets no token");
            continue;
        }
        assert_eq!((listed.code, listed.stdout.as_str()), (Some(0), REFS), "{}", listed.stderr);
        let asked = server.asked();
        assert_eq!(asked[..2], [String::new(), format!("Bearer {held}")]);
        assert_eq!(user.token(), held, "a success changes nothing");
        let refused = ls_remote(&user, helper, &format!("{}/refuses.git", server.url()));
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert_eq!(server.asked(), [String::new(), format!("Bearer {held}")]);
        assert_ne!(user.token(), held, "git erased it");
        assert_eq!(sandbox.counts().tokens.total, times + 1);
    }
}

#[test]
fn a_real_git_gets_nothing_for_another_origin() {
    if !require("git", on_path(&["git"])) {
        return;
    }
    let (sandbox, server) = (Sandbox::http(), Server::start());
    let user = user_of(&sandbox, "https://app.datatrails.ai");
    let held = user.token();
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "app.datatrails.ai@127.0.0.1"] {
        let listed = ls_remote(&user, HELPERS[0], &format!("http://{host}:{port}/repository.git"));
        assert_ne!(listed.code, Some(0), "{listed:?}");
        assert!(!listed.stderr.contains("dt-cred: "), "{}", listed.stderr);
        let asked = server.asked();
        assert!(!asked.is_empty() && asked.iter().all(String::is_empty), "{host}: {}", asked.len());
    }
    assert_eq!(user.token(), held);
}
