//! A forwarded socket and other users: whom it serves, and whom they trust.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Command,
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, Output, Running, Stranger, run, session::Session},
    search::Search,
    user::{Account, User},
};
use tempfile::TempDir;

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
}

/// A user and their home.
fn somebody() -> Option<(Stranger, Home)> {
    let (stranger, mut home) = (Stranger::new()?, Home::new());
    stranger.moves_into(&mut home);
    Some((stranger, home))
}

#[test]
fn a_user_who_is_allowed_is_served_and_one_who_is_not_is_refused_without_a_word_even_root() {
    let (Some((friend, friends)), Some((stranger, strangers))) = (somebody(), somebody()) else { return };
    let Some(shared) = Shared::with(&[friend]) else { return };
    assert_eq!(shared.get(&friends).done().trim_end(), shared.user.token());
    let refused = shared.get(&strangers);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
    assert!(refused.stderr.contains("without an answer"), "{refused:?}");
    let uid = stranger.uid();
    shared.running.stderr_line(|line| {
        line == format!("dt-cred: refused a client of uid {uid}: --allow-uid {uid} would let them in")
    });
    assert!(Session::open(&shared.socket).is_closed(), "root");
    // However often somebody comes: it was told.
    assert_eq!(shared.running.said().lines().count(), 2, "{}", shared.running.said());
    // And the owner is one of them.
    let mut own = shared.user.home.client(&["get"]);
    own.env("DT_CRED_SOCKET", &shared.socket).env_remove("DT_CRED_PROFILE");
    run(own, "").done();
    assert_eq!(shared.sandbox.counts().tokens.granted, 1);
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
