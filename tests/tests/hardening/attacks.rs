//! Attacks by another user of the machine, with a uid of their own: each ends with nothing sent, served or run.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, Output, Running, Stranger, require, run, until},
    user::Account,
};

/// The system's own: every user may run it.
const PYTHON: &str = "/usr/bin/python3";

/// A daemon of the attacker's: answers whatever comes with the frame of a token, and keeps what came.
const FAKE: &str = r"
import os, socket, sys
path, heard, frame = sys.argv[1], sys.argv[2], open(sys.argv[3], 'rb').read()
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o777)
listener.listen()
print('listening', flush=True)
while True:
    client, _ = listener.accept()
    try:
        client.sendall(frame)
        with open(heard, 'ab') as heard_file:
            heard_file.write(client.recv(65536))
    except OSError:
        pass
    client.close()
";

/// What connects to the daemon as somebody else and asks for a token; what came back, in hexadecimal.
const ASK: &str = r"
import socket, sys
daemon = socket.socket(socket.AF_UNIX)
daemon.connect(sys.argv[1])
try:
    daemon.sendall(open(sys.argv[2], 'rb').read())
    answer = daemon.recv(65536)
except (BrokenPipeError, ConnectionResetError):
    answer = b''
print(answer.hex())
";

/// Two users who share a machine.
struct Scene {
    victim: Stranger,
    attacker: Stranger,
    home: Home,
    /// A folder of the attacker's, which everybody may look into.
    lair: tempfile::TempDir,
}

impl Scene {
    /// None where this process may not be other users.
    fn new() -> Option<Self> {
        let (victim, attacker) = (Stranger::new()?, Stranger::new()?);
        if !require("Debian's python3", Path::new(PYTHON).exists()) {
            return None;
        }
        let mut home = Home::new();
        victim.moves_into(&mut home);
        // What an attacker can make everybody follow lies where everybody may write.
        let lair = tempfile::Builder::new().prefix("dtc-").tempdir_in("/tmp").expect("a folder");
        fs::set_permissions(lair.path(), fs::Permissions::from_mode(0o755)).expect("opened");
        chown(lair.path(), Some(attacker.uid()), Some(attacker.uid())).expect("given away");
        let frames = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/frames");
        for (frame, name) in [("response-token.frame", "token"), ("request-get.frame", "get")] {
            fs::copy(frames.join(frame), lair.path().join(name)).expect("a frame");
        }
        Some(Self { victim, attacker, home, lair })
    }

    fn lair(&self, name: &str) -> PathBuf {
        self.lair.path().join(name)
    }

    /// The attacker's daemon at this path.
    fn fake_daemon(&self, path: &Path) -> Running {
        let mut python = self.attacker.command(PYTHON);
        python.args(["-c", FAKE]).arg(path).args([self.lair("heard"), self.lair("token")]);
        let fake = Running::start(python, "");
        assert_eq!(fake.first_line(), "listening");
        fake
    }

    /// What the attacker's daemon was told.
    fn heard(&self) -> Vec<u8> {
        fs::read(self.lair("heard")).unwrap_or_default()
    }

    /// A command of the attacker's, which must succeed.
    #[track_caller]
    fn attack(&self, script: &str) {
        let mut shell = self.attacker.command("sh");
        shell.args(["-ec", script]);
        run(shell, "").done();
    }

    /// Commands of the victim fail with this code, these words and no other: nothing on standard output.
    #[track_caller]
    fn refused(&self, code: i32, words: &str) {
        for (arguments, stdin) in [
            (&["get"][..], ""),
            (&["store"], "client_id=a\nclient_secret=my-sekret\nurl=http://127.0.0.1:1\n"),
        ] {
            let Output { code: found, stdout, stderr } = self.home.dt_cred_with(arguments, stdin);
            assert_eq!((found, stdout.as_str()), (Some(code), ""), "{arguments:?}: {stderr}");
            assert!(stderr.contains(words) && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
        }
        assert_eq!(self.heard(), b"", "nothing was said to the attacker's daemon");
    }

    /// The victim logs in, by a daemon that is started by itself.
    fn log_in(&self, sandbox: &Sandbox) {
        let lines = format!("{}keyring=memory\n", Account::at(sandbox).lines());
        self.home.dt_cred_with(&["store"], lines).done();
    }
}

#[test]
fn connecting_to_a_daemon_of_somebody_else_gives_not_one_byte_however_open_its_socket_is() {
    let Some(scene) = Scene::new() else { return };
    let sandbox = Sandbox::http();
    scene.log_in(&sandbox);
    let socket = scene.home.socket();
    let ask = || {
        let mut python = scene.attacker.command(PYTHON);
        python.args(["-c", ASK]).args([&socket, &scene.lair("get")]);
        run(python, "")
    };
    let refused = ask();
    assert!(refused.stderr.contains("Permission denied"), "{}", refused.stderr);
    // Somebody opens every door: the daemon itself looks who comes.
    for folder in socket.ancestors().skip(1).take(3) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("opened");
    }
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("opened");
    assert_eq!(ask().done(), "\n");
    let log = fs::read_to_string(scene.home.state().join("dt-credd.log")).expect("a log");
    assert!(log.contains(&format!("refused a client of another user uid={}", scene.attacker.uid())), "{log}");
    scene.home.dt_cred(&["get"]).done();
}

