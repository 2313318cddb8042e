//! Windows: what a process is called.

use std::{
    ffi::OsString,
    os::windows::{
        ffi::OsStringExt,
        io::{AsRawHandle, FromRawHandle, OwnedHandle},
    },
    path::Path,
};

use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};

/// The longest path of a program that is looked at, in UTF-16 units.
const PATH_LIMIT: usize = 1024;

/// What the file of the process's program is called. Who started it would take a list of all processes.
pub fn process(pid: u32) -> Option<(String, Option<u32>)> {
    let mut path = [0; PATH_LIMIT];
    let mut length = u32::try_from(path.len()).ok()?;
    #[expect(unsafe_code, reason = "a process's image has no safe wrapper")]
    // SAFETY: the handle is ours alone and closed once; the buffer is valid for its whole length, which is what is passed.
    let told = unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid);
        if process.is_null() {
            return None;
        }
        let process = OwnedHandle::from_raw_handle(process);
        QueryFullProcessImageNameW(process.as_raw_handle(), 0, path.as_mut_ptr(), &raw mut length)
    };
    let path = OsString::from_wide(path.get(..usize::try_from(length).ok()?).filter(|_| told != 0)?);
    Some((Path::new(&path).file_name()?.to_string_lossy().into_owned(), None))
}

/// What the process `pid` is called, which started a client.
pub fn starter(pid: u32) -> Option<String> {
    process(pid).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::process;

    #[test]
    fn this_process_is_called_as_its_file_is_and_one_that_is_not_there_is_not_called() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(process(std::process::id()), Some((name, None)));
        assert_eq!(process(u32::MAX), None);
    }
}
