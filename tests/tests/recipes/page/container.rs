//! A container that is given a forwarded socket by a mount.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Running, Stranger, run},
    user::{Account, User},
};

use super::{
    super::{answered_once, container::Container, is_list_of_assets, search},
    block,
};

/// In place of Docker's own program: prints what it is asked to run, a word each.
const DOCKER: &str = "#!/bin/sh\nprintf '%s\\0' \"$@\"\n";

/// The container that these words of `docker run` ask for, and its arguments.
fn asked(words: &[&str]) -> Option<(Container, Vec<String>)> {
    let mut container = Container::new()?;
    let mut words = words.iter();
    assert_eq!((words.next(), words.next()), (Some(&"run"), Some(&"--rm")));
    let mut entry_point = None;
    while let Some(option) = words.next() {
        if !option.starts_with("--") {
            // The image: there is one.
            break;
        }
        let value = words.next().expect("a value");
        match *option {
            "--user" => container.set_user(value),
            "--volume" => {
                let parts: Vec<_> = value.split(':').collect();
                let [folder, path, "ro"] = parts[..] else { panic!("{value}") };
                container.mount_folder(path, Path::new(folder), true);
            }
            "--env" => {
                let (name, value) = value.split_once('=').expect("NAME=VALUE");
                container.set(name, value);
            }
            "--entrypoint" => entry_point = Some(vec![(*value).to_owned()]),
            other => panic!("{other} is more than this engine understands"),
        }
    }
    container.set_entry_point(entry_point.expect("an entry point"));
    Some((container, words.map(|word| (*word).to_owned()).collect()))
}

#[test]
fn a_container_is_answered_by_a_socket_of_this_machine_and_another_user_in_it_is_not() {
    let Some(owner) = Stranger::new() else { return };
    let (sandbox, mut user) = (Sandbox::http(), User::in_memory());
    let account = Account::at(&sandbox);
    owner.moves_into(&mut user.home);
    user.log_in(&account);
    let docker = user.home.path().join("bin/docker");
    // By another process: a program that is open for writing here cannot be run.
    let mut write = std::process::Command::new("sh");
    write.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(&docker);
    run(write, DOCKER).done();
    let path = env::join_paths(
        [&user.home.path().join("bin"), Path::new("/usr/bin"), Path::new("/bin")].map(Path::to_owned),
    );
    user.home.set("PATH", path.expect("a PATH"));
    let shell = |name: &str| {
        let mut shell = user.home.command("sh");
        // Without the line's end a shell becomes its last command, and is ended with it.
        shell.args(["-c", block(name, &account.url).trim_end()]);
        shell
    };
    let forward = Running::start(shell("container forward"), "");
    forward.stderr_line(|line| line.contains("serving profile"));
    let words = run(shell("docker"), "").done();
    let words: Vec<_> = words.split_terminator('\0').collect();
    let Some((container, arguments)) = asked(&words) else { return };
    let output = container.run(&arguments);
    assert!(output.code == Some(0) && is_list_of_assets(&output.stdout), "{output:?}");
    let search = search(&sandbox, &account);
    for said in [&output.stdout, &output.stderr, &forward.said()] {
        assert_eq!(search.find(said), None, "{said}");
    }

    let (mut other, arguments) = asked(&words).expect("there was one");
    other.set_user("4242:4242");
    let refused = other.run(&arguments);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(3), ""), "{refused:?}");
    forward.stderr_line(|line| line.contains("refused a client of uid 4242"));
    // Of the socket's user, whom nothing else tells, nobody is sure.
    let (mut wary, arguments) = asked(&words).expect("there was one");
    wary.unset("DT_CRED_SERVER_UID");
    let refused = wary.run(&arguments);
    assert!(
        refused.code == Some(3) && refused.stderr.contains(&format!("belongs to uid {}", owner.uid())),
        "{refused:?}"
    );
    answered_once(&sandbox);
    let folder = fs::metadata(user.home.path().join(".dt-cred-app")).expect("a folder");
    assert_eq!(folder.permissions().mode() & 0o7777, 0o711);
}
