//! Linux: `dt-cred` becomes the program, which finds everything as it would have without.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
};

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Output, Running, binaries, on_path, require, root, run},
    user::User,
};
use rustix::process::Signal;

use super::exec;

fn user() -> (Sandbox, User) {
    let sandbox = Sandbox::http();
    let user = User::logged_in(&sandbox);
    (sandbox, user)
}

#[test]
fn the_process_becomes_the_program_and_a_signal_ends_that() {
    let (_sandbox, mut user) = user();
    // Whoever runs the tests may ignore some: a shell does for what it runs in the background.
    user.home.run_by(&["env", "--default-signal"]);
    for options in [&[][..], &["--file"]] {
        for signal in [Signal::TERM, Signal::INT, Signal::KILL, Signal::PIPE] {
            let script = ["--", "sh", "-c", "echo $$; read line"];
            let mut program = Running::start(user.home.client(&[&["exec"], options, &script].concat()), "");
            assert_eq!(
                program.first_line(),
                program.pid().as_raw_pid().to_string(),
                "no process of ours is in between"
            );
            let of = format!("/proc/{}", program.pid().as_raw_pid());
            assert_eq!(fs::read_link(format!("{of}/exe")).ok(), fs::canonicalize("/bin/sh").ok());
            program.signal(signal);
            assert_eq!(program.wait().signal(), Some(signal.as_raw()), "{options:?}");
        }
    }
}

#[test]
fn arguments_are_untouched() {
    let (_sandbox, user) = user();
    let odd =
        ["", " ", "a b", "*", "$HOME", "gr\u{fc}n \u{1f511}", "a\nb", "\"q\"", "--file", "-p", "--", "\\"];
    let output = exec(&user, &[], &[&["printf", "<%s>"][..], &odd].concat());
    assert_eq!(output.done(), odd.map(|word| format!("<{word}>")).concat());
    // What is no text is an argument, too.
    let raw = std::os::unix::ffi::OsStringExt::from_vec(vec![b'a', 0xff, b'b']);
    let raw: std::ffi::OsString = raw;
    let mut command = user.home.client(&["exec", "sh", "-c", "printf %s \"$1\" | od -An -tx1", "sh"]);
    command.arg(&raw);
    assert_eq!(run(command, "").done().trim(), "61 ff 62");
}

/// What a shell prints by this script, by itself and by `exec`; `before` is done first.
#[track_caller]
fn by_itself_and_by_exec(user: &User, before: &str, script: &str) -> (String, String) {
    let quoted = script.replace('\'', "'\\''");
    let shell = |exec: &str| user.shell(&format!("{before}\n{exec} sh -c '{quoted}'")).done();
    (shell("env"), shell("dt-cred exec"))
}

#[test]
fn signals_limits_folder_mask_and_priority_are_the_callers() {
    let (_sandbox, user) = user();
    let script = "grep -E '^(SigBlk|SigIgn|SigCgt|Umask|NoNewPrivs|Seccomp):' /proc/self/status; cat /proc/self/limits; \
                  pwd; nice; umask; tty; :";
    for before in
        ["", "ulimit -c 123; umask 027; cd /; ulimit -n 200", "ulimit -c unlimited 2>/dev/null; trap '' INT"]
    {
        let (itself, by_exec) = by_itself_and_by_exec(&user, before, script);
        assert!(itself.contains("Max core file size"), "{itself}");
        assert_eq!(by_exec, itself, "{before}");
    }
}

#[test]
fn the_programs_memory_is_as_open_as_any() {
    if !require("python3", on_path(&["python3"])) {
        return;
    }
    let (_sandbox, user) = user();
    // PR_GET_DUMPABLE.
    let python = ["python3", "-c", "import ctypes; print(ctypes.CDLL(None).prctl(3))"];
    assert_eq!(exec(&user, &["--file"], &python).done(), "1\n");
}

