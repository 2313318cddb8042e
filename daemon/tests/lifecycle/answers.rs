//! Which token is served, and for whom it is not enough.

use crate::story::tell;

#[test]
fn a_token_is_served_if_it_is_valid_for_long_enough() {
    tell(&[
        (
            "what the caller wants counts",
            "0 policy 60 0
             0 ask a => fetch
             0 grant one 3600 => a one
             3000 ask b min 600 => b one
             3000.001 ask c min 600 => fetch
             3001 grant two 3600 => c two",
        ),
        (
            "a caller can want less than the preferences",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3598 ask b min 1 => b one",
        ),
        (
            "a token that is short is served where the attempt failed",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3550 ask b
             3551 fail temporary down => b one",
        ),
        (
            "but not to a caller who said for how long it must be valid",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3550 ask b min 100 within 0.5
             3550.2 fail slow down => b: slow down",
        ),
        (
            "a token that is short is served where no attempt may be made yet",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3550 fail slow down
             3551 ask b => b one
             3599.999 ask c => c one
             3600 ask d => d: slow down",
        ),
        (
            "a token that is short is served where the attempt takes too long",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3550 ask b
             3560..3560 timer => b one",
        ),
        (
            "an expired token is never served",
            "0 policy 0 24
             0 ask a => fetch
             0 grant one 100 => a one
             50..90 timer => fetch
             99.999 ask b => b one
             100 ask c
             101 ask d min 0
             102 grant two 100 => c two, d two",
        ),
        (
            "nor one that expires while the caller waits",
            "0 ask a => fetch
             0 grant one 100 => a one
             62..100 timer => fetch
             99 ask b within 5
             104..104 timer => b: deadline",
        ),
    ]);
}

#[test]
fn a_min_ttl_that_no_token_can_meet_fails_at_once() {
    tell(&[
        (
            "beyond the lifetime of the last grant",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 ask b min 3601 => b: min-ttl 3600",
        ),
        (
            "of the last grant, also when its token is gone",
            "0 policy 60 0
             0 ask a => fetch
             0 grant one 100 => a one
             200 ask b min 101 => b: min-ttl 100, fetch
             200 reject => kept
             201 ask c min 101 fresh => c: min-ttl 100",
        ),
        (
            "known only after the first grant",
            "0 ask a min 3601 => fetch
             0.5 ask b min 60
             1 grant one 3600 => a: min-ttl 3600, b one",
        ),
        (
            "a token that was long on its way is asked for once more, and then it is enough",
            "0 ask a within 100 => fetch
             5 ask b min 3595 within 100
             10 grant one 3600 => a one, fetch
             12 grant two 3600 => b two",
        ),
        (
            "or it is never enough",
            "0 ask a min 3595 within 100 => fetch
             10 grant one 3600 => a: min-ttl 3600",
        ),
        (
            "other credentials may do better",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 replace
             10 ask b min 7000 => fetch
             11 grant two 9000 => b two",
        ),
    ]);
}
