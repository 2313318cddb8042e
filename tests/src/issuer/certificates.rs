//! A certificate authority made on the spot, and what it signs: one TLS configuration for each
//! [`Certificate`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;

use super::SandboxError;
use super::settings::Certificate;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that the https sandbox shows or gives away.
pub(super) struct Certificates {
    /// The CA's own certificate, PEM.
    pub(super) ca: String,
    configurations: HashMap<Certificate, Arc<ServerConfig>>,
}

impl Certificates {
    pub(super) fn make() -> Result<Self, SandboxError> {
        let (ca, stranger) = (authority("dt-cred sandbox CA")?, authority("unknown CA")?);
        let here = ["127.0.0.1", "localhost"];
        let configurations = [
            (Certificate::Trusted, configuration(&ca, &here, false)?),
            (Certificate::UnknownCa, configuration(&stranger, &here, false)?),
            (Certificate::Expired, configuration(&ca, &here, true)?),
            (Certificate::WrongName, configuration(&ca, &["elsewhere.example"], false)?),
        ];
        Ok(Self { ca: ca.pem(), configurations: configurations.into() })
    }

    pub(super) fn configuration(&self, certificate: Certificate) -> Arc<ServerConfig> {
        Arc::clone(&self.configurations[&certificate])
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, SandboxError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_today(&mut params);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn configuration(
    ca: &CertifiedIssuer<'static, KeyPair>,
    names: &[&str],
    expired: bool,
) -> Result<Arc<ServerConfig>, SandboxError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone())?;
    params.distinguished_name.push(DnType::CommonName, names[0].clone());
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if expired {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    } else {
        valid_today(&mut params);
    }
    let key = KeyPair::generate()?;
    let chain = vec![params.signed_by(&key, ca)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut configuration = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // A resumed session would show no certificate.
    configuration.session_storage = Arc::new(NoServerSessionStorage {});
    configuration.send_tls13_tickets = 0;
    Ok(Arc::new(configuration))
}

/// Some verifiers refuse a certificate that is valid for years; the margin bears clocks that tests move.
fn valid_today(params: &mut CertificateParams) {
    let now = date_time_ymd(1970, 1, 1) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (params.not_before, params.not_after) = (now - 3 * DAY, now + 90 * DAY);
}
