//! The manual: what is printed, and that it says what the programs do.

use dt_cred_tests::parts::Home;

#[cfg(target_os = "linux")]
mod linux;

const PAGES: [(&str, &str, &str); 3] = [
    ("dt-cred", "dt-cred.1", include_str!("../../../packaging/man/dt-cred.1")),
    ("dt-credd", "dt-credd.1", include_str!("../../../packaging/man/dt-credd.1")),
    ("dt-cred-config", "dt-cred-config.5", include_str!("../../../packaging/man/dt-cred-config.5")),
];

#[test]
fn man_prints_each_page_and_that_of_dt_cred_where_none_is_named() {
    let home = Home::new();
    for (name, _, page) in PAGES {
        assert_eq!(home.dt_cred(&["man", name]).done(), page, "{name}");
    }
    assert_eq!(home.dt_cred(&["man"]).done(), PAGES[0].2);
    let other = home.dt_cred(&["man", "other"]);
    assert_eq!((other.code, other.stdout.as_str()), (Some(2), ""), "{other:?}");
    assert!(other.stderr.contains("[possible values: dt-cred, dt-credd, dt-cred-config]"), "{other:?}");
    assert_eq!(home.daemon_pid(), None);
}

#[test]
fn each_page_has_the_sections_that_people_look_for() {
    for (name, _, page) in PAGES {
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
            "EXAMPLES",
            "SECURITY",
            "SEE ALSO",
        ] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{name}: {section}");
        }
        assert!(page.contains("dt\\-cred unlock"), "{name} does not say what mends exit status 6");
    }
}

#[test]
fn the_page_of_the_daemon_has_every_option_that_its_help_has() {
    let home = Home::new();
    let mut daemon = home.command(home.daemon_program());
    daemon.arg("--help");
    let help = dt_cred_tests::parts::run(daemon, "").done();
    let options: Vec<_> =
        help.split([' ', ',', '\n', '[', ']']).filter(|word| word.starts_with('-')).collect();
    assert!(options.len() >= 5, "{help}");
    for option in options {
        assert!(PAGES[1].2.contains(&option.replace('-', "\\-")), "{option}");
    }
}
