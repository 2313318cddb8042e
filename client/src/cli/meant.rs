//! What was perhaps meant by a word that is not known. clap's own measure finds no `get` in `gte`.

use std::ffi::OsString;

use clap::{
    Command,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::walk::walked;

/// What was perhaps meant by the word that `error` is about, as it is told: one of those that may stand there, or the same
/// one elsewhere.
pub(super) fn meant(error: &Error, root: &Command, arguments: &[OsString]) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let command = walked(root, arguments).last().map_or(root, |(command, _)| *command);
    let (word, likeliest) = if let Some(word) = text(ContextKind::InvalidSubcommand) {
        (word, likeliest(word, command.get_subcommands().map(|known| known.get_name().to_owned())))
    } else if let (Some(word), Some(ContextValue::Strings(values))) =
        (text(ContextKind::InvalidValue), error.get(ContextKind::ValidValue))
    {
        (word, likeliest(word, values.iter().cloned()))
    } else {
        // What stands in the way of another one is right as it is.
        let unknown = text(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument);
        let word = unknown.filter(|word| word.starts_with("--"))?;
        let options = command.get_arguments().filter(|known| !known.is_hide_set());
        (word, likeliest(word, options.filter_map(|known| Some(format!("--{}", known.get_long()?)))))
    };
    Some(match likeliest? {
        same if same == word => format!("write it behind {}", command.get_name()),
        other => format!("did you mean {other}?"),
    })
}

/// The command that the arguments have come to, as it is typed.
pub(super) fn path(root: &Command, arguments: &[OsString]) -> String {
    let names = walked(root, arguments).into_iter().map(|(command, _)| command.get_name());
    names.collect::<Vec<_>>().join(" ")
}

/// What begins with `word`, else what one slip, in a long word two, makes of it.
fn likeliest(word: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let slips = if word.chars().count() > 5 { 2 } else { 1 };
    let begins = |known: &str| word.trim_start_matches('-').len() > 2 && known.starts_with(word);
    let measured = known.map(|known| (if begins(&known) { 0 } else { distance(word, &known) }, known));
    measured
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// How many letters must be put in, left out, replaced or swapped with the next one to come from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_are_put_in_left_out_replaced_or_swapped_are_slips() {
        for (a, b, slips) in [
            ("get", "get", 0),
            ("gte", "get", 1),
            ("gt", "get", 1),
            ("gett", "get", 1),
            ("", "get", 3),
            ("sotp", "stop", 1),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (slips, slips), "{a} {b}");
        }
    }

    #[test]
    fn what_is_like_nothing_is_not_guessed() {
        let known = || ["get", "status", "start", "stop"].into_iter().map(str::to_owned);
        for (word, meant) in [
            ("stat", Some("status")),
            ("stpo", Some("stop")),
            ("s", None),
            ("xyz", None),
            ("", None),
            ("statsu", Some("status")),
        ] {
            assert_eq!(likeliest(word, known()).as_deref(), meant, "{word}");
        }
    }
}
