//! The options of the curl that is installed: none that it has is unknown here, or taken for another kind.

use dt_cred_tests::{parts::run, user::User};

use super::real::is_here;

/// An option as `curl --help all` tells it: `-o, --output <file>      Write …`, with a letter where it has one.
fn told(line: &str) -> Option<(Option<char>, &str, bool)> {
    let line = line.trim_start();
    let (letter, rest) = match line.strip_prefix("--") {
        Some(rest) => (None, rest),
        None => {
            let (letter, rest) = line.split_once(", --")?;
            (letter.strip_prefix('-')?.chars().next(), rest)
        }
    };
    let name = rest.split(' ').next()?;
    let value = rest[name.len()..].trim_start_matches(' ');
    Some((letter, name, rest[name.len()..].starts_with(" <") || value.starts_with("[protocol")))
}

#[test]
fn every_option_of_the_installed_curl_is_known_with_its_letter_and_whether_it_takes_a_value() {
    if !is_here() {
        return;
    }
    let user = User::in_memory();
    let mut help = user.home.command("curl");
    help.args(["-q", "--help", "all"]);
    let help = run(help, "").done();
    let options: Vec<_> = help.lines().filter_map(told).collect();
    assert!(options.len() > 200, "{}", options.len());
    for (letter, name, takes_value) in options {
        // It prints this text, with or without a word behind it.
        let takes_value = takes_value && name != "help";
        let spellings = letter.map(|letter| format!("-{letter}")).into_iter().chain([format!("--{name}")]);
        for spelling in spellings {
            // Directly behind `curl` some are ours.
            let said = user.dt_cred(&["curl", "--silent", &spelling]).stderr;
            let canonical = name.trim_start_matches("no-");
            let expected = if takes_value {
                said == format!("dt-cred: --{name} has no value behind it: see curl --help all\n")
            } else {
                said.starts_with("dt-cred: no URL is given")
                    || said.starts_with(&format!("dt-cred: --{canonical} is refused: "))
            };
            assert!(expected, "{spelling} of --{name}: {said}");
        }
    }
}
