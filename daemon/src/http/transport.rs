//! Why a request had no answer, in words, and whether it goes away by itself.

use std::{error::Error, io, time::Duration};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::{Destination, Fault, Stage};
use crate::grant::Redaction;

/// What a request's error means for who asked.
pub(super) fn fault(error: &reqwest::Error, to: &Destination<'_>, connect_timeout: Duration) -> Fault {
    let Destination { profile, option, .. } = to;
    let host = to.host();
    let misconfigured = |stage, what| Fault { stage, passes: false, what };
    if error.is_builder() {
        return misconfigured(
            Stage::Before,
            format!(
                "nothing is sent to {host} without https; give the right address: dt-cred login -p {profile} {option} URL"
            ),
        );
    }
    let redaction = Redaction::new(to.credentials);
    if let Some(why) = chain(error).find_map(tls_fault) {
        let what = match why {
            TlsFault::Untrusted => format!(
                "the certificate of {host} is signed by no CA that is trusted here; if it is your own CA: \
                 dt-cred login -p {profile} --ca-file FILE"
            ),
            TlsFault::OtherName => format!(
                "the certificate of {host} is for another name; give the right address: \
                 dt-cred login -p {profile} {option} URL"
            ),
            TlsFault::Date => format!(
                "the certificate of {host} has expired or is not valid yet; check this machine's clock, else whoever \
                 runs {host} must renew it"
            ),
            TlsFault::Certificate => format!(
                "the certificate of {host} is not valid ({}); whoever runs it must mend it, or give the right address: \
                 dt-cred login -p {profile} {option} URL",
                redaction.show(&innermost(error))
            ),
            TlsFault::NoTls => format!(
                "{host} does not speak TLS 1.2 or 1.3 as this program does; give the right address: \
                 dt-cred login -p {profile} {option} URL"
            ),
        };
        return misconfigured(Stage::Tls, what);
    }
    // What the system or the protocol says is not the server's text, but a proxy's may be among it.
    let reason = redaction.show(&innermost(error));
    let (stage, what) = if error.is_dns() {
        (
            Stage::Name,
            format!("the address of {host} cannot be found: {reason}; check the network and the proxy"),
        )
    } else if error.is_timeout() && error.is_connect() {
        let seconds = connect_timeout.as_secs_f64();
        (
            Stage::Connection,
            format!("no connection to {host} within {seconds} s; check the network and the proxy"),
        )
    } else if error.is_connect() {
        (Stage::Connection, format!("no connection to {host}: {reason}; check the network and the proxy"))
    } else {
        (Stage::Answer, format!("the connection to {host} broke before the whole answer came: {reason}"))
    };
    Fault { stage, passes: true, what }
}

/// What the innermost error says: the outer ones only say that there is one.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

enum TlsFault {
    Untrusted,
    OtherName,
    Date,
    Certificate,
    NoTls,
}

fn tls_fault(error: &(dyn Error + 'static)) -> Option<TlsFault> {
    match error.downcast_ref::<TlsError>()? {
        // A CA of the same name and another key, such as one that was made anew, shows as a bad signature.
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Some(TlsFault::Untrusted)
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(TlsFault::OtherName),
        TlsError::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some(TlsFault::Date),
        TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented => Some(TlsFault::Certificate),
        TlsError::PeerIncompatible(_)
        | TlsError::InvalidMessage(_)
        | TlsError::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity
            | AlertDescription::UnrecognisedName,
        ) => Some(TlsFault::NoTls),
        _ => None,
    }
}

/// The error and every error within it. An `io::Error` gives its inner error's source, not the inner error.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(move || error.source())
    })
}
