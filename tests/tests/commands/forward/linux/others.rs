//! A forwarded socket and other users: whom it serves, and whom they trust.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Command,
};

use dt_cred_proto::message::{FailureKind, Get, Operation, Response};
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{
        Home, Output, Running, Stranger, root, run,
        session::{Session, request},
        until,
    },
    search::Search,
    user::{Account, User},
};
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// How many are served at once, and how many of these places are kept for each of three users (`client/src/forward/room.rs`).
const PLACES: usize = 128;
const SHARE: usize = PLACES / 2 / 3;

/// Somebody who forwards to others, in a folder that everybody can reach.
struct Shared {
    user: User,
    sandbox: Sandbox,
    owner: Stranger,
    socket: PathBuf,
    running: Running,
    _ground: TempDir,
}

impl Shared {
    /// One who serves `others` as well; none where this process may not be another user.
    fn with(others: &[Stranger]) -> Option<Self> {
        let owner = Stranger::new()?;
        let mut user = User::in_memory();
        owner.moves_into(&mut user.home);
        let sandbox = Sandbox::http();
        user.log_in(&Account::at(&sandbox));
        let ground = tempfile::Builder::new().prefix("dtf-").tempdir_in("/tmp").expect("a folder");
        std::os::unix::fs::chown(ground.path(), Some(owner.uid()), None).expect("given away");
        fs::set_permissions(ground.path(), fs::Permissions::from_mode(0o755)).expect("opened");
        let socket = ground.path().join("box/agent.sock");
        let mut forward = user.home.client(&["forward", "--socket"]);
        forward.arg(&socket);
        for other in others {
            forward.args(["--allow-uid", &other.uid().to_string()]);
        }
        let running = Running::start(forward, "");
        running.stderr_line(|line| line.contains("serving profile"));
        Some(Self { user, sandbox, owner, socket, running, _ground: ground })
    }

    /// The client of this user, in a home of theirs.
    fn client(&self, home: &Home) -> Command {
        let mut client = home.client(&["get", "--format", "raw"]);
        client.env("DT_CRED_SOCKET", &self.socket).env("DT_CRED_SERVER_UID", self.owner.uid().to_string());
        client
    }

    fn get(&self, home: &Home) -> Output {
        run(self.client(home), "")
    }

    /// What somebody of this uid is told who is not served.
    fn refusal(&self, uid: u32) -> String {
        let owner = self.owner.uid();
        format!(
            "this forwarded socket is that of uid {owner}, who does not serve uid {uid}: have dt-cred forward begun with \
             --allow-uid {uid}"
        )
    }

    /// How many descriptors the forwarding process has.
    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.running.pid().as_raw_nonzero());
        fs::read_dir(folder).expect("it runs").count()
    }
}

/// What somebody is told, and that it is all.
#[track_caller]
fn told(session: &mut Session) -> (FailureKind, String) {
    let Response::Failed(failure) = session.answer() else { panic!("it is a failure") };
    assert!(session.is_closed(), "and then the end");
    (failure.kind, failure.message.to_string())
}

/// A user and their home.
fn somebody() -> Option<(Stranger, Home)> {
    let (stranger, mut home) = (Stranger::new()?, Home::new());
    stranger.moves_into(&mut home);
    Some((stranger, home))
}

#[test]
fn a_user_who_is_allowed_is_served_and_one_who_is_not_is_told_so_and_nothing_else_even_root() {
    let (Some((friend, friends)), Some((stranger, strangers))) = (somebody(), somebody()) else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    assert_eq!(shared.get(&friends).done().trim_end(), shared.user.token());
    let uid = stranger.uid();
    // Also where it has left before they ask.
    for _ in 0..10 {
        let refused = shared.get(&strangers);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
        assert_eq!(refused.stderr, format!("dt-cred: {}\n", shared.refusal(uid)));
    }
    shared.running.stderr_line(|line| {
        line == format!("dt-cred: refused a client of uid {uid}: --allow-uid {uid} would let them in")
    });
    let mut root = Session::open(&shared.socket);
    assert_eq!(told(&mut root), (FailureKind::Daemon, shared.refusal(0)));
    // However often somebody comes: it was told.
    assert_eq!(shared.running.said().lines().count(), 2, "{}", shared.running.said());
    // And the owner is one of them.
    let mut own = shared.user.home.client(&["get"]);
    own.env("DT_CRED_SOCKET", &shared.socket).env_remove("DT_CRED_PROFILE");
    run(own, "").done();
    assert_eq!(shared.sandbox.counts().tokens.granted, 1);
}

