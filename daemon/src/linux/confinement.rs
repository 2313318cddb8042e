//! Gives up what the daemon does not need: files by Landlock (landlock(7)), system calls by seccomp(2), and privileges that
//! programs bring along (PR_SET_NO_NEW_PRIVS in prctl(2)). Each as far as this kernel can.

use std::{collections::BTreeMap, fmt::Display, fs, path::PathBuf};

use dt_cred_proto::message::Defence;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::confinement::Needs;

/// What every program of the system may read: its libraries, which the resolver loads when it is asked, its settings,
/// CA roots. Whole folders, as what lies in them is replaced by renaming, and a rule follows the file that is replaced.
const SYSTEM: [&str; 14] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/var/lib/ca-certificates",
    // Where /etc/resolv.conf leads, by whoever looks after it.
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/run/netconfig",
    "/mnt/wsl",
    // Also /proc/PID/comm. What would tell more of another process is kept back by Landlock itself.
    "/proc",
];

/// Where the addresses of the name servers are.
const RESOLVER: &str = "/etc/resolv.conf";

/// The newest rights that are given up. Not yet of 9, which would keep us from the session bus.
const NEWEST: ABI = ABI::V8;

/// System calls that only an attacker would make: to run a program, to look into another process, to change the kernel or
/// what it mounts, to leave what confines us. io_uring makes calls that no filter sees.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_kexec_load,
    #[cfg(not(target_arch = "riscv64"))]
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    // What Landlock lets pass: another mode, owner or attribute of a file that may not be opened. Of an open one's mode not.
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SETXATTRAT,
    FILE_SETATTR,
];

/// The names that only older machines have for some of them.
#[cfg(target_arch = "x86_64")]
const OLDER: [libc::c_long; 3] = [libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: [libc::c_long; 0] = [];

/// Newer ones, which have one number on every machine (syscalls(2)).
const FCHMODAT2: libc::c_long = 452;
const SETXATTRAT: libc::c_long = 463;
const FILE_SETATTR: libc::c_long = 469;

/// What clone(2) is refused: namespaces, as unshare(2) is. That of the time is clone3(2)'s alone.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

/// What ioctl(2) is refused: to type into the terminal that the daemon was started from, where a shell waits.
const TYPING: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// What the calls of the x32 ABI add to their numbers on x86-64: the same calls by another name.
const X32: libc::c_long = 0x4000_0000;

/// Gives up all but `needs`. To be called before any other thread is started: Landlock binds the one that calls.
pub fn confine(needs: &Needs) -> Vec<Defence> {
    const NAMES: [&str; 3] = ["privileges", "files", "system calls"];
    if needs.programs {
        // All of it would be inherited, and a password manager needs its files, and often its set-group-id bit.
        return NAMES
            .map(|name| defence(name, Err("a keyring_command runs, and would inherit it".to_owned())))
            .into();
    }
    if let Some(error) = other_threads() {
        return NAMES.map(|name| defence(name, Err(error.clone()))).into();
    }
    let privileges = rustix::thread::set_no_new_privs(true);
    let privileges = privileges.map(|()| "none are gained".to_owned()).map_err(|error| error.to_string());
    vec![defence(NAMES[0], privileges), defence(NAMES[1], files(needs)), defence(NAMES[2], system_calls())]
}

fn defence(name: &str, result: Result<String, String>) -> Defence {
    let active = result.is_ok();
    let note = result.unwrap_or_else(|why| why);
    Defence { name: name.into(), active, note: note.into() }
}

/// Why it is too late, where it is.
fn other_threads() -> Option<String> {
    let threads = fs::read_dir("/proc/self/task").map(Iterator::count);
    match threads {
        Ok(2..) => Some("other threads run already".to_owned()),
        // Without /proc nobody can tell: nothing here starts one before.
        _ => None,
    }
}

fn files(needs: &Needs) -> Result<String, String> {
    let status = restrict(needs).map_err(|error| error.to_string())?;
    let version = match status.landlock {
        LandlockStatus::NotEnabled => return Err("Landlock is off in this kernel".to_owned()),
        LandlockStatus::NotImplemented => return Err("this kernel has no Landlock".to_owned()),
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
    };
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("Landlock took no rule".to_owned()),
        RulesetStatus::FullyEnforced => Ok(format!("Landlock {version}")),
        RulesetStatus::PartiallyEnforced => Ok(format!("Landlock {version}, as far as this kernel goes")),
    }
}

