//! The token lifecycle against a simple model of it, over thousands of random events.
//!
//! The model knows which token is held and until when, whether a fetch runs, and what forbids the next one. It does
//! not know when a refresh is due or how long the jitter is, and so checks what must hold whatever they are.

#[path = "lifecycle_model/apply.rs"]
mod apply;
#[path = "lifecycle_model/model.rs"]
mod model;

use dt_credd::lifecycle::Cause;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use model::Model;

#[derive(Clone, Debug)]
enum Event {
    Ask {
        min_ttl: Option<u64>,
        fresh: bool,
        within: u64,
    },
    Leave {
        index: usize,
    },
    Grant {
        lifetime: u64,
        again: bool,
    },
    Fail {
        cause: Cause,
        retry_after: Option<u64>,
    },
    Reread {
        outcome: u8,
    },
    /// An answer to what was asked for long ago, or not at all.
    Late {
        index: usize,
    },
    Reject {
        held: bool,
        named: bool,
        force: bool,
    },
    Replace {
        proof: Option<(u64, u64)>,
        keep: bool,
    },
    Erase,
    Pass {
        milliseconds: u64,
    },
    Sleep {
        seconds: u64,
    },
    Wall {
        seconds: i64,
    },
    Policy {
        min_ttl: u64,
        keep_warm: u32,
        always: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let lifetime = || prop_oneof![1 => Just(0), 2 => 1..5_u64, 3 => 5..100_u64, 3 => 100..4000_u64];
    let cause = prop_oneof![
        3 => Just(Cause::Temporary),
        1 => Just(Cause::Slow),
        1 => Just(Cause::Local),
        1 => Just(Cause::Terminal),
    ];
    prop_oneof![
        8 => (proptest::option::weighted(0.3, 0..200_u64), proptest::bool::weighted(0.15), 0..20_000_u64)
            .prop_map(|(min_ttl, fresh, within)| Event::Ask { min_ttl, fresh, within }),
        1 => (0..8_usize).prop_map(|index| Event::Leave { index }),
        6 => (lifetime(), proptest::bool::weighted(0.2))
            .prop_map(|(lifetime, again)| Event::Grant { lifetime, again }),
        3 => (cause, proptest::option::weighted(0.2, 0..2000_u64))
            .prop_map(|(cause, retry_after)| Event::Fail { cause, retry_after }),
        3 => (0..3_u8).prop_map(|outcome| Event::Reread { outcome }),
        1 => (0..50_usize).prop_map(|index| Event::Late { index }),
        2 => (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(held, named, force)| Event::Reject { held, named, force }),
        1 => (proptest::option::of((lifetime(), 0..3000_u64)), any::<bool>())
            .prop_map(|(proof, keep)| Event::Replace { proof, keep }),
        1 => Just(Event::Erase),
        10 => prop_oneof![0..100_u64, 0..3_000_u64, 0..100_000_u64]
            .prop_map(|milliseconds| Event::Pass { milliseconds }),
        1 => (0..5_000_u64).prop_map(|seconds| Event::Sleep { seconds }),
        1 => (-4_000..4_000_i64).prop_map(|seconds| Event::Wall { seconds }),
        1 => (0..1000_u64, 0..5_u32, any::<bool>())
            .prop_map(|(min_ttl, keep_warm, always)| Event::Policy { min_ttl, keep_warm, always }),
    ]
}

#[test]
fn whatever_happens_the_rules_hold() {
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let stories = (any::<u64>(), proptest::collection::vec(event(), 200..300));
    let told = runner.run(&stories, |(seed, events)| {
        let mut model = Model::new(seed);
        for event in events {
            model.apply(event)?;
            model.drain()?;
        }
        Ok(())
    });
    if let Err(error) = told {
        panic!("{error}");
    }
}
