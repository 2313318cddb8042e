//! `dt-cred service`: the task that starts the daemon at its user's logon. Nobody logs on here, so that it is never seen to start
//! anything.

use std::{fs, path::PathBuf, process::Command};

use dt_cred_tests::{
    parts::{Output, run, terminal::is_wine},
    user::User,
};

/// The scheduler's own program.
fn schtasks(arguments: &[&str]) -> Output {
    let folder = PathBuf::from(std::env::var_os("SystemRoot").expect("Windows' folder"));
    let mut schtasks = Command::new(folder.join(r"System32\schtasks.exe"));
    schtasks.args(arguments);
    run(schtasks, "")
}

/// The task as the scheduler has it. wine's program does not tell, and a user may not look at the file in Windows.
fn registered(name: &str) -> String {
    if !is_wine() {
        return schtasks(&["/Query", "/TN", name, "/XML"]).done();
    }
    let folder = PathBuf::from(std::env::var_os("SystemRoot").expect("Windows' folder"));
    let bytes = fs::read(folder.join(r"System32\tasks").join(name)).expect("the task");
    String::from_utf8_lossy(&bytes).replace('\0', "")
}

#[test]
fn the_task_is_taken_by_the_scheduler_and_is_gone_after_uninstall() {
    let user = User::in_memory();
    let service = |word: &str| user.dt_cred(&["service", word]).done();
    assert!(service("status").starts_with("no service is installed"));
    let told = service("install");
    let name = told
        .split(' ')
        .find(|word| word.starts_with("dt-cred-S-1-"))
        .expect("its name")
        .trim_end_matches(':');
    assert_eq!(told, format!("registered the scheduled task {name}: it starts the daemon at your logon\n"));
    let task = registered(name);
    let release = format!("<Version>{}</Version>", env!("CARGO_PKG_VERSION"));
    for part in ["Written by dt-cred service install", "<DisallowStartIfOnBatteries>false<", &release] {
        assert!(task.contains(part), "{part}: {task}");
    }
    if is_wine() {
        // It forgets what starts a task and what that does, and tells of none.
        schtasks(&["/Delete", "/TN", name, "/F"]).done();
        return;
    }
    for part in ["<LogonTrigger>", "<Arguments>start</Arguments>", "<LogonType>InteractiveToken<"] {
        assert!(task.contains(part), "{part}: {task}");
    }
    assert_eq!(service("install"), "nothing to change: the service is installed\n");
    assert!(service("status").starts_with(&format!("installed: the scheduled task {name}, enabled")));
    schtasks(&["/Change", "/TN", name, "/DISABLE"]).done();
    let disabled = format!("installed: the scheduled task {name}, disabled: ");
    assert!(service("status").starts_with(&disabled));
    assert_eq!(service("install"), told, "it is there again");
    assert!(service("status").starts_with(&format!("installed: the scheduled task {name}, enabled")));
    assert_eq!(service("uninstall"), format!("removed the scheduled task {name}\n"));
    assert_eq!(service("uninstall"), "nothing to change: no service is installed\n");
    assert_ne!(schtasks(&["/Query", "/TN", name]).code, Some(0));
}
