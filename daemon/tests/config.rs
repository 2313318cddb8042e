//! The configuration: its keys, its limits, whom it trusts, and how it says what is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene fails")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use dt_cred_proto::{
    message::{FileFormat, Keyring},
    profile::Profile,
};
use dt_credd::{
    config::{Config, ConfigError, LIMIT, Preferences, Proxy, TokenFile},
    platform::create_private,
};
use tempfile::TempDir;

/// Where absolute paths begin.
const ROOT: &str = if cfg!(windows) { "C:" } else { "" };

/// A program by its absolute path.
const PROGRAM: &str = if cfg!(windows) { "C:/bin/pass" } else { "/usr/bin/pass" };

/// The line that names it, with an argument that a shell would expand.
const COMMAND: &str = if cfg!(windows) {
    "keyring_command = [\"C:/bin/pass\", \"show\", \"$HOME `id`; rm\"]"
} else {
    "keyring_command = [\"/usr/bin/pass\", \"show\", \"$HOME `id`; rm\"]"
};

fn profile(name: &str) -> Profile {
    name.parse().unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn put(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("config.toml");
    create_private(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let (folder, text) = (folder(), text.replace("path = \"/", &format!("path = \"{ROOT}/")));
    Config::load(&put(folder.path(), &text))
}

/// What the default profile prefers where this line stands in its table.
fn preferring(line: &str) -> Result<Preferences, ConfigError> {
    load(&format!("[profile.default]\n{line}\n")).map(|config| config.profile(&profile("default")))
}

#[test]
fn without_a_file_the_defaults_hold() {
    let config = Config::load(&folder().path().join("none/config.toml")).unwrap();
    let expected = Preferences {
        min_ttl: Duration::from_secs(60),
        default_lifetime: Duration::from_secs(600),
        keep_warm: 24,
        proxy: Proxy::Env,
        keyring: None,
        keyring_command: Vec::new(),
        files: Vec::new(),
    };
    assert_eq!(config.default_profile, profile("default"));
    assert_eq!(config.profile(&profile("any")), expected);
    assert_eq!(config.named().count(), 0);
    assert_eq!(load("").unwrap(), config);
}

#[test]
fn every_key_is_read_and_a_profile_without_a_table_has_the_defaults() {
    let config = load(
        "default_profile = \"work\"\n\
         [profile.work]\n\
         min_ttl = \"2m 30s\"\n\
         default_lifetime = \"1h\"\n\
         keep_warm = 0\n\
         proxy = \"https://proxy.example:3128\"\n\
         keyring = \"keyutils\"\n\
         [[profile.work.file]]\n\
         path = \"/run/tokens//./work\"\n\
         format = \"raw\"\n\
         [[profile.work.file]]\n\
         path = \"/run/tokens/header\"\n\
         [profile.\"a.b\"]\n",
    )
    .unwrap();
    let expected = Preferences {
        min_ttl: Duration::from_secs(150),
        default_lifetime: Duration::from_secs(3600),
        keep_warm: 0,
        proxy: Proxy::Url("https://proxy.example:3128".to_owned()),
        keyring: Some(Keyring::Keyutils),
        keyring_command: Vec::new(),
        files: vec![
            TokenFile { path: format!("{ROOT}/run/tokens/work").into(), format: FileFormat::Raw },
            TokenFile { path: format!("{ROOT}/run/tokens/header").into(), format: FileFormat::Header },
        ],
    };
    assert_eq!(config.default_profile, profile("work"));
    assert_eq!(config.profile(&profile("work")), expected);
    assert_eq!(config.profile(&profile("a.b")), Preferences::default());
    assert_eq!(config.profile(&profile("c")), Preferences::default());
    assert_eq!(config.named().cloned().collect::<Vec<_>>(), [profile("a.b"), profile("work")]);
}

#[test]
fn the_documentations_example_names_every_preference_and_is_the_defaults() {
    let page = include_str!("../../docs/configuration.md");
    let (_, section) = page.split_once("## Preferences").unwrap();
    let lines = section.lines().take_while(|line| !line.starts_with('#'));
    let lines: Vec<_> = lines.filter_map(|line| line.strip_prefix("    ")).collect();
    let config = load(&lines.join("\n")).unwrap();
    assert_eq!(config.profile(&profile("default")), Preferences::default());
    assert_eq!(config.default_profile, profile("default"));
    let named: Vec<_> = lines.iter().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key).collect();
    let keys = ["default_profile", "min_ttl", "default_lifetime", "keep_warm", "proxy", "keyring"];
    assert_eq!(named, keys);
}

#[test]
fn every_keyring_can_be_named_and_auto_is_none() {
    assert_eq!(preferring("keyring = \"auto\"").unwrap().keyring, None);
    for (keyring, name) in Keyring::NAMES {
        let command = if keyring == Keyring::Command { COMMAND } else { "" };
        assert_eq!(preferring(&format!("keyring = {name:?}\n{command}")).unwrap().keyring, Some(keyring));
    }
}

#[test]
fn a_command_is_a_program_by_its_absolute_path_and_arguments_that_no_shell_reads() {
    let preferences = preferring(&format!("keyring = \"command\"\n{COMMAND}")).unwrap();
    assert_eq!(preferences.keyring_command, [PROGRAM, "show", "$HOME `id`; rm"]);
}

#[cfg(unix)]
#[test]
fn every_command_of_the_documentation_can_be_configured() {
    let page = include_str!("../../docs/keyrings.md");
    let lines = page.split(['`', '\n']).map(str::trim).filter(|text| text.starts_with("keyring_command = ["));
    let commands: Vec<_> =
        lines.map(|line| preferring(&format!("keyring = \"command\"\n{line}")).expect(line)).collect();
    assert_eq!(commands.len(), 5);
}

#[test]
fn a_command_without_its_keyring_and_the_keyring_without_its_command_are_refused_with_the_mend() {
    for lines in ["keyring = \"command\"", COMMAND, &format!("keyring = \"keyutils\"\n{COMMAND}")] {
        let error = preferring(lines).expect_err(lines);
        assert!(matches!(error, ConfigError::Command { .. }), "{lines}: {error}");
        let told = error.to_string();
        assert!(told.contains("config.toml") && told.contains("profile default"), "{told}");
        assert!(told.contains("`keyring = \"command\"` and `keyring_command = ["), "{told}");
    }
}

#[test]
fn every_kind_of_proxy_can_be_named() {
    for (word, proxy) in [
        ("env", Proxy::Env),
        ("none", Proxy::None),
        ("http://10.0.0.1:3128", Proxy::Url("http://10.0.0.1:3128".to_owned())),
        ("https://p.example", Proxy::Url("https://p.example".to_owned())),
    ] {
        assert_eq!(preferring(&format!("proxy = {word:?}")).unwrap().proxy, proxy);
    }
}

#[test]
fn a_files_path_is_absolute_or_of_the_home_folder() {
    let file = |line: &str| {
        let config = load(&format!("[[profile.default.file]]\n{line}\n"))?;
        Ok::<_, ConfigError>(config.profile(&profile("default")).files.remove(0))
    };
    let home = std::env::home_dir().expect("a home folder");
    assert_eq!(file("path = \"~/.datatrails/x\"").unwrap().path, home.join(".datatrails/x"));
    for path in [
        "",
        "x",
        "./x",
        "~",
        "~user/x",
        "/",
        "/a/",
        "/a/..",
        "/a/../b",
        "~/../b",
        "/a/.",
        "/a\\nb",
        "/a\\u0000",
    ] {
        let error = file(&format!("path = \"{path}\"")).expect_err(path).to_string();
        assert!(error.contains("config.toml\", line 2: path is"), "{error}");
    }
    for (line, word) in [
        ("format = \"raw\"", "path"),
        ("path = \"/a\"\nformat = \"json\"", "\"json\" is none of header, raw"),
        ("path = \"/a\"\nmode = \"0644\"", "mode"),
        ("path = 7", "a string in quotes"),
    ] {
        let error = file(line).expect_err(line).to_string();
        assert!(error.contains("config.toml") && error.contains(word), "{error}");
    }
}

#[test]
fn a_file_has_one_writer() {
    let twice = PathBuf::from(format!("{ROOT}/t/x"));
    for text in [
        "[[profile.a.file]]\npath = \"/t/x\"\n[[profile.b.file]]\npath = \"/t/x\"\n",
        "[[profile.a.file]]\npath = \"/t/x\"\n[[profile.a.file]]\npath = \"/t//x\"\nformat = \"raw\"\n",
    ] {
        let error = load(text).expect_err(text);
        assert!(matches!(&error, ConfigError::Twice { path, .. } if *path == twice), "{error}");
    }
}

#[test]
fn values_at_a_limit_are_taken() {
    for line in [
        "min_ttl = \"0s\"",
        "min_ttl = \"1day\"",
        "default_lifetime = \"1s\"",
        "default_lifetime = \"30days\"",
        "keep_warm = 1000000",
    ] {
        assert!(preferring(line).is_ok(), "{line}");
    }
}

#[test]
fn a_wrong_value_is_named_with_file_line_and_key_and_how_it_is_written() {
    for (line, example) in [
        ("min_ttl = \"1day 1ms\"", "min_ttl = \"60s\""),
        ("min_ttl = \"soon\"", "min_ttl = \"60s\""),
        ("min_ttl = \"60\"", "min_ttl = \"60s\""),
        ("min_ttl = 60", "min_ttl = \"60s\""),
        ("min_ttl = \"-1s\"", "min_ttl = \"60s\""),
        ("min_ttl = \"99999999999999999999s\"", "min_ttl = \"60s\""),
        ("default_lifetime = \"999ms\"", "default_lifetime = \"10m\""),
        ("default_lifetime = \"30days 1s\"", "default_lifetime = \"10m\""),
        ("default_lifetime = true", "default_lifetime = \"10m\""),
        ("keep_warm = 1000001", "keep_warm = 24"),
        ("keep_warm = -1", "keep_warm = 24"),
        ("keep_warm = \"24\"", "keep_warm = 24"),
        ("keep_warm = 1.5", "keep_warm = 24"),
        ("proxy = \"\"", "proxy = \"env\""),
        ("proxy = \"socks5://p.example\"", "proxy = \"env\""),
        ("proxy = \"p.example:3128\"", "proxy = \"env\""),
        ("proxy = \"http://\"", "proxy = \"env\""),
        ("proxy = [\"env\"]", "proxy = \"env\""),
        ("keyring = \"cloud\"", "secret-service, keyutils"),
        ("keyring = \"Keyutils\"", "secret-service, keyutils"),
        ("keyring = 1", "keyring = \"auto\""),
        ("keyring_command = \"/usr/bin/pass show dt-cred\"", "keyring_command = ["),
        ("keyring_command = []", "keyring_command = ["),
        ("keyring_command = [\"pass\", \"show\"]", "keyring_command = ["),
        ("keyring_command = [\"~/bin/pass\"]", "keyring_command = ["),
        ("keyring_command = [\"./pass\"]", "keyring_command = ["),
        ("keyring_command = [\"/usr/bin/pass\", 1]", "keyring_command = ["),
    ] {
        let error = preferring(line).expect_err(line);
        assert!(matches!(error, ConfigError::Malformed { line: 2, .. }), "{line}: {error}");
        let told = error.to_string();
        let key = line.split_whitespace().next().unwrap();
        assert!(
            told.contains("config.toml") && told.contains(key) && told.contains(example),
            "{line}: {told}"
        );
        assert!(!told.contains('\n'), "{told}");
    }
}

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    for (text, number, key) in [
        ("# a comment\n\ncolour = 1\n", 3, "colour"),
        ("[profile.default]\nmin_ttl = \"60s\"\nmin_tll = \"60s\"\n", 3, "min_tll"),
        ("[profiles.default]\n", 1, "profiles"),
        // Where a secret may go is not configuration.
        ("[profile.default]\nurl = \"https://evil.example\"\n", 2, "url"),
        ("[profile.default]\ntoken_url = \"https://evil.example\"\n", 2, "token_url"),
        ("[profile.default]\nca_file = \"/tmp/ca.pem\"\n", 2, "ca_file"),
        ("[profile.default]\nkeep_warm = 1\n[[profile.default.files]]\npath = \"/x\"\n", 3, "files"),
    ] {
        let error = load(text).expect_err(text);
        assert!(matches!(error, ConfigError::Malformed { line, .. } if line == number), "{text}: {error}");
        let told = error.to_string();
        assert!(told.contains("config.toml") && told.contains(&format!("`{key}`")), "{told}");
    }
}

