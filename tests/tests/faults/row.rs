//! What must hold of each fault, whatever it is.

use std::{
    fs,
    time::{Duration, Instant},
};

use dt_cred_tests::{
    issuer::{Sandbox, Settings},
    parts::Output,
    user::{Account, User},
};
use rustix::process::Pid;

use crate::simulation::simulate;

/// How long a caller waits in these tests.
const DEADLINE: Duration = Duration::from_secs(1);

/// How much later than its deadline a caller may be answered.
const GRACE: Duration = Duration::from_millis(500);

/// How much more memory a daemon may hold, in kilobytes, because of a fault.
const GROWTH: u64 = 4 * 1024;

/// A fault, and what follows from it.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) tls: bool,
    pub(crate) set: Box<dyn Fn(&mut Settings) + Send + Sync>,
    /// Exit code and words of a `get` that has no token; none where the answer is a grant.
    pub(crate) failure: Option<(i32, String)>,
    pub(crate) again: Again,
}

/// When the issuer is asked again while callers wait.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Again {
    /// Not before the token's time.
    Granted,
    /// With backoff: after at most a minute.
    Backoff,
    /// Each minute.
    EachMinute,
    /// After so many seconds, and then with the issuer's next word.
    After(f64),
    /// Not until something changes.
    Never,
}

impl Row {
    pub(crate) fn failing(self, code: i32, words: &str, again: Again) -> Self {
        Self { failure: Some((code, words.to_owned())), again, ..self }
    }
}

/// Runs a row: with no token in hand, with one, for ten simulated minutes, and after the fault is over.
pub(crate) fn check(row: &Row) {
    let name = row.name.as_str();
    let sandbox = || if row.tls { Sandbox::https() } else { Sandbox::http() };
    // Apart: the daemons ask theirs whenever their time has come.
    let (sandbox, simulated) = (sandbox(), sandbox());
    let account = Account::at(&sandbox);
    let (cold, warm) = (User::in_memory(), User::in_memory());
    cold.store(&format!("{}no_check=true\n", account.lines())).done();
    // So that what is left of its token is less than the 3659 s that are asked for below.
    sandbox.set(|settings| settings.latency = 1100);
    warm.log_in(&account);
    sandbox.set(|settings| settings.latency = 0);
    let token = warm.token();
    let before = [peak(&cold), peak(&warm)];
    sandbox.set(|settings| (row.set)(settings));

    let (get, said) = without_a_token(row, &cold);
    if row.failure.is_some() {
        with_a_token(row, &warm, &token);
    }
    for (user, before) in [(&cold, before[0]), (&warm, before[1])] {
        let grown = peak(user).saturating_sub(before);
        assert!(grown <= GROWTH, "{name}: the daemon grew by {grown} kB");
    }
    let requests = simulate(row, &simulated, &Account::at(&simulated));
    println!("{name:<45} exit {:?}  {requests:>2} requests in 10 min  {said}", get.code.unwrap_or(-1));

    sandbox.set(|settings| *settings = Settings::default());
    for user in [&cold, &warm] {
        // What is only tried again much later, or when something changes, is healed by a login at once.
        if row.failure.is_some() && row.again != Again::Backoff {
            user.log_in(&account);
        }
        user.dt_cred(&["get", "--fresh"]).done();
        // And the API takes what is served.
        let ca = account.ca_file.as_ref().map_or(String::new(), |path| format!("--cacert {path}"));
        let curl = format!("h=$(dt-cred get) && curl -fsS {ca} -H \"$h\" {}", sandbox.assets_url());
        user.shell(&curl).done();
    }
}

/// What a plain `get` is answered.
fn without_a_token(row: &Row, user: &User) -> (Output, String) {
    let name = row.name.as_str();
    let get = timed(user, &["get"], name);
    match &row.failure {
        None => assert!(
            get.code == Some(0) && get.stdout.starts_with("Authorization: Bearer "),
            "{name}: {get:?}"
        ),
        Some((code, words)) => failed(&get, *code, words, name),
    }
    let said = get.stderr.trim_end().to_owned();
    (get, said)
}

/// The fault stands in the way of the next token, and the one in hand is served on.
fn with_a_token(row: &Row, user: &User, token: &str) {
    let name = row.name.as_str();
    let Some((code, words)) = &row.failure else { return };
    failed(&timed(user, &["get", "--fresh"], name), *code, words, name);
    for _ in 0..3 {
        let get = timed(user, &["get", "--format", "raw"], name);
        assert_eq!((get.code, get.stdout.trim_end()), (Some(0), token), "{name}: {}", get.stderr);
    }
    // Whoever must have more time than is left gets the reason, not a token.
    failed(&timed(user, &["get", "--min-ttl", "3659"], name), *code, words, name);
}

#[track_caller]
fn failed(get: &Output, code: i32, words: &str, name: &str) {
    assert_eq!((get.code, get.stdout.as_str()), (Some(code), ""), "{name}: {}", get.stderr);
    assert_eq!(get.stderr.lines().count(), 1, "{name}: {}", get.stderr);
    assert!(get.stderr.contains(words), "{name}: {words:?} is not in {}", get.stderr);
}

/// Runs `get`, which must have ended soon after its deadline.
fn timed(user: &User, arguments: &[&str], name: &str) -> Output {
    let start = Instant::now();
    let seconds = DEADLINE.as_secs().to_string();
    let get = user.dt_cred(&[arguments, &["--timeout", &seconds]].concat());
    let took = start.elapsed();
    assert!(took <= DEADLINE + GRACE, "{name}: {arguments:?} took {took:?}");
    get
}

/// The most memory that the user's daemon ever had, in kilobytes (`VmHWM` in proc_pid_status(5)).
fn peak(user: &User) -> u64 {
    let pid = user.home.daemon_pid().map_or(0, Pid::as_raw_pid);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.expect("a number of kB")
}
