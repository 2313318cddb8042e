//! The editor's file of requests. VS Code itself cannot run here: httpYac, which reads the same format, stands in for it.

use std::path::Path;

use dt_cred_tests::parts::{require, run};

use super::{super::repository, reader::Reader};

/// A `code` that sends what is in the file at once.
const CODE: &str = r#"
set -eu
printf '#!/bin/sh\nexec node %s send --all --bail --output body assets.http\n' "$1" >watched/code
chmod +x watched/code
"#;

fn with_editor() -> Option<Reader> {
    let program = repository().join("tests/http-files/node_modules/httpyac/bin/httpyac.js");
    let reader = Reader::with(&["node"])?;
    require("npm's httpyac", Path::is_file(&program)).then(|| {
        let mut install = reader.user.home.command("sh");
        install.args(["-c", CODE, "sh"]).arg(&program);
        run(install, "").done();
        reader.write("assets.http");
        reader
    })
}

#[test]
fn the_file_of_requests_is_answered_with_the_token_of_its_environment() {
    let Some(reader) = with_editor() else { return };
    let output = reader.run("editor");
    assert!(output.code == Some(0) && output.stdout.contains("\"assets\": ["), "{output:?}");
    reader.asked_once_and_told_nobody(&output);
}

#[test]
fn the_editor_does_not_start_without_a_token() {
    let Some(reader) = with_editor() else { return };
    reader.sends_nothing_without_a_token("editor", 125);
}
