//! What may stand at a place of the command line, by clap's own account of it. Pure.

use clap::{Arg, Command, ValueHint};

use crate::cli::waiting;

/// Commands that programs call and nobody types.
const CALLED: [&str; 2] = ["git-credential", "kubectl-credential"];

/// The option of `curl` that is ours.
const ALLOW_HOST: &str = "--allow-host";

/// Whatever takes a profile that is there.
const PROFILES: [&str; 4] = ["profile", "by", "of", "whose"];

/// What may stand where the cursor is.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Completion {
    /// One of these words, each with what it is.
    Words(Vec<(String, String)>),
    /// The name of a profile, behind this.
    Profile {
        /// What of the word is typed already and no part of the name: `--profile=`.
        before: String,
        /// How the name begins.
        begins: String,
    },
    /// A file's name.
    File,
    /// A word of a command line that is another program's and begins with the word of this number.
    Command(usize),
}

impl Completion {
    /// The answer to the shell; `profiles` is asked only where a name of one is wanted.
    pub(super) fn lines(self, profiles: impl FnOnce() -> Vec<String>) -> String {
        match self {
            Self::Words(words) => words
                .iter()
                .map(
                    |(word, what)| {
                        if what.is_empty() { format!("{word}\n") } else { format!("{word}\t{what}\n") }
                    },
                )
                .collect(),
            Self::Profile { before, begins } => {
                let names = profiles().into_iter().filter(|name| name.starts_with(&begins));
                names.map(|name| format!("{before}{name}\tprofile\n")).collect()
            }
            Self::File => ":files\n".to_owned(),
            Self::Command(begin) => format!(":command {begin}\n"),
        }
    }
}

/// What may stand in the place of `current`, behind the words `before`. The command must be built.
pub(super) fn complete(root: &Command, before: &[String], current: &str) -> Completion {
    let mut command = root;
    let (mut positional, mut pending, mut only_values) = (0, None, false);
    for (at, word) in before.iter().enumerate() {
        if pending.take().is_some() {
            continue;
        }
        if word == "--" && !only_values {
            only_values = true;
        } else if !only_values && word.len() > 1 && word.starts_with('-') {
            pending = waiting(command, word);
        } else if let Some(next) = command.find_subcommand(word).filter(|_| !only_values) {
            command = next;
            // Its arguments are curl's, which the shell may know, but for one of ours directly behind it.
            if command.get_name() == "curl" {
                let ours = options(command, current).into_iter().filter(|(name, _)| name == ALLOW_HOST);
                let ours: Vec<_> =
                    ours.filter(|_| at + 1 == before.len() && current.len() > "--a".len()).collect();
                return if ours.is_empty() { Completion::Command(at) } else { Completion::Words(ours) };
            }
        } else if has_own_words(command) {
            return Completion::Command(at);
        } else {
            positional += 1;
        }
    }
    if let Some(arg) = pending {
        return value(arg, "", current);
    }
    if !only_values && current.starts_with('-') {
        return match current.split_once('=') {
            Some((name, begins)) if name.starts_with("--") => option(command, name)
                .map_or(Completion::Words(Vec::new()), |arg| value(arg, &format!("{name}="), begins)),
            _ => Completion::Words(options(command, current)),
        };
    }
    if has_own_words(command) {
        return Completion::Command(before.len());
    }
    match command.get_positionals().nth(positional) {
        Some(arg) => value(arg, "", current),
        None if only_values || positional > 0 => Completion::Words(Vec::new()),
        None => Completion::Words(subcommands(command, current)),
    }
}

/// Whether what stands there is a command line of another program.
fn has_own_words(command: &Command) -> bool {
    command.get_positionals().any(|arg| arg.is_trailing_var_arg_set() || arg.is_last_set())
}

fn option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == name.strip_prefix("--"))
}

fn value(arg: &Arg, before: &str, begins: &str) -> Completion {
    if PROFILES.contains(&arg.get_id().as_str()) {
        return Completion::Profile { before: before.to_owned(), begins: begins.to_owned() };
    }
    match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath | ValueHint::ExecutablePath => {
            return Completion::File;
        }
        _ => {}
    }
    let values = arg.get_possible_values();
    let shown = values.iter().filter(|value| !value.is_hide_set() && value.get_name().starts_with(begins));
    Completion::Words(shown.map(|value| (format!("{before}{}", value.get_name()), String::new())).collect())
}

fn options(command: &Command, begins: &str) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let what = |arg: &Arg| arg.get_help().map_or(String::new(), |help| first_line(&help.to_string()));
    let named = shown.filter_map(|arg| Some((format!("--{}", arg.get_long()?), what(arg))));
    named.filter(|(name, _)| name.starts_with(begins)).collect()
}

