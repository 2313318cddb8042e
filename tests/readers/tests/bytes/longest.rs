//! The longest that each reader takes, of the kinds that cost most: in the memory that its check allows, and in a time
//! that grows with its length only.

use std::time::{Duration, Instant};

use dt_cred_proto::{attributes, frame};
use dt_cred_readers::Check;
use dt_credd::{config, credentials, issuer, state};

use crate::check;

/// As many tables as a line can hold: TOML's parser takes no deeper ones.
fn deep(number: usize) -> String {
    format!("k{number}{}=1\n", ".".repeat(75))
}

/// Far more than any of it takes here, and far less than what grows with the square of a length.
const DEADLINE: Duration = Duration::from_secs(60);

/// `before`, then `again` as often as fits into `limit` bytes with `after`.
fn full(limit: usize, before: &str, again: &str, after: &str) -> Vec<u8> {
    let times = limit.saturating_sub(before.len() + after.len()) / again.len();
    [before, &again.repeat(times), after].concat().into_bytes()
}

/// Numbered lines or members, as many as fit into `limit` bytes.
fn numbered(limit: usize, before: &str, one: fn(usize) -> String, after: &str) -> Vec<u8> {
    let mut text = before.to_owned();
    for number in 0.. {
        let next = one(number);
        if text.len() + next.len() + after.len() > limit {
            break;
        }
        text += &next;
    }
    (text + after).into_bytes()
}

fn in_time(reader: &str, check: Check, inputs: Vec<Vec<u8>>) {
    for input in inputs {
        let began = Instant::now();
        check(&input);
        let (took, start) = (began.elapsed(), String::from_utf8_lossy(&input[..input.len().min(40)]));
        assert!(took < DEADLINE, "{reader}: {} bytes that begin {start:?} took {took:?}", input.len());
    }
}

fn each_in_time<const N: usize>(reader: &str, limit: usize, kinds: [(&str, &str, &str); N]) {
    let inputs = kinds.map(|(before, again, after)| full(limit, before, again, after));
    in_time(reader, check(reader), inputs.into());
}

#[test]
fn the_longest_configurations_are_read_in_memory_and_time_that_their_length_warrants() {
    let limit = usize::try_from(config::LIMIT).unwrap();
    let kinds = [
        ("", "a.", "a=1"),
        ("[", "a.", "a]"),
        ("x=", "[", ""),
        ("x=[", "1,", "]"),
        ("profile.default.keyring_command=[\"/a\"", ",\"\"", "]"),
        ("x=", "{a=", ""),
        ("x=\"", "\\u001b", "\""),
        ("", "[[profile.p.file]]\n", ""),
    ];
    each_in_time("config", limit, kinds);
    let profiles = numbered(limit, "", |n| format!("[profile.p{n}]\n"), "");
    let files = numbered(limit, "", |n| format!("[[profile.p.file]]\npath='/{n}'\n"), "");
    in_time("config", check("config"), vec![profiles, files, numbered(limit, "", deep, "")]);
}

#[test]
fn the_longest_states_are_read_in_memory_and_time_that_their_length_warrants() {
    let limit = usize::try_from(state::LIMIT).unwrap();
    let kinds = [("version=1\n", "a.", "a=1"), ("version=1\nx=[", "1,", "]"), ("version=1\n", "[[a]]\n", "")];
    each_in_time("state", limit, kinds);
    let profiles = numbered(limit, "version=1\n", |n| format!("[profile.p{n}]\n"), "");
    in_time("state", check("state"), vec![profiles, numbered(limit, "version=1\n", deep, "")]);
}

#[test]
fn the_longest_items_are_read_in_memory_and_time_that_their_length_warrants() {
    let before = r#"{"v":1,"client_id":"a","client_secret":"b""#;
    let list = format!("{before},\"x\":[0");
    let kinds = [
        ("", "[", ""),
        ("{\"v\":1,\"a\":", "{\"a\":", ""),
        (&list, ",0", "]}"),
        (&list, ",[]", "]}"),
        ("{\"v\":1,\"client_id\":\"", "\\u0041", "\"}"),
    ];
    each_in_time("item", credentials::READ_LIMIT, kinds);
    let members = numbered(credentials::READ_LIMIT, before, |n| format!(",\"{n}\":0"), "}");
    in_time("item", check("item"), vec![members]);
}

