//! What others may change, or see, by its access control list.

use std::{fs, path::Path, ptr};

use dt_cred_proto::platform::Sid;
use dt_cred_tests::{
    issuer::Sandbox,
    parts::{binaries, private_folder, run, until},
    user::{Account, User},
};
use widestring::U16CString;
use windows_sys::Win32::Security::{
    Authorization::{ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1},
    DACL_SECURITY_INFORMATION, SetFileSecurityW,
};

/// Gives everybody these rights to what is at `path`, besides all of them to its user.
fn open(path: &Path, rights: &str) {
    let text = format!("D:P(A;OICI;FA;;;{})(A;OICI;{rights};;;WD)", Sid::own().expect("a SID"));
    let (text, path) =
        (U16CString::from_str(text).expect("no NUL"), U16CString::from_os_str(path).expect("no NUL"));
    let mut descriptor = ptr::null_mut();
    #[expect(unsafe_code, reason = "access control lists have no safe wrapper")]
    // SAFETY: both texts end with a NUL; the descriptor that is made is left to the end of the process.
    unsafe {
        let none = ptr::null_mut();
        let made = ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            none,
        );
        assert_ne!(made, 0);
        assert_ne!(SetFileSecurityW(path.as_ptr(), DACL_SECURITY_INFORMATION, descriptor), 0);
    }
}

#[test]
fn a_program_that_others_can_change_or_replace_is_not_started() {
    let user = User::in_memory();
    let folder = user.home.path().join("programs");
    private_folder(&folder);
    let (client, daemon) = (folder.join("dt-cred.exe"), folder.join("dt-credd.exe"));
    fs::copy(binaries::client(), &client).expect("copied");
    fs::copy(binaries::daemon(), &daemon).expect("copied");
    let start = || {
        let mut start = user.home.command(&client);
        start.arg("start");
        run(start, "")
    };
    for (opened, rights) in [(&daemon, "FA"), (&folder, "FA"), (&folder, "FW")] {
        open(opened, rights);
        let refused = start();
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{}", refused.stderr);
        assert!(refused.stderr.contains("can be changed by S-1-1-0"), "{}", refused.stderr);
        assert!(refused.stderr.contains("icacls"), "{}", refused.stderr);
        assert_eq!(user.home.daemon_pid(), None);
        open(&daemon, "FR");
        open(&folder, "FR");
    }
    start().done();
    user.dt_cred(&["stop"]).done();
}

#[test]
fn a_configuration_that_others_can_change_is_refused() {
    let user = User::in_memory();
    user.home.configure("default_profile = \"default\"\n");
    open(&user.home.configuration(), "FRFW");
    let refused = user.dt_cred(&["get"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(7), ""), "{}", refused.stderr);
    assert!(refused.stderr.contains("can be changed by S-1-1-0"), "{}", refused.stderr);
    open(&user.home.configuration(), "FR");
    assert_eq!(user.dt_cred(&["get"]).code, Some(5));
}

#[test]
fn no_token_is_written_where_others_can_look_and_the_state_folder_is_closed_to_them() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    let folder = user.home.path().join("tokens");
    private_folder(&folder);
    open(&folder, "FR");
    private_folder(&user.home.state());
    open(&user.home.state(), "FR");
    let (profile, token) = (user.profile(), folder.join("token"));
    user.home.configure(&format!("[[profile.{profile}.file]]\npath = '{}'\n", token.display()));
    user.log_in(&Account::at(&sandbox));
    let told = until("the file's error", || {
        let status = user.dt_cred(&["status", "--json"]).done();
        status.contains("is open to S-1-1-0").then_some(status)
    });
    assert!(told.contains("icacls"), "{told}");
    assert!(!token.exists());
    dt_cred_proto::platform::private_folder(&user.home.state(), false).expect("closed to others");
}
