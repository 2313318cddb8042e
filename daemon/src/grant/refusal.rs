//! An answer without a token: whose fault it is, and what the user can do (RFC 6749 §5.2).

use dt_cred_proto::message::FailureKind;
use reqwest::{
    Url,
    header::{HeaderMap, LOCATION},
};

use super::{Asked, Declined, Redaction, answer, retry_after};
use crate::{credentials::Credentials, lifecycle::Cause};

/// The codes by which an issuer refuses these credentials for good, and what mends it.
const TERMINAL: [(&str, &str); 6] = [
    ("invalid_client", ENTER_NEW),
    ("unauthorized_client", ENTER_NEW),
    ("access_denied", ENTER_NEW),
    ("invalid_scope", "give another scope: dt-cred login -p NAME --scope SCOPE"),
    ("invalid_target", "give another: dt-cred login -p NAME --audience AUDIENCE --resource RESOURCE"),
    ("unsupported_grant_type", "give another endpoint: dt-cred login -p NAME --token-url URL"),
];
const ENTER_NEW: &str = "enter new ones: dt-cred login -p NAME";
const ROTATE: &str = ", or have another secret made: dt-cred integration rotate NAME --as OWNER, where the profile OWNER is an Owner's";

pub(super) fn judge(status: u16, body: &[u8], headers: &HeaderMap, asked: &Asked<'_>) -> Declined {
    let (host, profile) = (asked.host(), asked.profile);
    let error = answer::Error::read(body);
    if matches!(status, 400 | 401 | 403)
        && let Some(code) = error.as_ref().and_then(answer::Error::code)
        && let Some((code, mend)) = TERMINAL.into_iter().find(|(terminal, _)| *terminal == code)
    {
        let description = error.as_ref().and_then(answer::Error::description);
        return refused(code, description.as_deref(), mend, asked);
    }
    match status {
        300..=399 => asked.misconfigured(&format!(
            "{host} answered {status}, a redirect{}, and a secret is not sent on; give the right address: \
             dt-cred login -p {profile} --url URL (or --token-url URL)",
            redirected(headers, asked)
        )),
        404 | 405 | 410 => asked.misconfigured(&format!(
            "{host} answered {status}: there is no token endpoint at {}; give the right address: \
             dt-cred login -p {profile} --token-url URL",
            path(asked)
        )),
        _ => {
            let reason = match reason(body, asked.credentials) {
                Some(reason) => format!(": {reason}"),
                None if error.is_none() && !body.is_empty() => " and no JSON".to_owned(),
                None => String::new(),
            };
            let wait = retry_after::read(headers, asked.now);
            let what = format!("the issuer {host} answered {status}{}{reason}", meaning(status));
            let what = match wait {
                Some(wait) => format!("{what}; it asks to wait {} s", wait.as_secs_f64().ceil()),
                None => what,
            };
            asked.temporary(&what)
        }
    }
}

/// What a server says of its reasons, as far as it can be shown.
pub(crate) fn reason(body: &[u8], credentials: &Credentials) -> Option<String> {
    let error = answer::Error::read(body)?;
    if answer::holds_secret(body) {
        // Whose it is and in what form its text repeats it is not known.
        return Some(Redaction::WITHHELD.to_owned());
    }
    let redaction = Redaction::new(credentials);
    let texts: Vec<_> =
        [error.code(), error.description()].into_iter().flatten().map(|text| redaction.show(&text)).collect();
    (!texts.is_empty()).then(|| texts.join(": "))
}

fn refused(code: &str, description: Option<&str>, mend: &str, asked: &Asked<'_>) -> Declined {
    let redaction = Redaction::new(asked.credentials);
    let description = description.map(|text| format!(": {}", redaction.show(text))).unwrap_or_default();
    // An issuer calls an expired secret as it calls a wrong one.
    let until = asked.credentials.valid_until.as_deref().filter(|_| code == "invalid_client");
    let (until, rotate) = match until.map(|date| (redaction.show(date), asked.secret_has_ended())) {
        None => (String::new(), ""),
        Some((date, false)) => (format!(" (the secret is valid until {date})"), ""),
        Some((date, true)) => (format!(" (the secret ended at {date})"), ROTATE),
    };
    let mend = format!("{mend}{rotate}").replace("NAME", asked.profile.as_str());
    let what = format!("the issuer refused the credentials: {code}{description}{until}; {mend}");
    asked.declined(Cause::Terminal, FailureKind::Refused, &what)
}

fn meaning(status: u16) -> &'static str {
    match status {
        402 => " (a quota is used up)",
        429 => " (too many requests)",
        _ => "",
    }
}

fn path(asked: &Asked<'_>) -> String {
    Url::parse(&asked.credentials.token_url).map(|url| url.path().to_owned()).unwrap_or_default()
}

/// The host that a redirect names: a path or query may hold anything.
fn redirected(headers: &HeaderMap, asked: &Asked<'_>) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let to = location.and_then(|to| Url::parse(&asked.credentials.token_url).ok()?.join(to).ok());
    let host = to.as_ref().and_then(Url::host_str).map(|host| Redaction::new(asked.credentials).show(host));
    host.map(|host| format!(" to {host}")).unwrap_or_default()
}
