//! What the daemon may do once it serves, asked of its own process: a debugger of root's has it make the calls.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::Command,
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, Running, on_path, require, root, run, seccomp},
    user::{Account, User},
};
use rustix::process::Pid;

/// No such permission, from whoever guards files; not permitted, from whoever guards calls (errno(3)).
const EACCES: i64 = 13;
const EPERM: i64 = 1;
/// No such call.
const ENOSYS: i64 = 38;

/// What each of these calls gives when the process makes it: a value, or minus the error.
pub(crate) fn made_by(pid: Pid, calls: &[String]) -> Vec<i64> {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-batch", "-p", &pid.as_raw_nonzero().to_string()]);
    for call in calls {
        let error = "-(long)*((int *(*)(void))__errno_location)()";
        let command =
            format!("set $result = {call}\nprintf \"result %ld\\n\", $result == -1 ? {error} : $result");
        for line in command.lines() {
            gdb.args(["-ex", line]);
        }
    }
    let said = run(gdb, "");
    let results: Vec<i64> =
        said.stdout.lines().filter_map(|line| line.strip_prefix("result ")?.parse().ok()).collect();
    assert_eq!(results.len(), calls.len(), "{}{}", said.stdout, said.stderr);
    results
}

pub(crate) fn open(path: &Path, flags: &str) -> String {
    format!("(long)((int (*)(const char *, int, int))open)({path:?}, {flags}, 0600)")
}

fn system_call(number: libc::c_long) -> String {
    format!("((long (*)(long, long, long, long, long))syscall)({number}, 0, 0, 0, 0)")
}

const READ: &str = "0";
const CREATE: &str = "0101";

/// A user whose daemon runs and holds credentials; none where the machine has no debugger, or this process no rights.
fn served() -> Option<(User, Sandbox)> {
    if !root("a debugger of a process that refuses its own user's") || !require("gdb", on_path(&["gdb"])) {
        return None;
    }
    let user = User::in_memory();
    user.home.configure(&format!(
        "[[profile.\"{}\".file]]\npath = {:?}\n",
        user.profile(),
        user.home.path().join("sink/token")
    ));
    let ssh = user.home.path().join(".ssh");
    fs::create_dir(&ssh).expect("a folder");
    fs::write(ssh.join("id_rsa"), "a key\n").expect("a file");
    let sandbox = Sandbox::http();
    user.log_in(&Account::at(&sandbox));
    Some((user, sandbox))
}

#[test]
fn the_daemon_can_read_and_write_what_it_needs_and_no_other_file() {
    let Some((user, _sandbox)) = served() else { return };
    let home = user.home.path();
    let state = user.home.state();
    let cases = [
        (home.join(".ssh/id_rsa"), READ, false),
        (home.join("new"), CREATE, false),
        (home.join(".bashrc"), CREATE, false),
        (home.join("bin"), CREATE, false),
        ("/tmp/dt-cred-never".into(), CREATE, false),
        ("/var/log/dpkg.log".into(), READ, false),
        ("/etc/hosts".into(), CREATE, false),
        ("/etc/hosts".into(), READ, true),
        ("/etc/ssl/certs/ca-certificates.crt".into(), READ, true),
        ("/dev/null".into(), "1", true),
        (user.home.configuration(), READ, true),
        (user.home.configuration(), "1", false),
        (state.join("state.toml"), READ, true),
        (state.join("new"), CREATE, true),
        (home.join("sink/new"), CREATE, true),
        (home.join("run/dt-cred/new"), CREATE, true),
        (home.join("run/new"), CREATE, false),
    ];
    let calls: Vec<_> = cases.iter().map(|(path, flags, _)| open(path, flags)).collect();
    let results = made_by(user.home.daemon_pid().expect("a daemon"), &calls);
    for ((path, flags, may), result) in cases.iter().zip(results) {
        assert_eq!(result >= 0, *may, "{path:?} with flags {flags}: {result}");
        assert!(*may || result == -EACCES, "{path:?} with flags {flags}: {result}");
    }
    assert!(!home.join("new").exists() && state.join("new").exists());
    // Nor can it open them to everybody, or make them another's.
    let key = home.join(".ssh/id_rsa");
    // By the name that every machine has for it, relative to AT_FDCWD.
    let by_number = |number: libc::c_long, one: i32, other: i32| {
        format!(
            "((long (*)(long, long, const char *, long, long))syscall)({number}, -100, {key:?}, {one}, {other})"
        )
    };
    let opened = [
        by_number(libc::SYS_fchmodat, 0o666, 0),
        by_number(libc::SYS_fchownat, 1, 1),
        format!("(long)((int (*)(const char *, int))chmod)({key:?}, 0666)"),
        format!("(long)((int (*)(const char *, int))chmod)({home:?}, 0777)"),
        format!("(long)((int (*)(const char *, int, int))chown)({key:?}, 1, 1)"),
        format!(
            "(long)((int (*)(const char *, char *, char *, long, int))setxattr)({key:?}, \"user.x\", \"y\", 1, 0)"
        ),
    ];
    let results = made_by(user.home.daemon_pid().expect("a daemon"), &opened);
    assert_eq!(results, [-EPERM; 6]);
    // And it serves on.
    user.token();
}

