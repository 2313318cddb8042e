//! What lies in the live daemon's memory, read as root reads it (/proc/PID/mem in proc(5)).

use std::{fmt::Write as _, fs, os::unix::fs::FileExt, thread};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, root, run, until},
    search::Search,
    user::{Account, User},
};
use rustix::process::Pid;

/// Nothing that is its own form in any encoding.
const SECRET: &str = "a&b+c%20d=\"e\" €🔑 q7Zp-0kXv_3LwT~9dYm.5sRb";

/// So much behind a guard at most is a stack's guard; more is what malloc(3) keeps in reserve.
const GUARD: u64 = 64 * 1024;

/// A mapping that a secret could be in.
struct Region {
    start: u64,
    end: u64,
    name: String,
    is_stack: bool,
    /// Neither swapped out nor dumped: `lo` and `dd` of VmFlags in proc(5).
    is_kept: bool,
}

/// Every mapping of the process that it can write to.
fn regions(pid: Pid) -> Vec<Region> {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let pointers = stack_pointers(&folder);
    let maps = fs::read_to_string(format!("{folder}/smaps")).expect("mappings");
    let (mut regions, mut guard_end, mut is_writable) = (Vec::<Region>::new(), 0, false);
    for line in maps.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| is_writable) {
            let has = |wanted| flags.split_whitespace().any(|flag| flag == wanted);
            regions.last_mut().expect("the mapping whose flags these are").is_kept = has("lo") && has("dd");
        }
        let Some((start, end)) = words[0].split_once('-') else { continue };
        let number = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
        let (start, end) = (number(start), number(end));
        is_writable = words[1].contains('w');
        if words[1].starts_with("---") {
            guard_end = if end - start <= GUARD { end } else { 0 };
            continue;
        }
        let name = words.get(5).copied().unwrap_or("anonymous").to_owned();
        let holds = pointers.iter().any(|pointer| (start..end).contains(pointer));
        // That of a thread which has ended is kept for the next one.
        let is_stack = name == "[stack]" || holds || guard_end == start;
        if is_writable {
            regions.push(Region { start, end, name, is_stack, is_kept: false });
        }
    }
    assert!(regions.iter().any(|region| region.is_stack) && regions.len() > 5, "{maps}");
    regions
}

/// Where the threads' stacks are at.
fn stack_pointers(process: &str) -> Vec<u64> {
    let threads = fs::read_dir(format!("{process}/task")).expect("threads");
    let pointer = |syscall: String| {
        let word = syscall.split_whitespace().rev().nth(1)?.strip_prefix("0x")?.to_owned();
        u64::from_str_radix(&word, 16).ok()
    };
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("syscall")).ok().and_then(pointer))
        .collect()
}

/// Where in the process something is found.
#[derive(Default)]
struct Found {
    /// In pages that are neither swapped out nor dumped.
    kept: Vec<String>,
    stacks: Vec<String>,
    elsewhere: Vec<String>,
}

fn found(pid: Pid, search: &Search) -> Found {
    let memory = fs::File::open(format!("/proc/{}/mem", pid.as_raw_nonzero())).expect("root may read it");
    let mut found = Found::default();
    for region in regions(pid) {
        let mut bytes = vec![0; usize::try_from(region.end - region.start).expect("a length")];
        // What the kernel does not give out cannot be read by anybody.
        if memory.read_exact_at(&mut bytes, region.start).is_err() {
            continue;
        }
        for (at, form) in search.all(&bytes) {
            let address = region.start + u64::try_from(at).expect("an address");
            let place = format!("{} {address:#x}: {form}", region.name);
            match &region {
                Region { is_kept: true, .. } => found.kept.push(place),
                Region { is_stack: true, .. } => found.stacks.push(place),
                _ => found.elsewhere.push(place),
            }
        }
    }
    found
}

/// Everything that brings secrets and tokens into the daemon's memory, then `erase`.
fn lived(user: &User, sandbox: &Sandbox) -> Search {
    let account = Account::with_secret(sandbox, SECRET);
    user.log_in(&account);
    for format in ["header", "raw", "json", "env"] {
        user.dt_cred(&["get", "--format", format]).done();
    }
    user.dt_cred(&["get", "--fresh"]).done();
    user.dt_cred(&["reject"]).done();
    user.log_in_with(&format!("{}auth=basic\nscope=a\n", account.lines()));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| user.token());
        }
    });
    user.dt_cred(&["get", "--fresh"]).done();
    let tokens = sandbox.tokens();
    assert!(tokens.len() >= 4, "{}", tokens.len());
    Search::of(tokens.into_iter().chain([SECRET.to_owned()]))
}