#[test]
fn a_socket_that_was_there_first_and_offers_a_token_is_told_nothing_and_believed_nothing() {
    let Some(mut scene) = Scene::new() else { return };
    let socket = scene.lair("agent.sock");
    let _fake = scene.fake_daemon(&socket);
    scene.home.set("DT_CRED_SOCKET", &socket);
    scene.refused(3, &format!("belongs to uid {}", scene.attacker.uid()));
    // Nor does a daemon take that place.
    let daemon = run(scene.home.command(scene.home.daemon_program()), "");
    assert_eq!(daemon.code, Some(3), "{}", daemon.stderr);
}

#[test]
fn a_folder_that_was_there_first_is_not_used() {
    let Some(mut scene) = Scene::new() else { return };
    // A place where everybody may make a folder, the first time that somebody is there.
    let shared = scene.lair("shared");
    scene.attack(&format!("mkdir -m 1777 {shared:?}; mkdir -m 777 {shared:?}/dt-cred"));
    let root_owned = || {
        chown(&shared, Some(0), Some(0)).expect("root's, as /tmp is");
        chown(scene.lair.path(), Some(0), Some(0)).expect("root's");
    };
    root_owned();
    scene.home.set("DT_CRED_SOCKET", shared.join("dt-cred/agent.sock"));
    let daemon = run(scene.home.command(scene.home.daemon_program()), "");
    assert_eq!(daemon.code, Some(3), "{}", daemon.stderr);
    assert!(daemon.stderr.contains(&format!("belongs to uid {}", scene.attacker.uid())), "{}", daemon.stderr);
    // And one that listens there is not spoken to.
    let _fake = scene.fake_daemon(&shared.join("dt-cred/agent.sock"));
    fs::write(scene.lair("heard"), "").expect("a file");
    scene.refused(3, "belongs to uid");
}

#[test]
fn a_socket_that_is_replaced_ends_the_daemon_and_the_new_one_is_not_spoken_to() {
    let Some(scene) = Scene::new() else { return };
    let sandbox = Sandbox::http();
    scene.log_in(&sandbox);
    let socket = scene.home.socket();
    // Somebody gave everybody the folder.
    for folder in socket.ancestors().skip(1).take(3) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("opened");
    }
    let daemon = scene.home.daemon_pid().expect("a daemon");
    scene.attack(&format!("mv {socket:?} {socket:?}.away"));
    until("the daemon to end", || {
        (!Path::new(&format!("/proc/{}", daemon.as_raw_nonzero())).exists()).then_some(())
    });
    let _fake = scene.fake_daemon(&socket);
    scene.refused(3, &format!("belongs to uid {}", scene.attacker.uid()));
}

#[test]
fn a_symlink_in_the_folders_place_is_not_followed() {
    let Some(scene) = Scene::new() else { return };
    let folder = scene.home.path().join("run/dt-cred");
    scene.attack(&format!("mkdir -m 777 {:?}", scene.lair("trap")));
    symlink(scene.lair("trap"), &folder).expect("a symlink");
    scene.refused(3, "is not a folder");
    // Where somebody listens at its end, that is not spoken to either.
    let _fake = scene.fake_daemon(&scene.lair("trap").join("agent.sock"));
    scene.refused(3, "belongs to uid");
}

#[test]
fn below_a_folder_that_everybody_may_write_to_no_socket_is_made() {
    let Some(scene) = Scene::new() else { return };
    let runtime = scene.home.path().join("run");
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o777)).expect("opened");
    scene.refused(3, "can be written by others");
    assert!(!runtime.join("dt-cred").exists());
}

#[test]
fn a_daemon_that_was_planted_on_path_or_beside_a_link_to_the_client_is_never_run() {
    let Some(mut scene) = Scene::new() else { return };
    let (planted, marker) = (scene.lair("dt-credd"), scene.lair("run-by-the-victim"));
    scene.attack(&format!(
        "printf '#!/bin/sh\\nid -u >> {marker}\\necho ready\\n' > {planted}; chmod 755 {planted}; touch {marker}; \
         chmod 666 {marker}; ln -s {client} {link}",
        marker = marker.display(),
        planted = planted.display(),
        client = scene.home.client_program().display(),
        link = scene.lair("dt-cred").display(),
    ));
    scene.home.set("PATH", format!("{}:/usr/bin:/bin", scene.lair.path().display()));
    let mut linked = scene.home.command(scene.lair("dt-cred"));
    linked.arg("start");
    run(linked, "").done();
    assert_eq!(fs::read_to_string(&marker).expect("a file"), "");
    let daemon = scene.home.daemon_pid().expect("a daemon").as_raw_nonzero();
    let program = fs::read_link(format!("/proc/{daemon}/exe")).expect("root may see it");
    assert_eq!(program, fs::canonicalize(scene.home.daemon_program()).expect("it is there"));
}

#[test]
fn a_configuration_that_others_can_write_or_replace_starts_no_daemon() {
    let Some(scene) = Scene::new() else { return };
    let victim = scene.victim.uid();
    scene.home.configure("default_profile = \"mine\"\n");
    let file = scene.home.configuration();
    let folder = file.parent().expect("a folder");
    for path in [folder, &file] {
        chown(path, Some(victim), Some(victim)).expect("given");
    }
    let opened = |path: &Path, mode: u32| {
        let kept = fs::metadata(path).expect("it is there").permissions();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("opened");
        scene.refused(7, "can be written by others");
        fs::set_permissions(path, kept).expect("closed");
    };
    opened(&file, 0o666);
    opened(folder, 0o777);
    chown(&file, Some(scene.attacker.uid()), None).expect("given away");
    scene.refused(7, &format!("belongs to uid {}", scene.attacker.uid()));
    chown(&file, Some(victim), None).expect("given back");
    scene.home.dt_cred(&["start"]).done();
}
