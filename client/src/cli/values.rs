//! Options whose value is one of a few words: they are read by their `FromStr`, and clap knows the words, so that it can
//! list and suggest them and a shell can complete them.

use std::{error::Error, str::FromStr};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use dt_cred_proto::message::{ClientAuth, Keyring};

use crate::{
    completions::CompletionShell,
    format::{Format, Shell},
    man::Page,
};

/// A type whose values have names.
pub(super) trait Words:
    FromStr<Err: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static
{
    /// Every name that may stand there.
    fn words() -> Vec<PossibleValue>;
}

/// Reads one of the names.
pub(super) fn one_of<T: Words>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::words()).try_map(|word| word.parse())
}

fn named<T>(names: &[(T, &'static str)]) -> Vec<PossibleValue> {
    names.iter().map(|(_, name)| PossibleValue::new(*name)).collect()
}

impl Words for Format {
    fn words() -> Vec<PossibleValue> {
        named(&Self::NAMES)
    }
}

impl Words for Shell {
    fn words() -> Vec<PossibleValue> {
        named(&Self::NAMES)
    }
}

impl Words for Keyring {
    fn words() -> Vec<PossibleValue> {
        // Whoever names a source is told why nothing can be kept there; nobody is led to it.
        Self::NAMES.map(|(keyring, name)| PossibleValue::new(name).hide(keyring.is_source())).into()
    }
}

impl Words for ClientAuth {
    fn words() -> Vec<PossibleValue> {
        [Self::Post, Self::Basic].map(|auth| PossibleValue::new(auth.name())).into()
    }
}

impl Words for CompletionShell {
    fn words() -> Vec<PossibleValue> {
        named(&Self::NAMES)
    }
}

impl Words for Page {
    fn words() -> Vec<PossibleValue> {
        named(&Self::NAMES)
    }
}
