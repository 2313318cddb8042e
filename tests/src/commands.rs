//! Which commands there are: as the program itself tells it, so that a new one is in every test here.

use crate::user::User;

/// Every command, each as the words that name it; the program itself is the empty one.
pub fn all(user: &User) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = found.get(next).cloned() {
        let below = listed(&help(user, &command, "-h"));
        found.extend(below.into_iter().map(|name| [command.clone(), vec![name]].concat()));
        next += 1;
    }
    found
}

/// Those that do something: what only holds others is a usage error by itself.
pub fn leaves(user: &User) -> Vec<String> {
    let all = all(user);
    let is_leaf = |command: &&Vec<String>| {
        !all.iter().any(|other| other.len() > command.len() && other.starts_with(command))
    };
    all.iter().filter(is_leaf).map(|command| command.join(" ")).collect()
}

/// The help of a command.
pub fn help(user: &User, command: &[String], option: &str) -> String {
    let words: Vec<_> = command.iter().map(String::as_str).chain([option]).collect();
    user.dt_cred(&words).done()
}

/// The commands that a help lists, in groups or not, but for `help` itself: what stands before the options.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().take_while(|line| !matches!(*line, "Arguments:" | "Options:"));
    // What stands further right goes on with the line before.
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
