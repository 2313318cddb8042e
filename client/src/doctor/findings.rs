//! What the daemon found between the profile and a token.

use dt_cred_proto::message::{Examined, Finding, Subject};

use super::Check;

/// The checks, in the order in which a token comes about.
pub(super) fn checks(examined: &Examined) -> impl Iterator<Item = Check> + '_ {
    let Examined { profile, findings, .. } = examined;
    findings.iter().map(move |Finding { subject, verdict, message }| {
        let name = match subject {
            Subject::Configuration => "configuration".to_owned(),
            Subject::Credentials => format!("credentials of {profile}"),
            Subject::Name => "issuer: address".to_owned(),
            Subject::Connection => "issuer: connection".to_owned(),
            Subject::Tls => "issuer: TLS".to_owned(),
            Subject::Clock => "clock".to_owned(),
            Subject::Token => format!("token of {profile}"),
            Subject::Api => "API".to_owned(),
        };
        Check::told(name, *verdict, message.clone())
    })
}