fn subcommands(command: &Command, begins: &str) -> Vec<(String, String)> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let typed = shown.filter(|command| !CALLED.contains(&command.get_name()));
    let what =
        |command: &Command| command.get_about().map_or(String::new(), |about| first_line(&about.to_string()));
    let named = typed.map(|command| (command.get_name().to_owned(), what(command)));
    named.filter(|(name, _)| name.starts_with(begins)).collect()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    /// A command line with everything that the engine tells apart.
    fn root() -> Command {
        let own = Arg::new("own").num_args(1..).trailing_var_arg(true);
        let globals = [
            Arg::new("profile").short('p').long("profile"),
            Arg::new("quiet").short('q').long("quiet").action(ArgAction::SetTrue),
        ];
        let mut root = Command::new("dt-cred")
            .args(&globals)
            .subcommand(
                Command::new("get")
                    .about("Print the token")
                    .alias("fetch")
                    .arg(Arg::new("format").long("format").value_parser(["raw", "json"]).help("How"))
                    .arg(Arg::new("ca").long("ca-file").value_hint(ValueHint::FilePath))
                    .arg(Arg::new("secret").long("secret").hide(true))
                    .args(globals),
            )
            .subcommand(Command::new("completions").arg(Arg::new("shell").value_parser(["bash", "zsh"])))
            .subcommand(Command::new("exec").arg(Arg::new("file").long("file")).arg(own.clone()))
            .subcommand(Command::new("curl").arg(Arg::new("host").long("allow-host")).arg(own))
            .subcommand(Command::new("git-credential"))
            .subcommand(Command::new("secret").hide(true));
        root.build();
        root
    }

    fn told(before: &str, current: &str) -> String {
        let before: Vec<_> = before.split_whitespace().map(str::to_owned).collect();
        let lines = complete(&root(), &before, current)
            .lines(|| vec!["a".to_owned(), "ab".to_owned(), "b".to_owned()]);
        lines.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_place_has_what_may_stand_there() {
        for (before, current, wanted) in [
            ("", "", "get completions exec curl help"),
            ("", "g", "get"),
            ("-q", "g", "get"),
            ("-p get", "g", "get"),
            ("--profile=get", "g", "get"),
            ("", "secret", ""),
            ("nonsense", "", ""),
            ("get", "--", "--format --ca-file --profile --quiet --help"),
            ("get", "-", "--format --ca-file --profile --quiet --help"),
            ("fetch", "--for", "--format"),
            ("get", "", ""),
            ("get --format", "", "raw json"),
            ("get --format", "-", ""),
            ("get", "--format=r", "--format=raw"),
            ("get", "--nonsense=r", ""),
            ("get", "--format=x", ""),
            ("get --format raw", "--q", "--quiet"),
            ("get -p", "a", "a ab"),
            ("get -qp", "b", "b"),
            ("get -pq", "--q", "--quiet"),
            ("get", "--profile=ab", "--profile=ab"),
            ("get --ca-file", "x", ":files"),
            ("get", "--ca-file=x", ":files"),
            ("completions", "", "bash zsh"),
            ("completions", "z", "zsh"),
            ("completions --", "z", "zsh"),
            ("completions bash", "", ""),
            ("get --", "--f", ""),
        ] {
            assert_eq!(told(before, current), wanted, "{before:?} {current:?}");
        }
    }

    #[test]
    fn a_command_line_of_another_program_is_left_to_the_shell_from_its_first_word_on() {
        for (before, current, wanted) in [
            ("exec", "", ":command 1"),
            ("exec --", "", ":command 2"),
            ("exec -- make", "-", ":command 2"),
            ("-p a exec -- make --help", "x", ":command 4"),
            ("exec --file", "x", ""),
            ("-p", "a", "a ab"),
            // What holds for every command stands before it.
            ("exec", "-", "--file --help"),
            ("exec", "--p", ""),
            ("exec", "--profile=", ""),
            ("exec -p", "a", ":command 2"),
            // With its own name, so that what completes curl completes it.
            ("curl", "--anya", ":command 0"),
            ("curl", "--al", "--allow-host"),
            ("curl", "--a", ":command 0"),
            ("-p a curl -o", "--al", ":command 2"),
            ("-p a curl -o", "x", ":command 2"),
        ] {
            assert_eq!(told(before, current), wanted, "{before:?} {current:?}");
        }
    }

    #[test]
    fn behind_exec_there_are_its_own_options_alone() {
        let offered = |before: &[&str]| {
            let before: Vec<_> = before.iter().map(|word| (*word).to_owned()).collect();
            let words = complete(&crate::cli::command(), &before, "--").lines(Vec::new);
            words.lines().filter_map(|line| Some(line.split_once('\t')?.0.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(offered(&["exec"]), ["--min-ttl", "--file", "--help"]);
        for before in [&[][..], &["get"], &["keyring", "list"]] {
            for global in ["--profile", "--timeout", "--no-start", "--verbose"] {
                assert!(offered(before).iter().any(|word| word == global), "{before:?} {global}");
            }
        }
    }

    #[test]
    fn a_word_comes_with_what_it_is() {
        let words = complete(&root(), &[], "get").lines(Vec::new);
        assert_eq!(words, "get\tPrint the token\n");
        let words = complete(&root(), &["get".to_owned()], "--form").lines(Vec::new);
        assert_eq!(words, "--format\tHow\n");
    }

    #[test]
    fn the_profiles_are_asked_for_only_where_a_name_is_wanted() {
        for (before, current) in [("get", "--"), ("", ""), ("get", "--ca-file=")] {
            let before: Vec<_> = before.split_whitespace().map(str::to_owned).collect();
            complete(&root(), &before, current).lines(|| panic!("asked at {before:?} {current:?}"));
        }
    }
}
