//! Unix: files' modes, and curl as the guides use it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use dt_cred_tests::any_issuer::AnyIssuer;
use serde_json::Value;

use super::reader::Reader;

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// Sees that curl gets the assets by the file.
pub(crate) fn is_what_curl_reads(reader: &Reader, issuer: &AnyIssuer, ca_file: Option<String>) {
    let ca = ca_file.map_or(String::new(), |path| format!("--cacert {path}"));
    let curl = format!("curl -sS {ca} -H @tokens/token {}", issuer.assets_url());
    let answer: Value = serde_json::from_str(&reader.user.shell(&curl).done()).expect("JSON");
    assert!(answer["assets"].is_array(), "{answer}");
    assert_eq!(issuer.assets_given_and_refused(), (1, 0));
}