#[test]
fn what_is_no_toml_or_no_profiles_name_is_named_with_its_line() {
    for (text, number) in [
        ("\n\nmin_ttl\n", 3),
        ("[profile.default]\nmin_ttl = \"60s\"\nmin_ttl = \"61s\"\n", 3),
        ("\ndefault_profile = \"a b\"\n", 2),
        ("default_profile = 7\n", 1),
        ("\n[profile.\"a/b\"]\n", 2),
        ("[profile]\ndefault = 3\n", 2),
        ("profile = []\n", 1),
    ] {
        let error = load(text).expect_err(text);
        assert!(matches!(error, ConfigError::Malformed { line, .. } if line == number), "{text}: {error}");
    }
}

#[test]
fn a_proxys_password_is_in_no_error() {
    let error = preferring("proxy = \"socks5://me:geheim@p.example\"").unwrap_err();
    assert!(!error.to_string().contains("geheim"), "{error}");
}

#[test]
fn a_folder_a_pipe_and_what_is_no_text_are_errors_that_name_the_file() {
    let makers: &[fn(&Path)] = &[
        |path| fs::create_dir(path).unwrap(),
        |path| create_private(path).unwrap().write_all(b"\xff\xfe").unwrap(),
        #[cfg(unix)]
        |path| {
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        },
    ];
    for make in makers {
        let folder = folder();
        let path = folder.path().join("config.toml");
        make(&path);
        let error = Config::load(&path).unwrap_err();
        let expected =
            matches!(error, ConfigError::NotAFile(_) | ConfigError::NotText(_) | ConfigError::Io { .. });
        assert!(expected && error.to_string().contains("config.toml"), "{error}");
    }
}