fn restrict(needs: &Needs) -> Result<landlock::RestrictionStatus, RulesetError> {
    let all = AccessFs::from_all(NEWEST);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let file = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let resolver = fs::canonicalize(RESOLVER).ok().and_then(|file| Some(file.parent()?.to_owned()));
    let readable = SYSTEM.iter().map(PathBuf::from).chain(resolver).chain(needs.read.iter().cloned());
    let readable = readable.map(|path| (path, read));
    let devices = ["/dev/null", "/dev/urandom", "/dev/random"].map(|path| (PathBuf::from(path), file));
    let writable = needs.write.iter().cloned().map(|path| (path, all & !AccessFs::Execute));
    let rules = readable.chain(devices).chain(writable).filter_map(|(path, access)| rule(path, access));
    Ruleset::default()
        .handle_access(all)?
        // No TCP listener, ever.
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(rules.map(Ok::<_, RulesetError>))?
        .restrict_self()
}

/// What `access` to `path` and below means; none where nothing lies there.
fn rule(path: PathBuf, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    let is_file = fs::metadata(&path).ok()?.is_file();
    // What says something of a folder's entries means nothing for a file.
    let access = if is_file { access & AccessFs::from_file(NEWEST) } else { access };
    Some(PathBeneath::new(PathFd::new(path).ok()?, access))
}

fn system_calls() -> Result<String, String> {
    let told = |error: &dyn Display| error.to_string();
    let architecture: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| told(&error))?;
    let calls = REFUSED.iter().copied().chain(OLDER).flat_map(|call| [call, call | X32]);
    // No condition for any of them.
    let mut rules: BTreeMap<_, _> = calls.map(|call| (call, Vec::new())).collect();
    let (cloning, typing) = conditions().map_err(|error| told(&error))?;
    for (call, conditions) in [(libc::SYS_clone, cloning), (libc::SYS_ioctl, typing)] {
        rules.extend([(call, conditions.clone()), (call | X32, conditions)]);
    }
    refuse(rules, libc::EPERM, architecture).map_err(|error| told(&error))?;
    // Its flags lie in memory, where no filter looks. Whoever is told that there is none takes clone(2).
    let rules = [libc::SYS_clone3, libc::SYS_clone3 | X32].map(|call| (call, Vec::new())).into();
    refuse(rules, libc::ENOSYS, architecture).map_err(|error| told(&error))?;
    Ok(format!("seccomp, {} of them refused", REFUSED.len()))
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// When clone(2) is refused, and when ioctl(2).
fn conditions() -> Result<(Vec<SeccompRule>, Vec<SeccompRule>), seccompiler::BackendError> {
    let rule = |argument, compared, value| {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compared, value)?;
        SeccompRule::new(vec![condition])
    };
    let bits = NAMESPACES.iter().map(|flag| u64::from(flag.unsigned_abs()));
    let cloning = bits.map(|bit| rule(0, SeccompCmpOp::MaskedEq(bit), bit)).collect::<Result<_, _>>()?;
    let typing = TYPING.into_iter().map(|code| rule(1, SeccompCmpOp::Eq, code)).collect::<Result<_, _>>()?;
    Ok((cloning, typing))
}

/// Has what these rules say fail with `errno` from now on.
fn refuse(rules: Rules, errno: i32, architecture: TargetArch) -> Result<(), Error> {
    let refused = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture);
    let program = filter.and_then(BpfProgram::try_from)?;
    seccompiler::apply_filter(&program)
}
