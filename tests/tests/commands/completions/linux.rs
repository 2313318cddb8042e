//! The shells themselves: what is typed, and what stands there after the key Tab.

use std::process::Command;

use dt_cred_tests::{
    issuer::Sandbox,
    parts::{Home, on_path, require, run, terminal::Terminal},
    user::User,
};

/// What is typed, and what the shell makes of it: a command, an option, a value, a value behind `=`, a file, a store that
/// a nested command takes, a nested command. `@` is the profile of a daemon that runs, `@@` how its name begins.
const TYPED: &[(&str, &str)] = &[
    ("dt-cred unl", "dt-cred unlock"),
    ("dt-cred get --fr", "dt-cred get --fresh"),
    ("dt-cred get --format js", "dt-cred get --format json"),
    ("dt-cred get --format=ra", "dt-cred get --format=raw"),
    ("dt-cred login --ca-file root-of", "dt-cred login --ca-file root-of-trust.pem"),
    ("dt-cred login --ca-file=root-of", "dt-cred login --ca-file=root-of-trust.pem"),
    ("dt-cred keyring move --to keyu", "dt-cred keyring move --to keyutils"),
    ("dt-cred integration rot", "dt-cred integration rotate"),
    ("dt-cred integration rotate @@", "dt-cred integration rotate @"),
    ("dt-cred integration list --as @@", "dt-cred integration list --as @"),
    ("dt-cred get -p @@", "dt-cred get -p @"),
    ("dt-cred --profile=@@", "dt-cred --profile=@"),
    ("dt-cred completions power", "dt-cred completions powershell"),
    ("dt-cred git-cred", "dt-cred git-cred"),
];

/// Somebody with a token, whose shells find `dt-cred`.
fn user(sandbox: &Sandbox) -> User {
    let mut user = User::logged_in(sandbox);
    let program = user.home.client_program();
    let folder = program.parent().expect("a folder").display();
    user.home.set("PATH", format!("{folder}:/usr/bin:/bin"));
    user.home.set("TERM", "xterm");
    std::fs::write(user.home.path().join("root-of-trust.pem"), "").expect("a file");
    user
}

/// Each line that is typed, and what it must become.
fn typed(profile: &str) -> Vec<(String, String)> {
    let begins = &profile[..profile.len() - 1];
    let named = |line: &str| line.replace("@@", begins).replace('@', profile);
    TYPED.iter().map(|(typed, completed)| (named(typed), named(completed))).collect()
}

/// What a shell at a terminal has made of each line at Tab. It prompts with `<N>`, where N is the number of lines that it
/// has printed, which `print` has it do.
fn at_a_terminal(shell: &Command, begin: &str, lines: &[(String, String)], print: &str) -> Vec<String> {
    let mut terminal = Terminal::new();
    let started = terminal.start(shell);
    terminal.press(begin);
    for (number, (typed, _)) in lines.iter().enumerate() {
        terminal.until(&format!("<{number}>"));
        terminal.press(&format!("{typed}\t{print}"));
    }
    terminal.until(&format!("<{}>", lines.len()));
    terminal.press("exit\n");
    started.ended().stdout.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn shell(home: &Home, words: &[&str]) -> Command {
    let mut command = home.command(words[0]);
    command.args(&words[1..]);
    command
}

#[track_caller]
fn check(shell: &str, completed: &[String], lines: &[(String, String)]) {
    let wanted: Vec<_> = lines.iter().map(|(_, wanted)| wanted.as_str()).collect();
    assert_eq!(completed, wanted, "{shell}");
}

#[test]
fn bash_completes_commands_options_values_files_and_profiles() {
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    let lines = typed(user.profile());
    let begin = "exec 2>/dev/tty; eval \"$(dt-cred completions bash)\"; n=0 PS1='<$n>'\n";
    // Its prompt goes to standard error. The whole line in quotes, to be printed.
    let print = "\u{1}echo '\u{5}'; n=$((n + 1))\n";
    let bash = shell(&user.home, &["bash", "--norc", "--noprofile", "-i"]);
    check("bash", &at_a_terminal(&bash, begin, &lines, print), &lines);
}

#[test]
fn zsh_completes_commands_options_values_files_and_profiles() {
    if !require("zsh", on_path(&["zsh"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    let lines = typed(user.profile());
    let begin = "setopt prompt_subst; autoload -Uz compinit; compinit -D -u; source <(dt-cred completions zsh); \
                 said() { print -r -- \"$BUFFER\"; BUFFER=; ((n += 1)); zle accept-line }; zle -N said; bindkey '^X' said; \
                 n=0 PS1='<$n>'\n";
    check("zsh", &at_a_terminal(&shell(&user.home, &["zsh", "-f", "-i"]), begin, &lines, "\u{18}"), &lines);
}

#[test]
fn fish_completes_commands_options_values_files_and_profiles() {
    if !require("fish", on_path(&["fish"])) {
        return;
    }
    let sandbox = Sandbox::http();
    let user = user(&sandbox);
    let lines = typed(user.profile());
    // fish tells what may stand in the place of the last word.
    let script = "dt-cred completions fish | source; for line in $argv; set -l may (complete -C $line | string replace -r '\\t.*' ''); \
                  set -l kept (string replace -r '[^ ]*$' '' -- $line); test -n \"$may\"; or set may (string replace -r '^.* ' '' -- $line); \
                  echo $kept$may; end";
    let mut fish = shell(&user.home, &["fish", "--no-config", "-c", script]);
    fish.args(lines.iter().map(|(typed, _)| typed));
    let completed: Vec<_> = run(fish, "").done().lines().map(str::to_owned).collect();
    check("fish", &completed, &lines);
}

#[test]
fn each_script_is_one_that_its_shell_can_read() {
    let home = Home::new();
    for (shell, arguments) in [("bash", &["-n"][..]), ("zsh", &["-f", "-n"]), ("fish", &["--no-execute"])] {
        if !require(shell, on_path(&[shell])) {
            continue;
        }
        let script = home.path().join("script");
        std::fs::write(&script, home.dt_cred(&["completions", shell]).done()).expect("a script");
        let mut command = home.command(shell);
        command.args(arguments).arg(script);
        let read = run(command, "");
        assert_eq!((read.code, read.stderr.as_str()), (Some(0), ""), "{shell}");
    }
}
