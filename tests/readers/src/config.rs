use std::{path::Path, time::Duration};

use dt_cred_proto::profile::Profile;
use dt_credd::config::{Config, LIMIT, Proxy};

use crate::{SLACK, file, told, within};

/// How much more memory TOML takes than its bytes: each dot of a key makes a table with room for eleven members.
pub(crate) const TOML: usize = 1250;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The configuration.
///
/// # Panics
/// Where a rule is broken.
pub fn config(data: &[u8]) -> bool {
    // What is not UTF-8 is refused before it is parsed.
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let limit = usize::try_from(LIMIT).unwrap_or(usize::MAX);
    match within(8 * SLACK + TOML * text.len().min(limit), || Config::parse(file(), text)) {
        Ok(config) => {
            assert!(text.len() <= limit, "longer than the limit");
            config.named().chain([&config.default_profile]).for_each(|profile| holds(&config, profile));
            assert!(config.with_files().all(|profile| !config.profile(profile).files.is_empty()));
            true
        }
        Err(error) => {
            told(&error);
            false
        }
    }
}

/// What holds of the preferences for `profile`.
fn holds(config: &Config, profile: &Profile) {
    let of = config.profile(profile);
    assert!(of.min_ttl <= DAY && of.keep_warm <= 1_000_000);
    assert!(of.default_lifetime >= Duration::from_secs(1) && of.default_lifetime <= 30 * DAY);
    if let Some(program) = of.keyring_command.first() {
        assert!(Path::new(program).is_absolute(), "a program that is looked for");
        assert!(!of.keyring_command.iter().any(|word| word.contains('\0')));
    }
    for file in &of.files {
        let text = file.path.to_string_lossy();
        assert!(
            file.path.is_absolute() && file.path.file_name().is_some() && crate::is_plain(&text),
            "no file"
        );
        assert!(!file.path.components().any(|part| part.as_os_str() == ".."), "a way out");
    }
    if let Proxy::Url(url) = &of.proxy {
        assert!(matches!(reqwest::Url::parse(url).expect("a URL").scheme(), "http" | "https"));
    }
}
