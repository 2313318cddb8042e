//! Bodies that are cut off, too long, of an unknown kind, that claim absurd lengths, or are noise.

use dt_cred_proto::{
    frame::{FrameError, Message},
    message::{Request, Response},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{RngSeed, TestRunner},
};

use crate::{bounded, kept, of_both, refused, widest};

#[test]
fn a_message_that_is_cut_off_at_any_byte_is_truncated() {
    of_both(|_, decode, bodies| {
        for (name, body) in bodies {
            for end in 0..body.len() {
                assert_eq!(decode(&body[..end]), Some(FrameError::Truncated), "{name} cut at byte {end}");
            }
        }
    });
}

#[test]
fn bytes_after_the_message_are_counted_and_refused() {
    of_both(|_, decode, bodies| {
        for (name, body) in bodies {
            for more in [1, 2, 1000] {
                let longer = [body.as_slice(), &vec![0; more]].concat();
                assert_eq!(decode(&longer), Some(FrameError::Trailing(more)), "{name} and {more} bytes");
            }
        }
    });
}

/// An integer as the wire has it, in the shortest form.
fn shortest(number: u32) -> Vec<u8> {
    match number {
        0..=250 => vec![number as u8],
        251..=0xffff => [[251].as_slice(), &(number as u16).to_le_bytes()].concat(),
        _ => [[252].as_slice(), &number.to_le_bytes()].concat(),
    }
}

#[test]
fn a_message_of_a_later_release_is_named_by_its_number_whatever_follows_it() {
    fn check<M: Message>(before: &[u8]) {
        for number in [M::VARIANTS, M::VARIANTS + 1, 250, 251, 65_535, 65_536, u32::MAX] {
            for after in [&[][..], &[0; 100], &[255; 100]] {
                let body = [before, &shortest(number), after].concat();
                assert_eq!(refused::<M>(&body), FrameError::UnknownVariant(number));
            }
        }
        for number in 0..M::VARIANTS {
            let body = [before, &shortest(number), &[255; 100]].concat();
            assert!(!matches!(refused::<M>(&body), FrameError::UnknownVariant(_)), "{number} is known");
        }
    }
    check::<Request>(&[0]);
    check::<Request>(&widest(u64::MAX));
    check::<Response>(&[]);
}

/// Where the operation begins: behind the deadline, which is shorter than one byte's worth.
const OPERATION: &[u8] = &[0];

#[test]
fn a_string_is_allocated_only_once_its_bytes_are_there() {
    let hostile = [60_000, 1 << 20, 1 << 31, 1 << 60, u64::MAX >> 1, u64::MAX];
    // Nothing before the string is allocated but the box around a Store.
    let strings: [(&str, &[u8]); 5] = [
        ("Get.profile", &[0, 1]),
        ("Store.profile", &[2, 1]),
        ("Store.attributes.url", &[2, 0, 0, 1, 1]),
        ("Store.attributes.client_secret", &[2, 0, 0, 1, 0, 0, 0, 1]),
        ("Erase.profile", &[3, 0, 1]),
    ];
    for (field, before) in strings {
        for length in hostile {
            let body = [OPERATION, before, &widest(length), b"abc"].concat();
            let error = refused::<Request>(&body);
            assert!(matches!(error, FrameError::Truncated | FrameError::Malformed), "{field}: {error}");
        }
        let body = [OPERATION, before, &widest(1 << 60), b"abc"].concat();
        assert_eq!(refused::<Request>(&body), FrameError::Malformed, "{field}");
        let body = [OPERATION, before, &widest(60_000), b"abc"].concat();
        assert_eq!(refused::<Request>(&body), FrameError::Truncated, "{field}");
    }
    let strings: [(&str, &[u8]); 6] = [
        ("LogEntry.caller.program", &[16, 1, 0, 0, 0, 1]),
        ("Lent.path", &[19, 1, b'd', 0]),
        ("Version.release", &[0, 1]),
        ("Failed.message", &[2, 0]),
        ("Token.access_token", &[3]),
        ("Status.release", &[8]),
    ];
    for (field, before) in strings {
        for length in hostile {
            let body = [before, &widest(length), b"abc"].concat();
            let error = refused::<Response>(&body);
            assert!(matches!(error, FrameError::Truncated | FrameError::Malformed), "{field}: {error}");
        }
        let body = [before, &widest(1 << 60), b"abc"].concat();
        assert_eq!(refused::<Response>(&body), FrameError::Malformed, "{field}");
    }
}

#[test]
fn a_list_grows_only_as_its_elements_arrive() {
    let lists: [(&str, &[u8]); 4] = [
        ("Erased", &[6]),
        ("Status.profiles", &[8, 1, b'r', 0, 0, 1, b'd', 0]),
        ("Log", &[16]),
        ("Defences", &[15]),
    ];
    for (field, before) in lists {
        for length in [1000, 60_000, 1 << 20, 1 << 60, u64::MAX] {
            let body = [before, &widest(length)].concat();
            assert_eq!(refused::<Response>(&body), FrameError::Truncated, "{field} of {length}");
        }
    }
}

#[test]
fn an_absurd_number_at_any_byte_of_a_message_allocates_nothing_for_it() {
    of_both(|_, decode, bodies| {
        for (_, body) in bodies {
            for at in 0..body.len() {
                for number in [60_000, 1_000_000, 1 << 60] {
                    // Refused or, where a number stands, taken: `bounded` looks at what it cost.
                    decode(&[&body[..at], &widest(number), &body[at + 1..]].concat());
                }
            }
        }
    });
}

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x6672_616d_6573),
        ..ProptestConfig::default()
    })
}

#[test]
fn noise_never_panics_and_never_allocates_more_than_itself() {
    let noise = vec(any::<u8>(), 0..600);
    let outcome = runner().run(&noise, |body| {
        let _ = bounded::<Request>(&body);
        let _ = bounded::<Response>(&body);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_message_with_a_few_bytes_changed_never_panics() {
    let bodies: Vec<_> = kept("re").into_iter().map(|(_, body)| body).collect();
    let changed = (select(bodies), vec((any::<Index>(), any::<u8>()), 1..4));
    let outcome = runner().run(&changed, |(mut body, changes)| {
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = bounded::<Request>(&body);
        let _ = bounded::<Response>(&body);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
