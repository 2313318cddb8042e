//! A token for people: every text in it made safe for a terminal.

use dt_cred::{
    jwt::{Members, Token, is_registered},
    moment::Moment,
};
use dt_cred_proto::text::Text;
use serde_json::Value;

use super::MOMENTS;
use crate::{columns, duration::in_words};

/// Stands behind the name of a claim that is the issuer's own.
const OWN: &str = " *";

/// Header and payload, a member a line, moments by how far they are from `now` and by the clock that is `east` of UTC.
pub(super) fn render(token: &Token, now: i64, east: fn(i64) -> i32) -> String {
    let header: Vec<_> = token.header.iter().map(|(name, value)| row(name, "", shown(value))).collect();
    let claim = |(name, value): &(String, Value)| {
        let moment = MOMENTS.contains(&name.as_str()).then(|| token.moment(name)).flatten();
        let moment = moment.and_then(|seconds| when(seconds, now, east));
        let mark = if is_registered(name) { "" } else { OWN };
        row(name, mark, moment.unwrap_or_else(|| shown(value)))
    };
    let payload: Vec<_> = token.payload.iter().map(claim).collect();
    let own = has_own(&token.payload).then_some("* the issuer's own: neither RFC 7519 nor RFC 9068 has it\n");
    format!(
        "header\n{}payload\n{}{}the signature is neither shown nor verified\n",
        columns::align(&header),
        columns::align(&payload),
        own.unwrap_or_default()
    )
}

fn has_own(payload: &Members) -> bool {
    payload.iter().any(|(name, _)| !is_registered(name))
}

fn row(name: &str, mark: &str, value: String) -> [String; 2] {
    [format!("  {}{mark}", Text::new(name)), value]
}

/// A text as it is, anything else as JSON; what is too long for a line is cut, and says so.
fn shown(value: &Value) -> String {
    let whole = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cut = if whole.chars().count() > Text::LIMIT { " … (--json shows all of it)" } else { "" };
    format!("{}{cut}", Text::new(&whole))
}

/// A moment by the clock that is then so far `east` of UTC, and by how far it is from `now`; none where no calendar holds it.
fn when(seconds: i64, now: i64, east: fn(i64) -> i32) -> Option<String> {
    let moment = Moment::from_seconds(seconds)?;
    let left = seconds.checked_sub(now)?;
    let words = in_words(left.unsigned_abs().saturating_mul(1000));
    let distance = if left < 0 { format!("{words} ago") } else { format!("in {words}") };
    Some(format!("{} ({distance})", moment.by_clock(east(seconds))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: &[(&str, Value)], payload: &[(&str, Value)]) -> Token {
        let members = |of: &[(&str, Value)]| of.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        Token { header: members(header), payload: members(payload) }
    }

    fn rendered(token: &Token) -> String {
        render(token, 1_764_000_000, |_| 3600)
    }

    #[test]
    fn moments_are_told_by_the_local_clock_and_in_words_and_own_claims_are_marked() {
        let token = token(
            &[("alg", json!("RS256")), ("typ", json!("JWT"))],
            &[
                ("iss", json!("https://issuer.example")),
                ("iat", json!(1_764_000_000 - 3 * 3600)),
                ("nbf", json!(1_764_000_000)),
                ("exp", json!(1_764_000_000.0 + 42.0 * 60.0 + 59.9)),
                ("aud", json!(["a", "b"])),
                ("jit_tier", json!("FREE")),
                ("ok", json!(true)),
            ],
        );
        let expected = "\
header
  alg  RS256
  typ  JWT
payload
  iss         https://issuer.example
  iat         2025-11-24 14:00:00 +01:00 (3 h ago)
  nbf         2025-11-24 17:00:00 +01:00 (in 0 s)
  exp         2025-11-24 17:42:59 +01:00 (in 42 min)
  aud         [\"a\",\"b\"]
  jit_tier *  FREE
  ok *        true
* the issuer's own: neither RFC 7519 nor RFC 9068 has it
the signature is neither shown nor verified
";
        assert_eq!(rendered(&token), expected);
    }

    #[test]
    fn what_a_token_says_writes_nothing_else_on_a_terminal() {
        let hostile = "a\u{1b}[2Jb\r\n\u{202e}c\u{9b}";
        let token = token(
            &[(hostile, json!(hostile))],
            &[(hostile, json!({ hostile: [hostile] })), ("iss", json!(hostile))],
        );
        let text = rendered(&token);
        assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
        assert_eq!(text.lines().count(), 7, "{text}");
    }

    #[test]
    fn what_is_cut_says_so() {
        let text = rendered(&token(&[], &[("groups", json!(["a".repeat(Text::LIMIT)]))]));
        assert!(text.contains("aaa … (--json shows all of it)\n"), "{text}");
        assert!(!rendered(&token(&[], &[("iss", json!("a".repeat(Text::LIMIT)))])).contains('…'));
    }

    #[test]
    fn a_moment_that_no_calendar_holds_is_shown_as_the_number_that_it_is() {
        for (value, shown) in [
            (json!("tomorrow"), "tomorrow"),
            (json!(1e300), "1e+300"),
            (json!(9_007_199_254_740_991_i64), "9007199254740991"),
            (json!(null), "null"),
            (json!(-1e300), "-1e+300"),
        ] {
            let text = rendered(&token(&[], &[("exp", value)]));
            assert!(text.contains(&format!("  exp  {shown}\n")), "{text}");
        }
    }
}
