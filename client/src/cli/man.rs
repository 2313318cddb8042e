//! The page dt-cred(1), made of `packaging/man/dt-cred.1.in` and of what clap knows. It is made in a test, which says
//! where the page that is shipped is another one: `DT_CRED_WRITE_MAN=1 cargo test -p dt-cred man` writes it anew.

use std::{env, fs, path::Path};

use clap::{Arg, Command};

use super::{command, help};

/// Environment variable under which the page is written.
const WRITE: &str = "DT_CRED_WRITE_MAN";

const TEMPLATE: &str = include_str!("../../../packaging/man/dt-cred.1.in");

/// The page as it must be.
fn page() -> String {
    let root = command();
    TEMPLATE
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@OPTIONS@\n", &arguments(&root, |_| true))
        .replace("@COMMANDS@\n", &groups(&root))
        .replace(
            "@EXIT_STATUS@\n",
            &help::EXIT_CODES.iter().map(|(code, what)| tagged(&text(code), what)).collect::<String>(),
        )
}

fn groups(root: &Command) -> String {
    let of = |name: &&str| root.find_subcommand(name).map(sections);
    help::GROUPS.iter().flat_map(|(_, names)| names.iter().filter_map(of)).collect()
}

/// A command and those below it, a section each.
fn sections(command: &Command) -> String {
    if command.get_name() == "help" || command.is_hide_set() {
        return String::new();
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).trim();
    let name = command.get_bin_name().unwrap_or_default();
    let aliases = command.get_all_aliases().map(|alias| format!(" Also called {alias}.")).collect::<String>();
    let mut page = format!(".SS {}\n", text(name.strip_prefix("dt-cred ").unwrap_or(name)));
    page += &format!(".B {}\n.PP\n{}.{}\n", text(usage), text(&about(command)), text(&aliases));
    page += &arguments(command, |arg| !arg.is_global_set());
    if let Some(after) = command.get_after_help().map(ToString::to_string) {
        let (remark, examples) = after.split_once("Examples:").unwrap_or((&after, ""));
        let remark = remark.trim();
        if !remark.is_empty() {
            page += &format!(".PP\n{}\n", text(remark));
        }
        let examples: Vec<_> =
            examples.lines().map(str::trim).filter(|line| !line.is_empty()).map(text).collect();
        page += &format!(".PP\n.RS 4\n.EX\n{}\n.EE\n.RE\n", examples.join("\n"));
    }
    page + &command.get_subcommands().map(sections).collect::<String>()
}

/// The options and arguments, a paragraph each.
fn arguments(command: &Command, wanted: fn(&Arg) -> bool) -> String {
    let known = |arg: &&Arg| {
        wanted(arg) && !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
    };
    let shown = command.get_arguments().filter(known);
    shown.map(|arg| tagged(&names(arg), &meaning(arg))).collect()
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let takes = arg.get_action().takes_values() && !arg.is_hide_default_value_set();
    let defaults: Vec<_> =
        arg.get_default_values().iter().filter(|_| takes).map(|value| value.to_string_lossy()).collect();
    if defaults.is_empty() { help } else { format!("{help} [default: {}]", defaults.join(" ")) }
}

fn names(arg: &Arg) -> String {
    let names =
        [arg.get_short().map(|name| format!("-{name}")), arg.get_long().map(|name| format!("--{name}"))];
    let names: Vec<_> = names.into_iter().flatten().map(|name| format!("\\fB{}\\fR", text(&name))).collect();
    let takes = names.is_empty() || arg.get_action().takes_values();
    let values = arg.get_value_names().into_iter().flatten().filter(|_| takes);
    let value = values.map(|name| format!("\\fI{}\\fR", text(name))).collect::<Vec<_>>().join(" ");
    [names.join(", "), value].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn tagged(tag: &str, what: &str) -> String {
    format!(".TP\n{tag}\n{}\n", text(what))
}

fn about(command: &Command) -> String {
    command.get_about().map_or(String::new(), ToString::to_string)
}

/// Text that roff takes for nothing else (groff_char(7)).
fn text(plain: &str) -> String {
    let escaped = plain.chars().map(|c| match c {
        '\\' => "\\e".to_owned(),
        '-' => "\\-".to_owned(),
        '\'' => "\\(aq".to_owned(),
        '`' => "\\(ga".to_owned(),
        '^' => "\\(ha".to_owned(),
        '~' => "\\(ti".to_owned(),
        other => other.to_string(),
    });
    let lines = escaped.collect::<String>();
    let safe = |line: &str| if line.starts_with('.') { format!("\\&{line}") } else { line.to_owned() };
    lines.lines().map(safe).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_that_is_shipped_says_what_the_command_line_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/dt-cred.1");
    let page = page();
    if env::var_os(WRITE).is_some_and(|value| value == "1") {
        fs::write(&file, &page).expect("the page is written");
    }
    let shipped = fs::read_to_string(&file).expect("a page").replace("\r\n", "\n");
    assert!(
        shipped == page,
        "packaging/man/dt-cred.1 is not current: {WRITE}=1 cargo test -p dt-cred man writes it anew"
    );
}

#[test]
fn every_command_and_every_option_has_its_place_on_the_page() {
    fn check(command: &Command, page: &str) {
        let name = text(command.get_bin_name().unwrap_or_default().trim_start_matches("dt-cred").trim());
        assert!(name.is_empty() || page.contains(&format!("\n.SS {name}\n")), "{name}");
        for option in command
            .get_arguments()
            .filter_map(Arg::get_long)
            .filter(|name| !["help", "version"].contains(name))
        {
            assert!(page.contains(&format!("\\fB{}\\fR", text(&format!("--{option}")))), "{name}: {option}");
        }
        command
            .get_subcommands()
            .filter(|below| below.get_name() != "help")
            .for_each(|below| check(below, page));
    }
    check(&command(), &page());
}

#[test]
fn roff_takes_no_text_for_a_request() {
    assert_eq!(text(".so /etc\n'br \\fB a-b `~^"), "\\&.so /etc\n\\(aqbr \\efB a\\-b \\(ga\\(ti\\(ha");
}
