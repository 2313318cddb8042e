//! How long an issuer asks to wait.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use super::LIFETIME_LIMIT;

/// DataTrails' own header: seconds, a float.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("archivist-rate-limit-reset");

/// The wait that an answer's headers ask for: `Archivist-Rate-Limit-Reset`, else `Retry-After` (RFC 9110 §10.2.3), seconds
/// or a date. What is neither is ignored.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let retry_after = text(RETRY_AFTER);
    let by_date = || {
        let until = httpdate::parse_http_date(retry_after?).ok()?;
        // By the issuer's own clock, where it tells it: ours may differ.
        let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
        Some(until.duration_since(now).unwrap_or_default().min(LIFETIME_LIMIT))
    };
    text(RATE_LIMIT_RESET).and_then(seconds).or_else(|| retry_after.and_then(seconds)).or_else(by_date)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0)?;
    Some(Duration::from_secs_f64(seconds.min(LIFETIME_LIMIT.as_secs_f64())))
}
