//! Unix: the socket's file and its folder.

use std::{fs, os::unix::fs::PermissionsExt};

use dt_cred_tests::user::User;

use super::doctor;

#[test]
fn the_lines_where_no_daemon_may_be_started_are_these_to_the_letter() {
    let user = User::in_memory();
    let socket = user.home.socket().display().to_string();
    let expected = format!(
        "ok     socket       {socket} is not there: no daemon listens\n\
         fails  daemon       no daemon listens on {socket:?}: run dt-cred start\n\
         ok     service      none is installed\n\
         ok     environment  neither a secret nor a token is in it\n"
    );
    let doctor = user.dt_cred(&["doctor", "--no-start"]);
    assert_eq!((doctor.code, doctor.stdout), (Some(8), expected));
}

#[test]
fn a_unit_that_is_installed_is_told() {
    let mut user = User::in_memory();
    let units = user.home.path().join("units/systemd/user");
    fs::create_dir_all(&units).expect("made");
    fs::write(units.join("dt-cred.socket"), "").expect("written");
    user.home.set("XDG_CONFIG_HOME", user.home.path().join("units"));
    let text = user.dt_cred(&["doctor", "--no-start"]).stdout;
    let installed = units.join("dt-cred.socket").display().to_string();
    assert!(text.contains(&format!("installed: {installed}")) || !cfg!(target_os = "linux"), "{text}");
}

#[test]
fn a_socket_or_a_folder_that_is_open_to_others_fails_with_its_mend() {
    let user = User::in_memory();
    user.dt_cred(&["start"]).done();
    let socket = user.home.socket();
    let folder = socket.parent().expect("it lies in a folder").to_owned();
    for (path, open, private, words) in
        [(&socket, 0o666, 0o600, "is open to others: chmod 600"), (&folder, 0o750, 0o700, "chmod 700")]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(open)).expect("opened");
        let opened = user.dt_cred(&["doctor"]);
        assert_eq!(opened.code, Some(8), "{path:?}: {}", opened.stdout);
        let line = opened.stdout.lines().next().expect("a line");
        assert!(line.starts_with("fails    socket") || line.starts_with("fails  socket"), "{line}");
        assert!(line.contains(words), "{line}");
        let mode = fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, open, "nothing is changed");
        fs::set_permissions(path, fs::Permissions::from_mode(private)).expect("closed");
        assert_eq!(doctor(&user).0[0], "socket ok");
    }
}

#[test]
fn a_token_file_that_the_daemon_keeps_is_none_that_was_left_over() {
    let user = User::in_memory();
    user.home.configure(&format!(
        "[[profile.{}.file]]\npath = \"~/.datatrails/bearer-token.txt\"\n",
        user.profile()
    ));
    let file = user.home.path().join(".datatrails/bearer-token.txt");
    fs::create_dir(file.parent().expect("a folder")).expect("made");
    fs::set_permissions(file.parent().expect("a folder"), fs::Permissions::from_mode(0o700))
        .expect("private");
    fs::write(&file, "Authorization: Bearer left-over\n").expect("written");
    let without = user.dt_cred(&["doctor", "--no-start"]).stdout;
    assert!(without.contains("left-over file"), "{without}");
    let (checks, _) = doctor(&user);
    assert!(!checks.iter().any(|check| check.starts_with("left-over")), "{checks:?}");
    assert!(checks.iter().any(|check| check.starts_with("file of ")), "{checks:?}");
}

#[test]
fn a_daemon_that_says_nothing_fails_within_the_timeout() {
    let user = User::in_memory();
    let daemon = user.home.start_daemon();
    daemon.stop();
    let doctor = user.dt_cred(&["doctor", "--timeout", "0.5"]);
    assert_eq!((doctor.code, doctor.stderr.lines().count()), (Some(8), 1), "{}", doctor.stderr);
    let lines: Vec<_> = doctor.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "the rest is checked all the same: {lines:?}");
    assert!(
        lines[1].starts_with("fails  daemon") && lines[1].contains("did not answer within 0.5 s"),
        "{}",
        lines[1]
    );
    daemon.signal(rustix::process::Signal::CONT);
}
