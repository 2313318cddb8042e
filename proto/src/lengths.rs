//! Strings and sequences whose length is believed only as far as their bytes are there.
//!
//! serde and bincode reserve what a length claims before they look for what it counts: ten bytes could have a
//! mebibyte allocated. Here a string is taken from the body itself, and a sequence grows as its elements arrive.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// A string.
pub(crate) fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    // Not `deserialize_string`: for that one bincode allocates first.
    deserializer.deserialize_str(Whole)
}

/// A string that may be absent.
pub(crate) fn optional_string<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(Option::<Arrived>::deserialize(deserializer)?.map(|Arrived(text)| text))
}

/// A sequence.
pub(crate) fn sequence<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(Growing(PhantomData))
}

struct Arrived(String);

impl<'de> Deserialize<'de> for Arrived {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        string(deserializer).map(Self)
    }
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }
}

struct Growing<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Growing<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(elements)
    }
}
