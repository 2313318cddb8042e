//! The help of every command, word for word.

use std::{collections::BTreeSet, fs, path::Path};

use dt_cred_tests::{commands, user::User};

use crate::snapshot;

fn name(command: &[String]) -> String {
    let words: Vec<_> = ["dt-cred".to_owned()].into_iter().chain(command.iter().cloned()).collect();
    format!("{}.txt", words.join("-"))
}

#[test]
fn the_help_of_every_command_is_as_it_is_kept_and_none_is_kept_of_one_that_is_gone() {
    let user = User::in_memory();
    for command in commands::all(&user) {
        let (short, long) =
            (commands::help(&user, &command, "-h"), commands::help(&user, &command, "--help"));
        let text = if short == long { short } else { format!("{short}\n--help\n\n{long}") };
        snapshot::same(&format!("help/{}", name(&command)), &text);
    }
    let wanted: BTreeSet<_> = commands::all(&user).iter().map(|command| name(command)).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/help");
    let kept = fs::read_dir(folder).expect("the folder of kept texts");
    let kept: BTreeSet<_> =
        kept.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(kept, wanted);
}