#[test]
fn the_longest_answers_of_an_issuer_are_judged_in_memory_and_time_that_their_length_warrants() {
    let kinds = [
        ("200\n\n{\"access_token\":", "[", ""),
        ("200\n\n{\"access_token\":\"", "a", "\"}"),
        ("200\n\n{\"access_token\":\"a\",\"token_type\":\"", "\u{e9} ", "\"}"),
        ("200\n\n{\"access_token\":\"a\",\"expires_in\":", "9", "}"),
        ("200\n\n{", "\"a\":0,", "\"b\":0}"),
        ("401\n\n{\"error\":\"invalid_client\",\"error_description\":\"", "\\u0041", "\"}"),
        ("401\n\n{\"error\":\"invalid_client\",\"error_description\":\"", "%41 ", "\"}"),
        ("500\n\n{\"error\":\"", "\\\\\\\"", "\"}"),
        ("302\nlocation: ", "/..", "\n\n"),
        ("429\n", "retry-after: 1\n", "\n"),
    ];
    each_in_time("grant", issuer::BODY_LIMIT, kinds);
}

#[test]
fn the_longest_answers_of_an_api_are_judged_in_memory_and_time_that_their_length_warrants() {
    let kinds = [
        ("200\n\n{\"assets\":", "[", ""),
        ("200\n\n{\"assets\":[0", ",0", "]}"),
        ("200\n\n{\"assets\":[{}", ",{\"a\":[]}", "],\"next_page_token\":\"\"}"),
        ("200\n\n{\"assets\":[],\"next_page_token\":\"", "\\u0041", "\"}"),
        ("403\n\n{\"error\":\"", "\\\\\\\"", "\"}"),
    ];
    each_in_time("assets", issuer::BODY_LIMIT, kinds);
    let id = "\"client_id\":\"d1fb6c87-faa9-4d56-b2fd-a5b70a9af065\"";
    let (list, claims) = (
        format!("200\n\n{{\"applications\":[{{{id}}}"),
        format!("200\n\n{{{id},\"custom_claims\":{{\"a\":0"),
    );
    let secret = format!("200\n\n{{{id},\"credentials\":[{{\"secret\":\"");
    let kinds = [
        (list.as_str(), &*format!(",{{{id}}}"), "]}"),
        (&claims, ",\"a\":[]", "}}"),
        (&format!("200\n\n{{{id},\"roles\":[\"\""), ",\"\"", "]}"),
        (&secret, "s", "\"}]}"),
        (&format!("200\n\n{{{id},\"credentials\":[{{}}"), ",{}", "]}"),
        ("400\n\n{\"secret\":", "[", ""),
        ("400\n\n{\"error\":\"", "\\u0041", "\"}"),
    ];
    each_in_time("applications", issuer::BODY_LIMIT, kinds);
    let kinds = [
        ("200\n\n{\"access_policies\":[{\"identity\":\"\"}", ",{\"identity\":\"\"}", "]}"),
        ("200\n\n{\"filters\":[{}", ",{}", "]}"),
        ("200\n\n{\"access_permissions\":[{}", ",{}", "]}"),
        ("200\n\n{\"filters\":[{\"or\":[\"\"", ",\"\"", "]}]}"),
    ];
    each_in_time("access_policies", issuer::BODY_LIMIT, kinds);
    each_in_time("moment", issuer::BODY_LIMIT, [("2022-09-21T16:43:19.", "0", "Z")]);
}

#[test]
fn the_longest_lines_are_read_in_memory_and_time_that_their_length_warrants() {
    let kinds = [
        ("client_id=a\nclient_secret=", "s", ""),
        ("client_id=a\nclient_secret=b\nscope=", "\"", ""),
        ("", "x=\n", ""),
        ("", "\n", ""),
        ("url=https://a/", "../", "\nclient_id=a\nclient_secret=b"),
    ];
    each_in_time("lines", attributes::LIMIT, kinds);
    each_in_time("given", attributes::LIMIT, kinds);
}

/// An answer with a list of as many of these elements as fit.
fn listed(before: &[u8], element: &[u8]) -> Vec<u8> {
    const NUMBER: usize = 9;
    let count = (frame::RESPONSE_LIMIT - before.len() - NUMBER) / element.len();
    let number = [&[253], (count as u64).to_le_bytes().as_slice()].concat();
    framed(&[before, &number, &element.repeat(count)].concat())
}

