//! The rules of every reader of bytes that come in, on what nobody honest would send. `fuzz` looks for more of that with
//! the same checks; what it found worth keeping lies in its corpus, and is tried here in every run.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its scene fails")]

mod longest;
mod nearly;

use std::{collections::BTreeSet, fs, path::PathBuf};

use dt_cred_readers::{CHECKS, Check};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use tokio::runtime::Builder;

/// [`dt_cred_readers::session`] on a clock of its own.
fn session(data: &[u8]) -> bool {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
    dt_cred_readers::session(&runtime.unwrap(), data)
}

/// The check of the reader of this name.
fn check(name: &str) -> Check {
    let known = CHECKS.into_iter().find(|(known, _)| *known == name);
    known.map_or(session as Check, |(_, check)| check)
}

/// A folder of `fuzz`.
fn fuzz(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder)
}

/// The names in a folder of `fuzz`, without what tells their kind.
fn names(folder: &str) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    fs::read_dir(fuzz(folder)).unwrap().map(|entry| stem(entry.unwrap().path())).collect()
}

/// What is kept for the reader of this name.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = fuzz("corpus").join(name);
    let files: BTreeSet<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs `check` on so many of these inputs, the same in every run; how many were taken.
fn try_all(check: Check, cases: u32, inputs: impl Strategy<Value = Vec<u8>>) -> u32 {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0062_7974_6573),
        ..ProptestConfig::default()
    });
    let taken = std::cell::Cell::new(0);
    let outcome = runner.run(&inputs, |input| {
        taken.set(taken.get() + u32::from(check(&input)));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    taken.get()
}

#[test]
fn every_reader_has_a_fuzz_target_and_a_corpus() {
    let readers: BTreeSet<_> = CHECKS.map(|(name, _)| name.to_owned()).into_iter().collect();
    let readers: BTreeSet<_> = readers.into_iter().chain(["session".to_owned()]).collect();
    assert_eq!(readers.len(), CHECKS.len() + 1);
    assert_eq!(names("fuzz_targets"), readers);
    assert_eq!(names("corpus"), readers);
    assert!(names("dictionaries").is_subset(&readers));
}

macro_rules! readers {
    ($($name:ident)*) => {
        #[test]
        fn no_reader_is_left_out_here() {
            assert_eq!(BTreeSet::from([$(stringify!($name).to_owned()),*]), names("fuzz_targets"));
        }

        $(mod $name {
            use super::*;

            const NAME: &str = stringify!($name);

            #[test]
            fn keeps_its_rules_on_every_file_of_the_corpus() {
                let corpus = corpus(NAME);
                let taken = corpus.iter().filter(|input| check(NAME)(input)).count();
                assert!(taken > 0 && taken < corpus.len(), "{taken} of {} are taken", corpus.len());
            }

            #[test]
            fn keeps_its_rules_on_noise() {
                try_all(check(NAME), 300, vec(any::<u8>(), 0..300));
            }

            #[test]
            fn keeps_its_rules_on_what_is_nearly_right() {
                const CASES: u32 = 1000;
                let taken = try_all(check(NAME), CASES, nearly::right(NAME));
                println!("{NAME}: {taken} of {CASES} were taken");
                assert!((CASES / 50..CASES - CASES / 50).contains(&taken), "one kind is tried too little: {taken}");
            }
        })*
    };
}

readers!(request response lines given item grant assets applications access_policies moment config state text session git kubectl origin jwt curl curl_answer);