#[test]
fn secrets_lie_in_locked_pages_alone_and_after_erase_nowhere_in_the_daemons_memory_wherever_they_are_kept() {
    if !root("another process's memory") {
        return;
    }
    forgotten("memory", &User::in_memory());
    if let Some(user) = User::in_keyring() {
        forgotten("keyring", &user);
    }
    if let Some((_service, user)) = super::desktop::user() {
        forgotten("Secret Service", &user);
    }
}

fn forgotten(kept: &str, user: &User) {
    let sandbox = Sandbox::https();
    let folder = user.home.path().join("sink");
    user.home.configure(&format!(
        "[[profile.\"{}\".file]]\npath = {:?}\n",
        user.profile(),
        folder.join("token")
    ));
    let search = lived(user, &sandbox);
    let pid = user.home.daemon_pid().expect("a daemon");
    let mut last = Found::default();
    until(&format!("what is held to lie in its own pages alone ({kept})"), || {
        last = found(pid, &search);
        last.elsewhere.is_empty().then_some(())
    });
    assert!(last.kept.len() > 40, "{kept}: a token is held, and not {} pieces", last.kept.len());
    user.dt_cred(&["erase"]).done();
    // What ran in threads beside it has been given back when they have ended.
    until(&format!("nothing to be left ({kept})"), || {
        last = found(pid, &search);
        (last.elsewhere.is_empty() && last.kept.is_empty()).then_some(())
    });
    let mut said = String::new();
    for place in &last.stacks {
        writeln!(said, "  {place}").expect("a String takes it");
    }
    eprintln!("{kept}: {} pieces on stacks\n{said}", last.stacks.len());
}

#[test]
fn a_token_that_a_program_was_lent_is_forgotten_once_there_is_another() {
    if !root("another process's memory") {
        return;
    }
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    user.dt_cred(&["exec", "--file", "true"]).done();
    until("the file to be given back", || {
        (!user.dt_cred(&["status"]).done().contains("(raw)")).then_some(())
    });
    // All before the signature is alike in the next one.
    let signature = sandbox.tokens().remove(0).rsplit('.').next().expect("it has one").to_owned();
    let search = Search::of([signature]);
    user.dt_cred(&["reject"]).done();
    user.dt_cred(&["get"]).done();
    let pid = user.home.daemon_pid().expect("a daemon");
    let mut last = Found::default();
    until("nothing to be left", || {
        last = found(pid, &search);
        (last.elsewhere.is_empty() && last.kept.is_empty()).then_some(())
    });
}

#[test]
fn a_client_that_waits_holds_the_secret_in_locked_pages_alone() {
    if !root("another process's memory") {
        return;
    }
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    let account = Account::with_secret(&sandbox, SECRET);
    let search = Search::of([SECRET.to_owned()]);
    sandbox.set(|settings| settings.hold = true);
    let lines = format!("{}keyring=memory\n\n", account.lines());
    let store = Running::start(user.home.client(&["store"]), lines);
    sandbox.wait_until("the issuer to be asked", |counts| counts.tokens.total == 1);
    let held = found(store.pid(), &search);
    assert!(held.elsewhere.is_empty(), "{:?}", held.elsewhere);
    assert!(held.kept.len() > 10, "{:?}", held.kept);
}

#[test]
fn what_forwards_a_token_holds_none_once_it_has_answered() {
    if !root("another process's memory") {
        return;
    }
    let (sandbox, user) = (Sandbox::http(), User::in_memory());
    user.log_in(&Account::at(&sandbox));
    let socket = user.home.path().join("box/agent.sock");
    let mut forward = user.home.client(&["forward", "--socket"]);
    forward.arg(&socket);
    let forward = Running::start(forward, "");
    forward.stderr_line(|line| line.contains(&*socket.to_string_lossy()));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut client = user.home.client(&["get"]);
                client.env("DT_CRED_SOCKET", &socket).env_remove("DT_CRED_PROFILE");
                run(client, "").done();
            });
        }
    });
    let search = Search::of(sandbox.tokens());
    let mut last = Found::default();
    until("nothing to be left", || {
        last = found(forward.pid(), &search);
        (last.elsewhere.is_empty() && last.kept.is_empty()).then_some(())
    });
}