#[test]
fn whoever_is_refused_is_not_waited_for_and_holds_nothing_of_it() {
    let Some((friend, friends)) = somebody() else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    let before = shared.descriptors();
    let half = request(Operation::Get(Get::default()));
    // They send a part or nothing, and neither read nor leave.
    let mut refused: Vec<_> = (0..300)
        .map(|count| {
            let mut session = Session::open(&shared.socket);
            session.send(&half[..count % half.len()]);
            session
        })
        .collect();
    shared.get(&friends).done();
    until("nothing of them to be held", || (shared.descriptors() == before).then_some(()));
    for session in &mut refused {
        assert_eq!(told(session), (FailureKind::Daemon, shared.refusal(0)));
    }
}

#[test]
fn a_user_who_has_every_place_that_is_kept_for_nobody_is_told_so_and_shuts_out_no_other_one() {
    let (Some(flooder), Some((friend, friends))) = (Stranger::new(), somebody()) else { return };
    let Some(shared) = Shared::with(&[flooder, friend]) else { return };
    // Nobody has a token until the issuer answers.
    shared.user.dt_cred(&["reject"]).done();
    shared.sandbox.set(|settings| settings.hold = true);
    let mut looks = 0;
    let mut requests = || {
        looks += 1;
        let status = shared.user.dt_cred(&["status", "--json"]).done();
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        // A look is three of them.
        status["daemon"]["requests"].as_u64().expect("a number") - 3 * looks
    };
    let before = requests();
    let get = request(Operation::Get(Get::default()));
    let come = || {
        let mut session = flooder.acts(|| Session::open(&shared.socket));
        session.send(&get);
        session
    };
    let mut asking: Vec<_> = (0..PLACES - 2 * SHARE).map(|_| come()).collect();
    let all = before + asking.len() as u64;
    until("the daemon to be asked for all", || (requests() >= all).then_some(()));
    for _ in 0..10 {
        let (kind, message) = told(&mut come());
        assert_eq!(kind, FailureKind::TryLater);
        assert!(
            message.starts_with(&format!("too many answers are under way to uid {}", flooder.uid())),
            "{message}"
        );
    }
    // What is answered at once, as somebody who has a place is.
    for home in [&friends, &shared.user.home] {
        let mut client = shared.client(home);
        client.arg("--fresh").env_remove("DT_CRED_PROFILE");
        let refused = run(client, "");
        assert!(refused.code == Some(2) && refused.stderr.contains("--fresh is refused"), "{refused:?}");
    }
    shared.sandbox.set(|settings| settings.hold = false);
    assert!(asking.iter_mut().all(|session| matches!(session.answer(), Response::Token(_))));
    shared.get(&friends).done();
}