#[test]
fn a_file_that_is_too_long_is_refused_and_one_just_as_long_is_not() {
    let limit = usize::try_from(LIMIT).unwrap();
    assert!(load(&format!("#{}", "x".repeat(limit - 1))).is_ok());
    assert!(matches!(load(&format!("#{}", "x".repeat(limit))), Err(ConfigError::TooLong(_))));
}

#[cfg(any(windows, target_os = "macos"))]
#[test]
fn a_file_has_one_writer_whatever_the_case_of_its_name() {
    let text = "[[profile.a.file]]\npath = \"/t/Token\"\n[[profile.b.file]]\npath = \"/T/token\"\n";
    assert!(matches!(load(text), Err(ConfigError::Twice { .. })));
}

#[cfg(windows)]
#[test]
fn a_files_path_is_written_as_the_system_writes_it_and_names_no_stream_of_another_file() {
    let path = |word: &str| {
        let config = load(&format!("[[profile.default.file]]\npath = '{word}'\n"))?;
        Ok::<_, ConfigError>(config.profile(&profile("default")).files.remove(0).path)
    };
    let home = std::env::home_dir().expect("a home folder");
    assert_eq!(path(r"~\.datatrails\x").unwrap(), home.join(r".datatrails\x"));
    assert_eq!(path(r"C:\a\x").unwrap(), PathBuf::from(r"C:\a\x"));
    for word in [r"C:x", r"\a\x", r"C:\a\", r"C:\a\x:y", r"C:\a:b\x", r"~\x:y"] {
        assert!(matches!(path(word), Err(ConfigError::Malformed { .. })), "{word}: {:?}", path(word));
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use dt_credd::platform::own_uid;

    use super::*;

    #[test]
    fn a_file_or_a_folder_above_it_that_others_can_write_is_refused() {
        for mode in [0o664, 0o646, 0o666] {
            let folder = folder();
            let path = put(folder.path(), "");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Config::load(&path).unwrap_err();
            assert!(matches!(error, ConfigError::Untrusted(_)), "{error}");
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
        for mode in [0o770, 0o707, 0o777] {
            let folder = folder();
            let above = folder.path().join("above");
            fs::create_dir_all(above.join("below")).unwrap();
            let path = put(&above.join("below"), "");
            fs::set_permissions(&above, fs::Permissions::from_mode(mode)).unwrap();
            let error = Config::load(&path).unwrap_err();
            assert!(matches!(error, ConfigError::Untrusted(_)), "{error}");
        }
    }

    #[test]
    fn a_symlink_is_followed_and_what_it_names_is_judged_too() {
        let (here, there) = (folder(), folder());
        let real = put(there.path(), "default_profile = \"linked\"\n");
        let link = here.path().join("config.toml");
        symlink(&real, &link).unwrap();
        assert_eq!(Config::load(&link).unwrap().default_profile, profile("linked"));
        fs::set_permissions(there.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Config::load(&link), Err(ConfigError::Untrusted(_))));
        fs::set_permissions(there.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(here.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Config::load(&link), Err(ConfigError::Untrusted(_))));
    }

    #[test]
    fn a_symlink_to_nothing_is_an_error_not_the_defaults() {
        let folder = folder();
        let link = folder.path().join("config.toml");
        symlink(folder.path().join("gone"), &link).unwrap();
        assert!(matches!(Config::load(&link), Err(ConfigError::Io { .. })));
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        if own_uid() != 0 {
            return; // Only root can give a file away.
        }
        let folder = folder();
        let path = put(folder.path(), "");
        chown(&path, Some(4321), None).unwrap();
        assert!(matches!(Config::load(&path), Err(ConfigError::Untrusted(_))));
    }
}