#[test]
fn the_daemon_can_run_no_program_and_make_no_call_that_only_an_attacker_would() {
    let Some((user, _sandbox)) = served() else { return };
    let calls = [
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_bpf,
        libc::SYS_kexec_load,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_io_uring_setup,
    ];
    let pid = user.home.daemon_pid().expect("a daemon");
    let results = made_by(pid, &calls.map(system_call));
    assert_eq!(results, calls.map(|_| -EPERM));
    let call = |number: libc::c_long, one: libc::c_int, other: libc::c_ulong| {
        format!("((long (*)(long, long, long, long, long))syscall)({number}, {one}, {other}, 0, 0)")
    };
    // Namespaces by the other way, execve by its other name on x86-64 (x32), and what types into a terminal.
    let others = [
        call(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0),
        call(libc::SYS_execve | 0x4000_0000, 0, 0),
        call(libc::SYS_ioctl, 0, libc::TIOCSTI),
        call(libc::SYS_clone3, 0, 0),
    ];
    assert_eq!(made_by(pid, &others), [-EPERM, -EPERM, -EPERM, -ENOSYS]);
    let run = "(long)((int (*)(const char *, char **, char **))execve)(\"/bin/true\", 0, 0)";
    assert_eq!(made_by(pid, &[run.to_owned()]), [-EPERM]);
    user.token();
}

/// Whether this kernel knows as much of Landlock, as the daemon tells; no package brings another kernel.
fn knows(version: u32, what: &str, user: &User) -> bool {
    let status = user.dt_cred(&["status", "--json"]).done();
    let (_, rest) = status.split_once("Landlock ").expect("it is told");
    let known: Option<u32> =
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok());
    let knows = known.expect("a number") >= version;
    if !knows {
        let line = format!("LEFT OUT: {what}, for which this kernel's Landlock is too old\n");
        let _ = io::stderr().write_all(line.as_bytes());
    }
    knows
}

#[test]
fn the_daemon_can_listen_to_no_network_and_signal_no_other_process() {
    let Some((user, _sandbox)) = served() else { return };
    let pid = user.home.daemon_pid().expect("a daemon");
    // Since Linux 6.7. AF_INET, SOCK_STREAM, then port 7777 of any address.
    if knows(4, "that the daemon listens to no network", &user) {
        let listener = [
            "(long)((int (*)(int, int, int))socket)(2, 1, 0)".to_owned(),
            r#"(long)((int (*)(int, void *, int))bind)($result, "\002\000\036\141\000\000\000\000\000\000\000\000\000\000\000", 16)"#
                .to_owned(),
        ];
        assert_eq!(made_by(pid, &listener)[1], -EACCES);
    }
    // Since Linux 6.12. The test's own process, and no signal at all: whether it may.
    if knows(6, "that the daemon signals no other process", &user) {
        let kill = |pid: String| format!("(long)((int (*)(int, int))kill)({pid}, 0)");
        let calls = [kill(std::process::id().to_string()), kill(pid.as_raw_nonzero().to_string())];
        assert_eq!(made_by(pid, &calls), [-EPERM, 0]);
    }
    user.token();
}

#[test]
fn every_thread_of_the_daemon_is_confined() {
    let Some((user, _sandbox)) = served() else { return };
    user.dt_cred(&["get", "--fresh"]).done();
    let pid = user.home.daemon_pid().expect("a daemon").as_raw_nonzero();
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).expect("threads") {
        let status = fs::read_to_string(thread.expect("a thread").path().join("status"));
        // One that has ended meanwhile has nothing to tell.
        let Ok(status) = status else { continue };
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
            assert!(status.contains(line), "{status}");
        }
        threads += 1;
    }
    assert!(threads > 0);
}

/// A daemon whose kernel does not know these calls.
fn without(home: &Home, calls: &[libc::c_long], errno: i32) -> Running {
    let mut daemon = home.command(home.daemon_program());
    seccomp::refuse(&mut daemon, calls, errno);
    let daemon = Running::start(daemon, "");
    daemon.stderr_line(|line| line.contains("listening"));
    daemon
}

#[test]
fn a_kernel_that_knows_none_of_it_is_told_and_the_daemon_serves() {
    let sandbox = Sandbox::http();
    for (calls, errno, told) in [
        (&[libc::SYS_landlock_create_ruleset][..], libc::ENOSYS, "files (this kernel has no Landlock)"),
        (&[libc::SYS_landlock_create_ruleset], libc::EOPNOTSUPP, "files (Landlock is off in this kernel)"),
        (&[libc::SYS_seccomp], libc::ENOSYS, "system calls ("),
    ] {
        let user = User::in_memory();
        let _daemon = without(&user.home, calls, errno);
        user.log_in(&Account::at(&sandbox));
        user.token();
        let status = user.dt_cred(&["status"]).done();
        assert!(status.contains(&format!("not defended: {told}")), "{status}");
    }
}

#[test]
fn what_a_keyring_command_would_inherit_is_not_given_up_and_that_is_told() {
    let user = User::in_memory();
    user.home.configure("[profile.work]\nkeyring = \"command\"\nkeyring_command = [\"/bin/true\"]\n");
    user.dt_cred(&["start"]).done();
    let status = user.dt_cred(&["status"]).done();
    let told = "not defended: privileges (a keyring_command runs, and would inherit it), files (";
    assert!(status.contains(told), "{status}");
    assert!(status.contains("defended: memory, core files, secret pages\n"), "{status}");
}