#[test]
fn no_other_user_can_keep_it_from_beginning_where_they_can_see_its_folder() {
    let Some((stranger, friends)) = somebody() else { return };
    let Some(mut shared) = Shared::with(&[stranger]) else { return };
    shared.running.kill();
    let folder = shared.socket.parent().expect("a folder");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("opened");
    // What one leaves that is killed as it begins.
    let left = folder.join("agent.sock.lock");
    let mut make = shared.owner.command("sh");
    make.args(["-c", "umask 077; : >\"$0\""]).arg(&left);
    run(make, "").done();
    let held = stranger.acts(|| {
        let opened = [folder, &shared.socket, &left].map(fs::File::open);
        opened
            .into_iter()
            .flatten()
            .inspect(|file| {
                flock(file, FlockOperation::NonBlockingLockExclusive).expect("theirs");
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(held.len(), 1, "the folder alone");
    let mut forward = shared.user.home.client(&["forward", "--allow-uid"]);
    forward.arg(stranger.uid().to_string()).arg("--socket").arg(&shared.socket);
    shared.running = Running::start(forward, "");
    shared.running.stderr_line(|line| line.contains("serving profile"));
    shared.get(&friends).done();
    assert!(!left.exists());
}

#[test]
fn where_one_uid_stands_for_every_user_without_a_number_whoever_allows_it_is_warned() {
    if !root("a user namespace") {
        return;
    }
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    let overflow = fs::read_to_string("/proc/sys/kernel/overflowuid").expect("a number");
    let said = |namespace: &[&str], uid: &str| {
        let (program, arguments) = namespace.split_first().expect("a program");
        let mut forward = user.home.command(program);
        forward.args(arguments).arg(user.home.client_program());
        forward.args(["forward", "--socket", "box/agent.sock", "--allow-uid", uid]);
        let mut running = Running::start(forward, "");
        running.stderr_line(|line| line.contains("serving profile"));
        running.kill();
        running.said()
    };
    let (inside, outside) = (&["unshare", "--user", "--map-root-user"][..], &["env"][..]);
    let warned = said(inside, overflow.trim());
    let words =
        format!("uid {} stands for every user who has no number in this user namespace", overflow.trim());
    assert!(warned.contains(&words) && warned.lines().count() == 2, "{warned}");
    // These tests may be run in such a namespace.
    let map = fs::read_to_string("/proc/self/uid_map").expect("numbers");
    let everybody = if map.split_whitespace().eq(["0", "0", "4294967295"]) { 1 } else { 2 };
    for (namespace, uid, lines) in
        [(inside, "4242", 1), (outside, "4242", 1), (outside, overflow.trim(), everybody)]
    {
        let said = said(namespace, uid);
        assert_eq!(said.lines().count(), lines, "{said}");
    }
}

#[test]
fn the_other_user_trusts_the_socket_of_the_uid_that_they_name_and_no_other() {
    let Some((friend, friends)) = somebody() else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    let line = shared.running.stderr_line(|_| true);
    assert!(
        line.ends_with(&format!("DT_CRED_SOCKET=PATH DT_CRED_SERVER_UID={} dt-cred get", shared.owner.uid())),
        "{line}"
    );
    for named in [None, Some("1")] {
        let mut client = shared.client(&friends);
        client.env_remove("DT_CRED_SERVER_UID");
        client.envs(named.map(|uid| ("DT_CRED_SERVER_UID", uid)));
        let output = run(client, "");
        assert_eq!((output.code, output.stdout.as_str()), (Some(3), ""), "{output:?}");
        assert!(
            output.stderr.contains(&format!("set DT_CRED_SERVER_UID={}", shared.owner.uid())),
            "{output:?}"
        );
    }
}

#[test]
fn the_socket_is_its_users_alone_unless_others_are_allowed() {
    let mode = |shared: &Shared| {
        let of = |path| fs::symlink_metadata(path).expect("it is there");
        let (folder, socket) =
            (of(shared.socket.parent().expect("a folder").to_owned()), of(shared.socket.clone()));
        assert!(socket.file_type().is_socket() && socket.uid() == shared.owner.uid());
        (folder.mode() & 0o7777, socket.mode() & 0o7777)
    };
    let Some(alone) = Shared::with(&[]) else { return };
    assert_eq!(mode(&alone), (0o700, 0o600));
    let Some(friend) = Stranger::new() else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    assert_eq!(mode(&shared), (0o711, 0o666));
}

#[test]
fn a_socket_that_is_mounted_alone_serves_the_user_of_a_user_namespace_of_their_own() {
    let Some((friend, friends)) = somebody() else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    // In a namespace where they are root, and where the owner has no number: they see the one that stands for all such.
    let (socket, home) = (shared.socket.display(), friends.path().display());
    let script = format!(
        "set -e; mkdir -p {home}/mounted; touch {home}/mounted/agent.sock; mount --bind {socket} {home}/mounted/agent.sock; \
         exec setpriv --reuid {uid} --regid {uid} --clear-groups unshare --user --map-root-user \"$@\"",
        uid = friend.uid()
    );
    let get = |server: &str| {
        let mut container = Command::new("unshare");
        container.args(["--mount", "sh", "-c", &script, "sh"]).arg(friends.client_program());
        container.args(["get", "--format", "raw"]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        container.env("HOME", friends.path()).env("DT_CRED_SERVER_UID", server);
        container.env("DT_CRED_SOCKET", friends.path().join("mounted/agent.sock"));
        run(container, "")
    };
    let overflow = fs::read_to_string("/proc/sys/kernel/overflowuid").expect("a number");
    assert_eq!(get(overflow.trim()).done().trim_end(), shared.user.token());
    let other = get("4242");
    assert!(
        other.code == Some(3) && other.stderr.contains(&format!("belongs to uid {}", overflow.trim())),
        "{other:?}"
    );
}

#[test]
fn the_forwarding_process_is_not_dumpable_and_holds_no_token_between_answers() {
    let Some((friend, friends)) = somebody() else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    for _ in 0..3 {
        shared.get(&friends).done();
    }
    let pid = shared.running.pid().as_raw_nonzero();
    // What proc(5) shows of a process that is not dumpable is root's.
    assert_eq!(fs::metadata(format!("/proc/{pid}/environ")).expect("it runs").uid(), 0);
    let mut dump = shared.owner.command("cat");
    dump.arg(format!("/proc/{pid}/environ"));
    assert!(run(dump, "").stderr.contains("Permission denied"));
    let search = Search::of(shared.sandbox.tokens());
    let found = heap(pid, &search);
    assert_eq!(found, Vec::<String>::new());
}

/// Where in the memory that a process can write to, stacks aside, something is found.
fn heap(pid: std::num::NonZeroI32, search: &Search) -> Vec<String> {
    use std::os::unix::fs::FileExt;
    let memory = fs::File::open(format!("/proc/{pid}/mem")).expect("root may read it");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("mappings");
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw-p ") && !line.ends_with("[stack]")) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
        let mut bytes = vec![0; usize::try_from(number(end) - number(start)).expect("a length")];
        if memory.read_exact_at(&mut bytes, number(start)).is_ok() {
            found.extend(search.all(&bytes).map(|(at, form)| format!("{line} {at}: {form}")));
        }
    }
    found
}
