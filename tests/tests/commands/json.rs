//! `docs/json.md` against what the programs print: each documents the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use dt_cred_tests::{
    commands,
    issuer::{Door, Sandbox},
    parts::{Output, Systemd, until},
    user::{Account, User},
};
use serde_json::Value;

/// The page: by the command of a heading, each member and its type.
fn page() -> BTreeMap<String, BTreeMap<String, String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    let text = fs::read_to_string(path).expect("the page");
    let mut commands = BTreeMap::new();
    let mut members: Option<&mut BTreeMap<String, String>> = None;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let command = heading.strip_prefix("`dt-cred ").and_then(|rest| rest.strip_suffix('`'));
            members = command.map(|command| commands.entry(command.to_owned()).or_default());
        } else if let (Some(row), Some(members)) = (line.strip_prefix("| `"), &mut members) {
            let (member, rest) = row.split_once("` | ").expect("a member, then a cell");
            let (kind, _) = rest.split_once(" | ").expect("a type, then a cell");
            let twice = members.insert(member.to_owned(), kind.to_owned());
            assert_eq!(twice, None, "{member} is there twice");
        }
    }
    commands
}

/// What the programs print: by command, each member that was there, with every kind of value that it had.
#[derive(Default)]
struct Printed(BTreeMap<String, BTreeMap<String, BTreeSet<&'static str>>>);

impl Printed {
    fn take(&mut self, user: &User, command: &str, arguments: &[&str]) -> Value {
        let words: Vec<_> = command.split(' ').chain(arguments.iter().copied()).collect();
        self.told(command, &user.dt_cred(&words))
    }

    fn told(&mut self, command: &str, output: &Output) -> Value {
        assert_eq!(output.stdout.lines().count(), 1, "{command}: {output:?}");
        let value = serde_json::from_str(&output.stdout).expect("JSON");
        let command = self.0.entry(command.to_owned()).or_default();
        members(&value, "", &mut |member, kind| {
            command.entry(member.to_owned()).or_default().insert(kind);
        });
        value
    }
}

/// Tells every member below `value`, which is the one of this path.
fn members(value: &Value, path: &str, tell: &mut impl FnMut(&str, &'static str)) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                tell(&path, kind(value));
                members(value, &path, tell);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, &format!("{path}[]"), tell)),
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() => "integer",
        Value::Number(_) => "another number",
        Value::String(_) => "string",
        Value::Array(values) if values.first().is_some_and(Value::is_string) => "array of string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Everything that there is to print, each object of it once at least.
fn printed() -> Option<Printed> {
    let sandbox = Sandbox::http();
    let (user, systemd) = (User::in_kernel_keyring()?, Systemd::boot()?);
    let mut printed = Printed::default();
    printed.take(&user, "status --json", &[]);
    printed.take(&user, "log --json", &[]);
    let name = user.profile();
    // One file is as it should be; another one is kept from that by a folder that lies in its place.
    fs::create_dir(user.home.path().join("folder")).expect("a folder");
    let file = |path: &str| format!("[[profile.{name}.file]]\npath = \"~/{path}\"\n");
    user.home.configure(&format!("{}{}", file("folder"), file("tokens/token")));
    user.log_in(&Account::at(&sandbox));
    printed.take(&user, "get --format json", &[]);
    printed.take(&user, "inspect --json", &[]);
    until("both files to be told", || {
        let files = printed.take(&user, "status --json", &[])["files"].clone();
        let has =
            |member| files.as_array().is_some_and(|files| files.iter().any(|file| !file[member].is_null()));
        (has("error") && has("generation")).then_some(())
    });
    printed.take(&user, "log --json", &[]);
    printed.take(&user, "doctor --json", &[]);
    // No Secret Service is here, which is an error of that store.
    printed.take(&user, "keyring list --json", &[]);
    sandbox.set(|settings| settings.door = Door::Closed);
    user.dt_cred(&["reject"]).done();
    assert_eq!(user.dt_cred(&["get", "--timeout", "1"]).code, Some(1));
    printed.take(&user, "status --json", &[]);
    printed.take(&user, "doctor --json", &[]);
    manage(&mut printed, &user, &sandbox);
    // A service whose daemon runs, and then one whose daemon ends as soon as it is started.
    let member = systemd.log_in();
    member.run("dt-cred service install && dt-cred start", "").done();
    printed.told("service status --json", &member.run("dt-cred service status --json", ""));
    member.break_service(1);
    assert_eq!(member.run("dt-cred get", "").code, Some(3));
    for command in ["service status --json", "status --json"] {
        printed.told(command, &member.run(&format!("dt-cred {command}"), ""));
    }
    Some(printed)
}

/// What an Owner sees, who has made an integration with a claim and let it read.
fn manage(printed: &mut Printed, user: &User, sandbox: &Sandbox) {
    sandbox.set(|settings| settings.door = Door::Open);
    let (owner, made) = (format!("{}-owner", user.profile()), format!("{}-made", user.profile()));
    let lines = format!("{}keyring=memory\n", Account::owner_at(sandbox).lines());
    user.home.dt_cred_with(&["store", "-p", &owner], lines).done();
    let by = ["--as", owner.as_str()];
    let create = ["integration", "create", &made, "--keyring", "memory", "--claim", "site=north"];
    user.dt_cred(&[&create[..], &by].concat()).done();
    user.dt_cred(&[&["integration", "grant", &made], &by[..]].concat()).done();
    printed.take(user, "integration list --json", &by);
    for command in ["integration show --json", "integration grants --json"] {
        printed.take(user, command, &[&[made.as_str()], &by[..]].concat());
    }
    printed.take(user, "status --json", &["-p", &made]);
}

#[test]
fn every_member_that_is_printed_is_documented_with_its_type_and_no_other_is() {
    let Some(Printed(printed)) = printed() else { return };
    let page = page();
    assert_eq!(page.keys().collect::<Vec<_>>(), printed.keys().collect::<Vec<_>>());
    for (command, members) in &printed {
        let documented = &page[command];
        // What is the issuer's to say.
        let is_any = |member: &str| {
            let above = member.match_indices(['.', '[']).map(|(at, _)| &member[..at]);
            above.into_iter().any(|above| documented.get(above).is_some_and(|kind| kind.starts_with("any ")))
        };
        for (member, kinds) in members.iter().filter(|(member, _)| !is_any(member)) {
            let Some(types) = documented.get(member) else { panic!("{command}: {member} is not documented") };
            let types: Vec<_> = types.split(" or ").collect();
            for kind in kinds {
                let fits = types.iter().any(|known| known.strip_prefix("any ").unwrap_or(known) == *kind);
                // An empty one is a list of anything.
                let empty = *kind == "array" && types.contains(&"array of string");
                assert!(fits || empty, "{command}: {member} is {kind}, and documented as {types:?}");
            }
        }
        for member in documented.keys() {
            assert!(members.contains_key(member), "{command}: {member} is documented and was never printed");
        }
        assert_eq!(documented.get("schema").map(String::as_str), Some("integer"), "{command}");
    }
}

#[test]
fn every_command_that_has_json_is_on_the_page() {
    let user = User::in_memory();
    let documented: BTreeSet<_> = page().into_keys().filter(|command| command.ends_with(" --json")).collect();
    let mut found = BTreeSet::new();
    for command in commands::all(&user) {
        if commands::help(&user, &command, "--help").contains("--json") {
            found.insert(format!("{} --json", command.join(" ")));
        }
    }
    assert_eq!(found, documented);
}
