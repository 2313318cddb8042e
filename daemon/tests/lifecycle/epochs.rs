//! Changed credentials, rejected tokens, and callers who want a new one.

use crate::story::tell;

#[test]
fn an_answer_of_an_older_epoch_is_dropped_and_its_waiters_join_the_new_one() {
    tell(&[
        (
            "other credentials, proved: the proof is for all",
            "0 ask a => fetch
             1 replace new 3600 => a new
             2 grant old 3600
             3 ask b => b new",
        ),
        (
            "other credentials, unchecked: the older fetch is given up for one by them",
            "0 ask a => fetch
             1 replace => fetch
             1.5 grant old 3600 late
             2.5 grant new 3600 => a new",
        ),
        (
            "but not sooner than a second after it",
            "0 ask a => fetch
             0.5 replace
             0.6 grant old 3600 late
             1..1 timer => fetch
             1.1 fail terminal refused late
             2.5 grant new 3600 => a new",
        ),
        (
            "an older refusal is none of the new credentials",
            "0 ask a => fetch
             1 replace => fetch
             2 fail terminal refused late
             2.5 grant new 3600 => a new",
        ),
        (
            "nor is an older Retry-After",
            "0 ask a => fetch
             1 replace => fetch
             2 fail temporary busy after 900 late
             3 fail temporary slow
             3..4 timer => fetch",
        ),
        (
            "nor what the keyring held before",
            "0 ask a => fetch
             1 fail terminal refused => reread
             2 replace => fetch
             3 reread same
             4 grant new 3600 => a new",
        ),
        (
            "a rejected token: the refresh that ran was asked for before",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3301 reject one => dropped
             3301.5 grant two 3600 late
             3302 ask b => fetch
             3304 grant three 3600 => b three",
        ),
        (
            "rejected while the keyring is read: it is read once more",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3301 fail terminal refused => reread
             3302 reject one => dropped, reread
             3303 ask b
             3304 reread same => b: terminal refused",
        ),
        (
            "erased: whoever waits is told, and the next ask begins anew",
            "0 ask a => fetch
             1 erase => a: erased
             2 grant old 3600 late
             2 ask b => fetch
             3 fail local nothing-stored => b: local nothing-stored",
        ),
        (
            "erased with a valid token",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 erase
             - quiet
             11 ask b => fetch
             11 fail local nothing-stored => b: local nothing-stored",
        ),
        (
            "erased in the backoff",
            "0 ask a within 900 => fetch
             1 fail temporary busy after 60
             2 erase => a: erased
             2 check => ok
             - quiet",
        ),
    ]);
}

#[test]
fn unchecked_credentials_keep_the_token_only_if_told_so() {
    tell(&[
        (
            "kept",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 replace keep
             11 ask b => b one
             3225..3300 timer => fetch",
        ),
        (
            "not kept",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 replace
             11 ask b => fetch",
        ),
        (
            "a proof takes its place whatever was told",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 replace two 3600 keep
             11 ask b => b two",
        ),
    ]);
}

#[test]
fn fresh_is_met_only_by_a_request_begun_after_it_was_asked() {
    tell(&[
        (
            "not by the token that is held",
            "0 ask a => fetch
             0 grant one 3600 => a one
             5 ask b fresh => fetch
             5.1 ask c => c one
             5.2 grant two 3600 => b two",
        ),
        (
            "nor by the fetch that runs",
            "0 ask a => fetch
             0.1 ask b fresh
             2 grant one 3600 => a one, fetch
             2.1 ask c => c one
             2.2 grant two 3600 => b two",
        ),
        (
            "one fetch does for all who asked before it",
            "0 ask a fresh => fetch
             0.1 ask b fresh
             0.2 ask c fresh
             0.3 grant one 3600 => a one
             1..1 timer => fetch
             1.1 grant two 3600 => b two, c two",
        ),
        (
            "by a proof that was requested later",
            "0 ask a => fetch
             0.1 ask b fresh
             2 replace new 3600 sent 1 => a new, b new",
        ),
        (
            "but not by one requested before",
            "0 ask a => fetch
             2 ask b fresh
             3 replace new 3600 sent 1 => a new, fetch
             4 grant old 3600 late
             4.1 grant newer 3600 => b newer",
        ),
        (
            "and for as long as the caller wants",
            "0 ask a => fetch
             0 grant one 3600 => a one
             5 ask b fresh min 3599 => fetch
             6 grant two 3600 => b two
             9 ask c fresh min 3600 => c: min-ttl 3600",
        ),
    ]);
}

#[test]
fn a_rejected_token_counts_as_none() {
    tell(&[
        (
            "a hundred who see it refused cause one fetch",
            "0 ask a => fetch
             0 grant one 3600 => a one
             5 reject one => dropped
             5 reject one => kept
             5 ask b => fetch
             5.1 reject one => kept
             5.2 grant two 3600 => b two
             5.3 reject one => kept
             5.4 ask c => c two",
        ),
        (
            "whichever is held",
            "0 ask a => fetch
             0 grant one 3600 => a one
             5 reject => dropped
             - quiet
             5 reject => kept
             6 ask b => fetch",
        ),
        (
            "there is nothing to reject at first",
            "0 reject => kept
             0 reject force => kept
             - quiet",
        ),
        (
            "an expired one is none already: the fetch that runs stays",
            "0 policy 60 0
             0 ask a => fetch
             0 grant one 60 => a one
             100 ask b => fetch
             100.1 reject one => kept
             100.2 grant two 60 => b two",
        ),
        (
            "the same string again is served, with a word",
            "0 ask a => fetch
             0 grant one 3600 => a one
             5 reject one => dropped
             5 ask b => fetch
             5.2 grant one 3600 => b one again
             6 ask c => c one again
             7 reject one => dropped
             7 ask d => fetch
             7.2 grant one 3600 => d one again
             8 reject one => dropped
             8.5 ask e => fetch
             9 grant two 3600 => e two
             9.1 ask f fresh
             9.5..9.5 timer => fetch
             10 grant one 3600 => f one",
        ),
        (
            "after an erase it is no news any more",
            "0 ask a => fetch
             0 grant one 3600 => a one
             5 reject one => dropped
             6 erase
             7 replace one 3600
             7 ask b => b one",
        ),
        (
            "the backoff goes on all the same",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3300 fail temporary busy after 100
             3301 reject one => dropped
             3301 check => temporary busy
             3301 ask b => b: temporary busy",
        ),
    ]);
}
