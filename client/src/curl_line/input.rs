//! What a value has curl read.

use super::options::Source;

/// What is read besides the value itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input<'a> {
    /// Nothing.
    None,
    /// A file.
    File(&'a str),
    /// Standard input.
    Standard,
    /// Several files, or a name that is written in a way of its own.
    Many,
}

/// What `value` has curl read, where the name of a file may stand at `source`.
pub(super) fn of(source: Source, value: &str) -> Input<'_> {
    match source {
        Source::Whole => file(value),
        Source::At => value.strip_prefix('@').map_or(Input::None, file),
        Source::Named if value.contains('=') || value.starts_with('+') => Input::None,
        Source::Named => value.split_once('@').map_or(Input::None, |(_, name)| file(name)),
        Source::Form => form(value),
        Source::Upload if value == "." => Input::Standard,
        Source::Upload if value.contains(['{', '[', '\\']) => Input::Many,
        Source::Upload => file(value),
        Source::Cookie if value.contains('=') || value.is_empty() => Input::None,
        Source::Cookie => file(value),
    }
}

fn file(name: &str) -> Input<'_> {
    if name == "-" { Input::Standard } else { Input::File(name) }
}

/// `name=@file;type=…`, `name=<file`, `name="a@b"`; `;headers=@file` names one as well.
fn form(value: &str) -> Input<'_> {
    let content = value.split_once('=').map_or("", |(_, content)| content);
    match content.strip_prefix(['@', '<']) {
        Some(names) => match names.split_once([';', ',', '"']) {
            None => file(names),
            Some(("-", _)) => Input::Standard,
            Some(_) => Input::Many,
        },
        None if content.contains("headers=") => Input::Many,
        None => Input::None,
    }
}
