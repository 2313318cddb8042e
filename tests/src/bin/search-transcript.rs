//! Searches what all programs said while all tests ran: `search-transcript FOLDER`, as `tests/run` does.

use std::{env, path::Path, process::ExitCode};

use dt_cred_tests::transcript::{Least, search};

/// Half of what there is when all tests have run; elsewhere than on Linux they are fewer.
const LEAST: Least = if cfg!(target_os = "linux") {
    Least { records: 9_000, details: 500, secrets: 900 }
} else {
    Least { records: 500, details: 5, secrets: 50 }
};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1) else {
        eprintln!("search-transcript: which folder? search-transcript FOLDER");
        return ExitCode::from(2);
    };
    let found = match search(Path::new(&folder), LEAST) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("search-transcript: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{found}");
    for (path, form, record) in &found.finds {
        eprintln!(
            "search-transcript: a secret or token, {form}, in {path:?}: {:?} of {:?}",
            record.channel, record.command
        );
    }
    if found.finds.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
