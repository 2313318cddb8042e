//! macOS: what a process is called.

/// What the process `pid` is called, and the number of the one that started it (`proc_pidinfo` in libproc.h).
pub fn process(pid: u32) -> Option<(String, Option<u32>)> {
    let pid = libc::c_int::try_from(pid).ok()?;
    #[expect(unsafe_code, reason = "proc_pidinfo has no safe wrapper")]
    // SAFETY: numbers and arrays of them, for which zeros are values.
    let mut told: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = libc::c_int::try_from(size_of_val(&told)).ok()?;
    #[expect(unsafe_code, reason = "proc_pidinfo has no safe wrapper")]
    // SAFETY: the pointer is to a live variable of the type that is written, and of the size that is passed.
    let length = unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDTBSDINFO, 0, (&raw mut told).cast(), size) };
    // The longer name where there is one; both end with a NUL.
    let name = |bytes: &[libc::c_char]| {
        let bytes: Vec<u8> =
            bytes.iter().map(|byte| byte.cast_unsigned()).take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let longer = [name(&told.pbi_name), name(&told.pbi_comm)].into_iter().find(|name| !name.is_empty());
    let parent = Some(told.pbi_ppid).filter(|parent| *parent != 0);
    longer.filter(|_| length == size).map(|name| (name, parent))
}

/// What the process `pid` is called, which started a client.
pub fn starter(pid: u32) -> Option<String> {
    process(pid).map(|(name, _)| name)
}