/// The descriptors of the program, by number.
fn descriptors(output: Output) -> Vec<u32> {
    let mut numbers: Vec<_> = output.done().lines().map(|line| line.parse().expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn the_program_has_the_callers_descriptors_and_the_connection_that_holds_its_file() {
    let (_sandbox, user) = user();
    let list = "sh -c 'ls /proc/$$/fd; :'";
    for before in ["", "exec 7</dev/null;"] {
        // Whoever runs the tests may have given them some, too.
        let itself = descriptors(user.shell(&format!("{before} env {list}")));
        assert_eq!(descriptors(user.shell(&format!("{before} dt-cred exec {list}"))), itself);
        assert_eq!(itself.contains(&7), !before.is_empty());
    }
    let itself = descriptors(user.shell(&format!("env {list}")));
    let mut with_file = descriptors(user.shell(&format!("dt-cred exec --file {list}")));
    with_file.retain(|number| !itself.contains(number));
    let [held] = with_file[..] else { panic!("{with_file:?}") };
    // Scripts take 3 to 9 for their own.
    assert!(held >= 10, "{held}");
}

#[test]
fn what_is_there_and_cannot_be_run_is_126() {
    let (_sandbox, user) = user();
    let file = user.home.path().join("no-program");
    fs::write(&file, "#!/bin/sh\n").expect("written");
    let file = file.to_str().expect("text");
    for program in [file, "/", &format!("{file}/below")] {
        let output = exec(&user, &[], &[program]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(126), ""), "{}", output.stderr);
        assert!(
            output.stderr.starts_with(&format!("dt-cred: cannot run \"{program}\": ")),
            "{}",
            output.stderr
        );
        assert_eq!(output.stderr.lines().count(), 1);
    }
}

#[test]
fn what_names_no_interpreter_is_given_to_the_shell_as_env_does() {
    let (_sandbox, user) = user();
    let (folder, hidden) = (user.home.path().join("tools"), user.home.path().join("hidden"));
    for (folder, mode, says) in
        [(&hidden, 0o600, "echo hidden\n"), (&folder, 0o700, "printf '<%s>' $$ \"$@\"\n")]
    {
        fs::create_dir(folder).expect("a folder");
        let file = folder.join("-plain text");
        fs::write(&file, says).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode");
    }
    let path = format!("PATH={}:{}:$PATH", hidden.display(), folder.display());
    let by_path = format!("\"{}/-plain text\"", folder.display());
    for program in ["'-plain text'", &by_path] {
        let output = user.shell(&format!("{path}; echo \"<$$>\"; exec dt-cred exec -- {program} 'a  b' ''"));
        let said = output.done();
        let (pid, rest) = said.split_once('\n').expect("two lines");
        assert_eq!(rest, format!("{pid}<a  b><>"), "{program}");
    }
}

#[test]
fn without_a_path_no_program_of_the_callers_folder_is_run_in_place_of_one_that_names_no_interpreter() {
    if !root("a folder in place of /usr/local/bin") {
        return;
    }
    let (_sandbox, user) = user();
    let folders = ["named", "own"].map(|name| {
        let folder = user.home.path().join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("some-tool"), format!("echo {name}\n")).expect("written");
        fs::set_permissions(folder.join("some-tool"), fs::Permissions::from_mode(0o700)).expect("its mode");
        folder.display().to_string()
    });
    let [named, own] = folders;
    let client = binaries::client();
    let script = format!(
        "mount --bind {named} /usr/local/bin && cd {own} && unset PATH && exec {} exec -- some-tool",
        client.display()
    );
    let mut unshare = user.home.command("unshare");
    unshare.args(["--mount", "sh", "-c", &script]);
    let output = run(unshare, "");
    // musl looks in that folder, glibc does not.
    assert!(
        matches!((output.code, output.stdout.as_str()), (Some(0), "named\n") | (Some(127), "")),
        "{output:?}"
    );
}

#[test]
fn a_program_that_is_asked_for_a_token_by_name_finds_it_in_neither_arguments_nor_the_clients_errors() {
    let (_sandbox, user) = user();
    let token = user.token();
    let arguments = "tr '\\0' ' ' </proc/$$/cmdline";
    let output = user.shell(&format!("dt-cred exec sh -c \"{arguments}\""));
    assert!(output.stderr.is_empty());
    assert!(!output.done().contains(&token));
}

#[test]
fn a_closed_standard_output_is_closed_for_the_program_too() {
    let (_sandbox, user) = user();
    let output = user.shell("dt-cred exec -- sh -c 'echo lost; echo \"code $?\" >&2' >&-");
    assert!(output.stderr.contains("code 1"), "nothing is lost in silence: {}", output.stderr);
}
