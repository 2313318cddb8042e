//! A real systemd: this very machine's files, booted in a container, with nothing written to any of them.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Output, Running, binaries, on_path, require, root, run, until};

mod user;

pub use user::SystemdUser;

/// A booted systemd. Everything in it is killed on drop, and nothing of it is left.
pub struct Systemd {
    /// Process 1 of the container, by its number here.
    init: Pid,
    container: Running,
    groups: Vec<PathBuf>,
    _folder: TempDir,
}

/// Mounts an overlay over the machine's files, in a mount namespace of its own, and boots it to nothing: none of the
/// machine's own units is started. The network is the machine's, so that loopback is the tests'. What a daemon defends itself
/// by is let through, which a container is kept from. Its control groups are its own and no other machine's, and go with it.
const BOOT: &str = r#"
    set -e
    cd "$1"
    mkdir lower memory root
    mount -t tmpfs tmpfs memory
    mkdir memory/upper memory/work
    mount --bind / lower
    mount -t overlay overlay -o lowerdir=lower,upperdir=memory/upper,workdir=memory/work root
    printf '[Unit]\nDefaultDependencies=no\n' >root/etc/systemd/system/nothing.target
    programs=$2
    shift 2
    for group; do
        mkdir "$group"
        echo $$ >"$group/cgroup.procs"
    done
    exec systemd-nspawn --quiet --directory=root --register=no --keep-unit --console=pipe --link-journal=no \
        --system-call-filter='@keyring @memlock landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
        --bind-ro="$programs":/programs --boot systemd.unit=nothing.target
"#;

impl Systemd {
    /// Boots one; none where the machine has no systemd, or this process may make no container.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn boot() -> Option<Self> {
        let what = "a real systemd in a container";
        if !root(what) || !require("systemd-nspawn", on_path(&["systemd-nspawn", "nsenter", "unshare"])) {
            return None;
        }
        let folder = tempfile::Builder::new().prefix("dts-").tempdir_in("/tmp").expect("a temporary folder");
        if !may_mount(folder.path()) {
            let line = format!("LEFT OUT: a test that needs {what}: nothing may be mounted here\n");
            let _ = io::stderr().write_all(line.as_bytes());
            return None;
        }
        let mut unshare = Command::new("unshare");
        let programs = binaries::daemon();
        unshare.args(["--mount", "sh", "-c", BOOT, "sh"]).arg(folder.path()).args(programs.parent());
        let groups = groups(folder.path().file_name().expect("a name"));
        unshare.args(&groups);
        let mut container = Running::start(unshare, "");
        let init = until("the container's process 1", || {
            assert!(container.is_running(), "it ended: {}", container.said());
            init_of(container.pid())
        });
        let systemd = Self { init, container, groups, _folder: folder };
        until("systemd to be up", || {
            let state = systemd.run("systemctl is-system-running", "").stdout;
            (state == "running\n").then_some(())
        });
        Some(systemd)
    }

    /// Runs a shell script in it as root; this project's programs lie in `/programs` there. A unit must have no default
    /// dependencies: what they are is not started.
    #[track_caller]
    pub fn run(&self, script: &str, stdin: impl AsRef<[u8]>) -> Output {
        run(self.command(script), stdin)
    }

    /// The same, not yet started.
    pub fn command(&self, script: &str) -> Command {
        let mut enter = Command::new("nsenter");
        enter.args(["--all", "--target", &self.init.as_raw_nonzero().to_string(), "sh", "-c", script]);
        enter.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        enter
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // With process 1 everything in its namespace goes.
        let _ = kill_process(self.init, Signal::KILL);
        until("the container's end", || (!self.container.is_running()).then_some(()));
        for group in &self.groups {
            // The kernel lets go of them when it pleases.
            until("an empty control group", || remove(group).ok());
        }
    }
}

/// Control groups of this name below ours, in both hierarchies that a systemd uses (cgroups(7)).
fn groups(name: &OsStr) -> Vec<PathBuf> {
    let read = |path| fs::read_to_string(path).expect("what the kernel tells of this process");
    let (ours, mounts) = (read("/proc/self/cgroup"), read("/proc/self/mountinfo"));
    let group = |controllers: &str, is_it: fn(&str, &str) -> bool| {
        let path = ours
            .lines()
            .find_map(|line| line.split_once(':')?.1.strip_prefix(controllers)?.strip_prefix(":/"))?;
        let mounted = mounts.lines().find_map(|line| {
            let (place, what) = line.split_once(" - ")?;
            is_it(what.split(' ').next()?, what.rsplit(' ').next()?).then(|| place.split(' ').nth(4))?
        })?;
        Some(Path::new(mounted).join(path).join(name))
    };
    let unified = group("", |kind, _| kind == "cgroup2");
    let named = group("name=systemd", |kind, options| kind == "cgroup" && options.contains("name=systemd"));
    unified.into_iter().chain(named).collect()
}

/// Removes a control group and those below.
fn remove(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Whether an overlay may be mounted in a mount namespace of our own, as in few containers.
fn may_mount(folder: &Path) -> bool {
    let mut probe = Command::new("unshare");
    let script = r#"cd "$1" && mkdir -p a b c d && mount -t tmpfs x b && mkdir b/u b/w &&
        mount -t overlay x -o lowerdir=a,upperdir=b/u,workdir=b/w d"#;
    probe.args(["--mount", "sh", "-c", script, "sh"]).arg(folder);
    run(probe, "").code == Some(0)
}

/// The child of a process that has become an init: the shell and nspawn have others before.
fn init_of(parent: Pid) -> Option<Pid> {
    let parent = parent.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let is_init = |child: &&str| {
        fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name == "systemd\n")
    };
    Pid::from_raw(children.split_whitespace().find(is_init)?.parse().ok()?)
}
