//! A kernel that does not know some system calls, or refuses them, by a filter of them (seccomp(2)): as a container's
//! profile makes one, and as one that was built without them is.

use std::{io, os::unix::process::CommandExt, process::Command};

/// Has the program, and whatever it starts, fail with this error at every system call of the kernel's keyrings.
pub fn refuse_keyrings(command: &mut Command, errno: i32) {
    refuse(command, &[libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl], errno);
}

/// Has the program, and whatever it starts, fail with this error at each of these system calls.
pub fn refuse(command: &mut Command, calls: &[libc::c_long], errno: i32) {
    let filter = refusing(calls, errno);
    #[expect(unsafe_code, reason = "seccomp has no safe wrapper, and is for the child alone")]
    // SAFETY: between fork and exec there are these two system calls alone, which read what is on the closure's own heap.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog {
                len: u16::try_from(filter.len()).map_err(io::Error::other)?,
                filter: filter.as_ptr().cast_mut(),
            };
            let none: libc::c_ulong = 0;
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as libc::c_ulong, none, none, none) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
            {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// A filter that lets everything pass but these system calls. It does not look at the architecture: what is run here has
/// this process's.
fn refusing(calls: &[libc::c_long], errno: i32) -> Vec<libc::sock_filter> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // The system call's number is what `seccomp_data` begins with.
    let mut filter = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for call in calls {
        let call = u32::try_from(*call).expect("a small number");
        filter.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call));
        filter.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32));
    }
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    filter
}
