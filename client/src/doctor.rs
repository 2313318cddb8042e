//! `dt-cred doctor`: everything between the user and a token, one line each with its mend. It asks for a token as a `get`
//! does, and has one that the API refuses replaced; it changes nothing else.

mod daemon;
mod environment;
mod findings;
mod keyrings;
mod profiles;
mod report;
mod service;
#[cfg(unix)]
#[path = "doctor/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "doctor/windows.rs"]
mod system;

use dt_cred_proto::{
    message::{Failure, FailureKind, Verdict},
    text::Text,
};

use crate::{cli::DoctorArguments, output, settings::Settings};

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Check {
    name: Text,
    verdict: Verdict,
    found: Text,
    mend: Option<Text>,
}

impl Check {
    fn ok(name: impl Into<Text>, found: impl Into<Text>) -> Self {
        Self { name: name.into(), verdict: Verdict::Ok, found: found.into(), mend: None }
    }

    /// It works, and `mend` would make it better.
    fn warning(name: impl Into<Text>, found: impl Into<Text>, mend: impl Into<Text>) -> Self {
        let mend = Some(mend.into());
        Self { name: name.into(), verdict: Verdict::Warning, found: found.into(), mend }
    }

    /// What a message says that holds its mend already.
    fn told(name: impl Into<Text>, verdict: Verdict, message: impl Into<Text>) -> Self {
        Self { name: name.into(), verdict, found: message.into(), mend: None }
    }
}

/// Checks everything and tells it, also where something fails.
///
/// # Errors
/// That something fails.
pub(crate) fn run(settings: &Settings, arguments: &DoctorArguments) -> Result<(), Failure> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let (daemon, seen) = daemon::look(settings);
    let kept = seen.as_ref().map(|seen| seen.state.files.as_slice());
    let checks = [
        vec![system::socket(settings), daemon],
        seen.iter().flat_map(|seen| daemon::defences(&seen.state)).collect(),
        seen.iter().flat_map(keyrings::checks).collect(),
        seen.iter().flat_map(|seen| profiles::checks(&seen.state, &seen.examined.profile)).collect(),
        seen.iter().flat_map(|seen| findings::checks(&seen.examined)).collect(),
        service::checks(settings),
        environment::checks(variable, kept),
    ]
    .concat();
    output::write(if arguments.json { report::json(&checks, variable) } else { report::text(&checks) })?;
    match checks.iter().filter(|check| check.verdict == Verdict::Fails).count() {
        0 => Ok(()),
        fails => Err(Failure::new(
            FailureKind::Other,
            format!("{fails} of {} checks failed: each says what mends it", checks.len()),
        )),
    }
}
