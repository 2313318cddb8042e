//! Which command the arguments have come to, by clap's own account of the command line. Pure.

use std::ffi::OsString;

use clap::{Arg, Command};

/// Every command on the way, `root` the first, each with the place of the word behind its name: words that are no value of
/// an option, as far as they are known.
pub(super) fn walked<'a>(root: &'a Command, arguments: &[OsString]) -> Vec<(&'a Command, usize)> {
    let mut commands = vec![(root, 0)];
    let mut command = root;
    let mut words = arguments.iter().enumerate();
    while let Some((at, word)) = words.next() {
        let text = word.to_string_lossy();
        if text.starts_with('-') {
            if waiting(command, &text).is_some() {
                words.next();
            }
        } else if let Some(below) = command.find_subcommand(word) {
            command = below;
            commands.push((below, at + 1));
        } else {
            break;
        }
    }
    commands
}

/// The option whose value is the word behind this one.
pub(crate) fn waiting<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    if let Some(name) = word.strip_prefix("--") {
        let known = command.get_arguments().find(|arg| arg.get_long() == Some(name));
        return known.filter(|arg| arg.get_action().takes_values());
    }
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        let arg = command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
        if arg.get_action().takes_values() {
            // What follows it in the same word is its value.
            return letters.next().is_none().then_some(arg);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    #[test]
    fn the_words_that_are_no_values_name_the_commands() {
        let root = cli::command();
        for (words, path, behind) in [
            (&[][..], "dt-cred", 0),
            (&["get", "--format", "exec"], "dt-cred get", 1),
            (&["-p", "get", "stop"], "dt-cred stop", 3),
            (&["-vp", "get", "stop"], "dt-cred stop", 3),
            (&["-vpget", "stop"], "dt-cred stop", 2),
            (&["--timeout", "get", "--no-start", "--verbose", "stop"], "dt-cred stop", 5),
            (&["--timeout=get", "stop"], "dt-cred stop", 2),
            (&["keyring", "-p", "list", "move", "--to", "list"], "dt-cred keyring move", 4),
            (&["logout", "--all"], "dt-cred erase", 1),
            (&["exec", "--min-ttl", "9", "get"], "dt-cred exec", 1),
            (&["nonsense", "get"], "dt-cred", 0),
            (&["get", "stop"], "dt-cred get", 1),
            (&["-p"], "dt-cred", 0),
        ] {
            let arguments: Vec<_> = words.iter().map(OsString::from).collect();
            let commands = walked(&root, &arguments);
            let names: Vec<_> = commands.iter().map(|(command, _)| command.get_name()).collect();
            assert_eq!(names.join(" "), path, "{words:?}");
            assert_eq!(commands.last().map(|(_, behind)| *behind), Some(behind), "{words:?}");
        }
    }
}
