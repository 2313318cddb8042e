//! Linux: what a process is called, and what it may gain.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// How much is read of a file that begins with a process's name, which has at most 64 bytes.
const BEGINNING: usize = 128;

/// The process that started the last client, and its name (proc_pid_comm(5)).
static STARTER: Mutex<Option<(u32, File)>> = Mutex::new(None);

/// What the process `pid` is called, and the number of the one that started it (proc_pid_stat(5)): as a rule the name of its
/// program or script, but it is what the process says it is. Reading it waits for nothing that the process does.
pub fn process(pid: u32) -> Option<(String, Option<u32>)> {
    // What stands behind the parent's number is not wanted.
    let mut stat = [0; BEGINNING];
    let length = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut stat).ok()?;
    name_and_parent(&stat[..length])
}

/// What the process `pid` is called, which started a client. It is asked for again and again, for one script's clients: its file
/// stays open, as finding it takes ten times as long as reading it. That is of this very process: if it has ended nothing can
/// be read, even where another one has its number.
pub fn starter(pid: u32) -> Option<String> {
    let mut last = STARTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, file)) = &*last
        && *known == pid
        && let Some(name) = name(file)
    {
        return Some(name);
    }
    let file = File::open(format!("/proc/{pid}/comm")).ok()?;
    let name = name(&file);
    *last = Some((pid, file));
    name
}

/// The name in this file.
fn name(comm: &File) -> Option<String> {
    let mut name = [0; BEGINNING];
    let length = comm.read_at(&mut name, 0).ok()?;
    Some(String::from_utf8_lossy(name[..length].strip_suffix(b"\n")?).into_owned())
}

/// Whether a program's set-user-id or set-group-id bit would be without effect, as whoever started this process has seen to
/// that no program of it gains privileges (PR_SET_NO_NEW_PRIVS in prctl(2)).
pub fn is_powerless(program: &Path) -> bool {
    let has_bit = fs::metadata(program).is_ok_and(|found| found.permissions().mode() & 0o6000 != 0);
    has_bit && rustix::thread::no_new_privs().unwrap_or(false)
}

/// `pid (name) state parent …`, where the name may hold anything, parentheses too.
fn name_and_parent(stat: &[u8]) -> Option<(String, Option<u32>)> {
    let begin = stat.iter().position(|byte| *byte == b'(')? + 1;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = String::from_utf8_lossy(stat.get(end..)?);
    let parent = rest.split(' ').nth(2).and_then(|parent| parent.parse().ok()).filter(|parent| *parent != 0);
    Some((String::from_utf8_lossy(stat.get(begin..end)?).into_owned(), parent))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::process::parent_id,
        process::{Command, Stdio},
    };

    use super::{STARTER, name, name_and_parent, process, starter};

    #[test]
    fn a_name_is_told_whatever_it_holds_and_nothing_in_it_is_taken_for_the_parent() {
        let cases: [(&[u8], &str, Option<u32>); 6] = [
            (b"4242 (dt-cred) S 17 4242 4242 34816", "dt-cred", Some(17)),
            (b"1 (systemd) S 0 1 1 0", "systemd", None),
            (b"9 (a) S 1 (b) R 17 9", "a) S 1 (b", Some(17)),
            (b"9 (a \n\x1b[2J) S 17 9", "a \n\x1b[2J", Some(17)),
            (b"9 (\xff) S 17 9", "\u{fffd}", Some(17)),
            (b"9 () S 4194304 9", "", Some(4_194_304)),
        ];
        for (stat, name, parent) in cases {
            assert_eq!(name_and_parent(stat), Some((name.to_owned(), parent)), "{stat:?}");
        }
        for nothing in [&b""[..], b"9", b"9 (", b"9 a", b") (", b"9 (a"] {
            assert_eq!(name_and_parent(nothing), None, "{nothing:?}");
        }
        // What is cut off has a name at least.
        assert_eq!(name_and_parent(b"9 (a) S"), Some(("a".to_owned(), None)));
    }

    #[test]
    fn this_process_is_called_as_the_kernel_says_and_one_that_is_not_there_is_not_called() {
        let own = std::fs::read_to_string("/proc/self/comm").unwrap();
        let parent = parent_id();
        let told = process(std::process::id());
        assert_eq!(told, Some((own.trim_end_matches('\n').to_owned(), Some(parent))));
        assert_eq!(process(0), None);
        assert_eq!(process(u32::MAX), None);
    }

    #[test]
    fn who_started_a_client_is_called_as_it_is_now_and_never_as_another_one_that_had_its_number() {
        assert_eq!(starter(u32::MAX), None);
        let called = |pid| process(pid).map(|(name, _)| name);
        for pid in [std::process::id(), std::process::id(), parent_id(), std::process::id()] {
            assert!(called(pid).is_some());
            assert_eq!(starter(pid), called(pid));
        }
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Once it says this it has its own name.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        assert_eq!(starter(child.id()).as_deref(), Some("cat"));
        let ended = child.id();
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(starter(ended), None);
        // The file of the one that has ended, under the number of one that is there.
        let mut last = STARTER.lock().unwrap();
        let (_, file) = last.take().unwrap();
        assert_eq!(name(&file), None);
        *last = Some((std::process::id(), file));
        drop(last);
        assert_eq!(starter(std::process::id()), called(std::process::id()));
    }
}
