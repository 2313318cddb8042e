//! What `service install` fills in for launchd and for Windows' scheduler, and Windows' installer: none of them runs here, each
//! is read by what reads its kind.

use std::path::Path;

use dt_cred_tests::parts::{RecipeCheckers, on_path, require, run};

/// What a script of Python's says of this text.
fn python(script: &str, text: &str) -> Option<String> {
    let mut python = std::process::Command::new("python3");
    python.args(["-c", script]);
    require("python3", on_path(&["python3"])).then(|| run(python, text).done())
}

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// What stands between two `@`, each of which the source replaces.
fn placeholders(text: &str, by: &str) -> Vec<String> {
    let mut found: Vec<_> = text.split('@').skip(1).step_by(2).map(|name| format!("@{name}@")).collect();
    found.sort();
    found.dedup();
    for name in &found {
        assert!(by.contains(&format!("replace(\"{name}\"")), "{name} stays as it is");
    }
    found
}

#[test]
fn the_agent_of_launchd_is_a_property_list_whose_socket_is_the_one_that_the_daemon_asks_for() {
    const READ: &str = "import json, plistlib, sys\n\
        json.dump(plistlib.loads(sys.stdin.buffer.read()), sys.stdout, sort_keys=True)";
    let plist = source("packaging/launchd/ai.datatrails.dt-cred.plist");
    let client = source("client/src/service/macos/agent.rs");
    assert_eq!(placeholders(&plist, &client), ["@DAEMON@", "@SOCKET@"]);
    // A comment behind the first line, as the client writes it.
    let written = plist.replacen('\n', "\n<!-- Written by `dt-cred service install` -->\n", 1);
    let Some(read) = python(READ, &written) else { return };
    let expected = r#"{"KeepAlive": false, "Label": "ai.datatrails.dt-cred", "ProcessType": "Adaptive", "ProgramArguments": ["@DAEMON@"], "RunAtLoad": false, "Sockets": {"Listeners": {"SockPathMode": 384, "SockPathName": "@SOCKET@"}}, "Umask": 63}"#;
    assert_eq!(read, expected);
    assert!(source("daemon/src/macos.rs").contains(r#"const SOCKET: &std::ffi::CStr = c"Listeners";"#));
    assert!(client.contains(r#"const LABEL: &str = "ai.datatrails.dt-cred";"#));
}

#[test]
fn windows_task_is_its_users_alone_and_takes_no_more_rights_than_they_have() {
    const READ: &str = r"
import sys, xml.etree.ElementTree as tree
# Its declaration says UTF-16, which it is once it is written.
root = tree.fromstring(sys.stdin.read().encode('utf-16'))
name = '{http://schemas.microsoft.com/windows/2004/02/mit/task}'
assert root.tag == name + 'Task', root.tag
for path in ['Triggers/LogonTrigger/UserId', 'Principals/Principal/UserId', 'Principals/Principal/LogonType',
             'Principals/Principal/RunLevel', 'Actions/Exec/Command', 'Actions/Exec/Arguments',
             'RegistrationInfo/Description', 'Settings/DisallowStartIfOnBatteries']:
    [found] = root.findall('/'.join(name + step for step in path.split('/')))
    print(found.text)
";
    let task = source("packaging/windows/dt-cred.xml");
    let names = placeholders(&task, &source("client/src/service/windows/task.rs"));
    assert_eq!(names, ["@MARKER@", "@PROGRAM@", "@RELEASE@", "@USER@"]);
    let Some(read) = python(READ, &task) else { return };
    assert_eq!(
        read, "@USER@\n@USER@\nInteractiveToken\nLeastPrivilege\n@PROGRAM@\nstart\n@MARKER@\nfalse\n",
        "a trigger without a user is an administrator's to make"
    );
}

#[test]
fn whoever_asks_packaging_build_for_help_begins_no_build() {
    let mut build = std::process::Command::new("/bin/bash");
    // Nothing is found that it could begin with.
    build.arg("packaging/build").arg("--help").current_dir("..").env("PATH", "");
    let refused = run(build, "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stdout.contains("usage: packaging/build"), "{refused:?}");
}

#[test]
fn the_scripts_for_powershell_are_powershell_as_its_grammar_has_it() {
    let Some(checkers) = RecipeCheckers::find() else { return };
    for path in ["packaging/windows/install.ps1", "client/src/completions/dt-cred.ps1"] {
        let script = source(path);
        assert_eq!(checkers.powershell(&script).done(), "", "{path}");
        // What is no PowerShell is told.
        assert_ne!(checkers.powershell(&script.replacen('}', "", 1)).stdout, "", "{path}");
    }
}
