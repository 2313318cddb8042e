//! Why a request had no answer, in words, and whether it goes away by itself.

use std::{error::Error, io, time::Duration};

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::grant::{Asked, Declined, Redaction};

pub(super) fn declined(error: &reqwest::Error, asked: &Asked<'_>, connect_timeout: Duration) -> Declined {
    let (host, profile) = (asked.host(), asked.profile);
    if error.is_builder() {
        return asked.misconfigured(&format!(
            "no secret is sent to {host} without https; give the right address: dt-cred login -p {profile} --token-url URL"
        ));
    }
    if let Some(why) = chain(error).find_map(tls_fault) {
        return asked.misconfigured(&match why {
            TlsFault::Untrusted => format!(
                "the certificate of {host} is signed by no CA that is trusted here; if it is your own CA: \
                 dt-cred login -p {profile} --ca-file FILE"
            ),
            TlsFault::OtherName => format!(
                "the certificate of {host} is for another name; give the right address: \
                 dt-cred login -p {profile} --url URL (or --token-url URL)"
            ),
            TlsFault::Date => format!(
                "the certificate of {host} has expired or is not valid yet; check this machine's clock, else the \
                 issuer must renew it"
            ),
            TlsFault::Certificate => format!(
                "the certificate of {host} is not valid ({}); the issuer must mend it, or give the right address: \
                 dt-cred login -p {profile} --token-url URL",
                Redaction::new(asked.credentials).show(&innermost(error))
            ),
            TlsFault::NoTls => format!(
                "{host} does not speak TLS 1.2 or 1.3 as this program does; give the right address: \
                 dt-cred login -p {profile} --token-url URL"
            ),
        });
    }
    // What the system or the protocol says is not the issuer's text, but a proxy's may be among it.
    let reason = Redaction::new(asked.credentials).show(&innermost(error));
    asked.temporary(&if error.is_dns() {
        format!("the address of {host} cannot be found: {reason}; check the network and the proxy")
    } else if error.is_timeout() && error.is_connect() {
        let seconds = connect_timeout.as_secs_f64();
        format!("no connection to {host} within {seconds} s; check the network and the proxy")
    } else if error.is_connect() {
        format!("no connection to {host}: {reason}; check the network and the proxy")
    } else {
        format!("the connection to {host} broke before the whole answer came: {reason}")
    })
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
