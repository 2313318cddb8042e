//! Between two fetches, and what arrives dead.

use crate::story::tell;

#[test]
fn two_fetches_start_a_second_apart() {
    tell(&[
        (
            "callers wait that out",
            "0 ask a => fetch
             0.1 grant one 3600 => a one
             0.2 ask b fresh
             0.3 ask c fresh
             1..1 timer => fetch
             1.2 grant two 3600 => b two, c two",
        ),
        (
            "within their deadline",
            "0 ask a => fetch
             0.1 grant one 3600 => a one
             0.2 ask b fresh within 0.5
             0.7..0.7 timer => b: deadline",
        ),
        (
            "a rejected token is fetched anew no sooner",
            "0 ask a => fetch
             0.1 grant one 3600 => a one
             0.2 reject one => dropped
             0.2 ask b
             1..1 timer => fetch",
        ),
        (
            "a slow answer has waited it out already",
            "0 ask a => fetch
             5 grant one 3600 => a one
             5 ask b fresh => fetch",
        ),
        (
            "a token of a second is fetched once a second",
            "0 ask a => fetch
             0 grant one 1 => a one
             0.9 ask b => b one
             1..1 timer => fetch
             1 grant two 1
             1.9 ask c => c two",
        ),
        (
            "a proof is made at once, and the next fetch a second after it",
            "0 ask a => fetch
             0.1 grant one 3600 => a one
             0.4 replace two 3600 sent 0.3
             0.5 ask b fresh
             1.3..1.3 timer => fetch",
        ),
        (
            "erasing does not shorten it",
            "0 ask a => fetch
             0.1 grant one 3600 => a one
             0.2 erase
             0.3 ask b
             1..1 timer => fetch",
        ),
    ]);
}

#[test]
fn a_grant_that_arrives_expired_is_a_failure_with_backoff() {
    tell(&[
        (
            "it has no lifetime",
            "0 ask a => fetch
             0.1 grant one 0
             1..1.1 timer => fetch
             1.2 grant two 0
             2..3.3 timer => fetch
             4 check => dead",
        ),
        (
            "the deadline names the clock",
            "0 ask a within 3 => fetch
             1 grant one 0
             1..2 timer => fetch
             3..3 timer => a: dead",
        ),
        (
            "it was longer on its way than it lives",
            "0 ask a within 4 => fetch
             4 grant one 4 => a: dead",
        ),
        (
            "the lifetime of the dead is no measure",
            "0 ask a => fetch
             5 grant one 0
             5..6 timer => fetch
             7 grant two 3600 => a two
             8 ask b min 600 => b two",
        ),
        (
            "a proof may be dead as well",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 replace two 5 sent 4
             10 check => dead
             20 ask b => fetch",
        ),
    ]);
}
