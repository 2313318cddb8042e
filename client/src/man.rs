//! `dt-cred man`: the manual, as roff on standard output. The pages lie in `packaging/man`, where packages take them from.

use std::{fmt, str::FromStr};

use dt_cred_proto::message::Failure;

use crate::{
    format::{UnknownName, named},
    output,
};

/// A page of the manual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// dt-cred(1).
    Client,
    /// dt-credd(1).
    Daemon,
    /// dt-cred-config(5).
    Configuration,
}

impl Page {
    /// Every one, by its name.
    pub(crate) const NAMES: [(Self, &'static str); 3] =
        [(Self::Client, "dt-cred"), (Self::Daemon, "dt-credd"), (Self::Configuration, "dt-cred-config")];

    fn text(self) -> &'static str {
        match self {
            Self::Client => include_str!("../../packaging/man/dt-cred.1"),
            Self::Daemon => include_str!("../../packaging/man/dt-credd.1"),
            Self::Configuration => include_str!("../../packaging/man/dt-cred-config.5"),
        }
    }
}

impl FromStr for Page {
    type Err = UnknownName;

    fn from_str(word: &str) -> Result<Self, UnknownName> {
        named(&Self::NAMES, word)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(page, _)| page == self).map_or("", |(_, name)| name))
    }
}

/// Prints a page.
///
/// # Errors
/// Where standard output takes no more.
pub(crate) fn run(page: Page) -> Result<(), Failure> {
    Ok(output::write(page.text())?)
}