#[test]
fn the_longest_answers_of_a_daemon_are_read_in_memory_and_time_that_their_length_warrants() {
    let lists = [
        listed(&[6], b"\x01a"),
        listed(&[11], b"\x01a\0\0\0\0"),
        listed(&[13], &[0; 4]),
        listed(&[8, 0, 0, 0, 1, b'd', 0], b"\x01a\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        listed(&[2, 0], b"\x1b"),
    ];
    in_time("response", check("response"), lists.into());
}

#[test]
fn the_longest_that_others_say_to_the_client_is_read_in_memory_and_time_that_its_length_warrants() {
    let git = [("", "capability[]=a\n", ""), ("", "a=\n", ""), ("password=", "a", "")];
    each_in_time("git", dt_cred::git::LIMIT, git);
    let kubectl = [
        ("{\"x\":", "[", ""),
        ("{\"spec\":", "{\"cluster\":", ""),
        ("{\"kind\":\"", "\\u001b", "\",\"apiVersion\":\"\"}"),
    ];
    each_in_time("kubectl", dt_cred::kubectl::LIMIT, kubectl);
    let jwt =
        [("", ".", ""), ("{\"a\":[", "[],", "0]}"), ("{\"a\":", "[", ""), ("{\"a\":\"", "\\u001b", "\"}")];
    // Encoded it is a third longer.
    each_in_time("jwt", dt_cred::jwt::LIMIT * 3 / 4 - 100, jwt);
    each_in_time("jwt", dt_cred::jwt::LIMIT, jwt);
    each_in_time(
        "origin",
        64 * 1024,
        [("https://", "a.", "a"), ("https://a/", "../", ""), ("https://", "[", "")],
    );
    let curl = [
        ("/x\0-", "s", ""),
        ("/x", "\0-s", ""),
        ("/x", "\0--no-tlsv1.3", ""),
        ("/x", "\0--sil", ""),
        ("/x", "\0/x", ""),
        ("/x", "\0-d\0@x", ""),
        ("/", "{", ""),
    ];
    each_in_time("curl", 16 * 1024, curl);
    each_in_time(
        "curl_answer",
        64 * 1024,
        [("", "\u{1f}0 401 0", ""), ("", "\u{1f}0 401 0\u{1f}", ""), ("", "HTTP/1.1 401\n", "")],
    );
}

/// A frame of this body.
fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&[frame::VERSION], length.to_le_bytes().as_slice(), body].concat()
}

/// A string in a body, after what stands before it, so that the body is as long as that.
fn text_in(before: &[u8], after: &[u8], length: usize) -> Vec<u8> {
    const NUMBER: usize = 5;
    let text = length - before.len() - NUMBER - after.len();
    let number = [&[252], u32::try_from(text).unwrap().to_le_bytes().as_slice()].concat();
    framed(&[before, &number, &vec![b's'; text], after].concat())
}

#[test]
fn the_longest_is_taken_and_one_byte_more_is_not() {
    let padded = |text: &str, length: usize| full(length, text, " ", "");
    let item = r#"{"v":1,"client_id":"a","client_secret":"b"}"#;
    let asked = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"cluster":{"server":"https://a"}}}"#;
    // A Store of a secret, and a Failed.
    let (store, rest) = ([0, 2, 0, 0, 1, 0, 0, 0, 1], [0; 5]);
    type Made<'a> = &'a dyn Fn(usize) -> Vec<u8>;
    let limits: [(&str, usize, Made<'_>); 10] = [
        ("config", usize::try_from(config::LIMIT).unwrap(), &|length| padded("", length)),
        ("state", usize::try_from(state::LIMIT).unwrap(), &|length| padded("version = 1\n", length)),
        ("item", credentials::READ_LIMIT, &|length| padded(item, length)),
        ("lines", attributes::LIMIT, &|length| full(length, "client_secret=", "s", "")),
        ("given", attributes::LIMIT, &|length| full(length, "client_id=a\nclient_secret=b\n", "\n", "")),
        ("git", dt_cred::git::LIMIT, &|length| full(length, "password=", "s", "")),
        ("kubectl", dt_cred::kubectl::LIMIT, &|length| padded(asked, length)),
        ("jwt", dt_cred::jwt::LIMIT, &|length| padded("e30.e30.", length)),
        ("request", frame::REQUEST_LIMIT, &|length| text_in(&store, &rest, length)),
        ("response", frame::RESPONSE_LIMIT, &|length| text_in(&[2, 0], &[], length)),
    ];
    for (reader, limit, made) in limits {
        assert!(check(reader)(&made(limit)), "{reader}: the longest is refused");
        assert!(!check(reader)(&made(limit + 1)), "{reader}: a longer one is taken");
    }
}
