//! What the issuer is asked, byte by byte.

use std::collections::BTreeMap;

use dt_cred_tests::{
    issuer::Sandbox,
    user::{Account, User},
};

const SECRETS: [&str; 12] = [
    "plain",
    "a&b",
    "a+b",
    "a%b%20c",
    "a=b",
    "\"double\"",
    "it's",
    "two  spaces ",
    "grün €🔑",
    "\\back\\slash",
    "{\"json\":1}",
    "#?/;:,",
];

#[test]
fn the_request_is_a_form_post_with_the_three_fields_exactly_whatever_is_in_the_secret() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    for secret in SECRETS {
        let account = Account::with_secret(&sandbox, secret);
        user.log_in(&account);
        let requests = sandbox.requests();
        let request = requests.last().expect("a request");
        assert_eq!(request.method, "POST", "{secret}");
        let header = |name: &str| {
            let named = request.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(header("content-type"), ["application/x-www-form-urlencoded"], "{secret}");
        assert_eq!(header("accept"), ["application/json"], "{secret}");
        assert_eq!(header("authorization"), [""; 0], "{secret}");
        let body = std::str::from_utf8(&request.body).expect("a form is ASCII");
        let fields: Vec<_> = body.split('&').map(|field| field.split_once('=').expect("a field")).collect();
        assert_eq!(fields.len(), 3, "{body}");
        let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, value)| (name, decoded(value))).collect();
        assert_eq!(fields["grant_type"], "client_credentials", "{secret}");
        assert_eq!(fields["client_id"], account.client_id, "{secret}");
        assert_eq!(fields["client_secret"], secret);
    }
}

#[test]
fn basic_authentication_and_further_fields_are_sent_where_they_were_stored() {
    let sandbox = Sandbox::http();
    let user = User::in_memory();
    for secret in SECRETS {
        let account = Account::with_secret(&sandbox, secret);
        let further = "auth=basic\nscope=read write\naudience=https://api.example\nresource=urn:a\n";
        user.store(&format!("{}{further}", account.lines())).done();
        let requests = sandbox.requests();
        let request = requests.last().expect("a request");
        let body = std::str::from_utf8(&request.body).expect("a form is ASCII");
        let fields: BTreeMap<_, _> = body.split('&').filter_map(|field| field.split_once('=')).collect();
        assert_eq!(decoded(fields["scope"]), "read write");
        assert_eq!(decoded(fields["audience"]), "https://api.example");
        assert_eq!(decoded(fields["resource"]), "urn:a");
        assert!(!fields.contains_key("client_secret") && !fields.contains_key("client_id"), "{secret}");
    }
}

/// One value of a form (application/x-www-form-urlencoded in the WHATWG URL standard).
fn decoded(value: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), value.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().expect("a digit"), rest.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("hexadecimal")
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}
