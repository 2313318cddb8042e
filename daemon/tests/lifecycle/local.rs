//! After an attempt for which no request was made.

use crate::story::tell;

#[test]
fn a_keyring_that_gives_nothing_is_told_at_once_and_tried_again_when_asked() {
    tell(&[
        (
            "all who wait have the error, and the next ask tries again without delay",
            "0 ask a => fetch
             0 ask b fresh
             0 ask c min 10
             0.1 fail local locked after 900 => a: local locked, b: local locked, c: local locked
             - quiet
             0.2 check => local locked
             0.2 ask d => fetch
             0.3 grant one 3600 => d one",
        ),
        (
            "whoever has a valid token has it still",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3550 ask b
             3550 ask c min 600
             3550 ask d fresh
             3550.1 fail local locked => b one, c: local locked, d: local locked",
        ),
        (
            "a refresh is not tried again by itself for a minute",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3300 fail local locked
             3360..3360 timer => fetch
             3360 fail local locked
             3361 ask b => b one
             3361 ask c fresh => fetch",
        ),
        (
            "the floor counts requests only",
            "0 ask a => fetch
             0.1 grant one 3600 => a one
             0.5 ask b fresh
             1..1 timer => fetch
             1.1 fail local locked => b: local locked
             1.2 ask c fresh => fetch
             1.3 grant two 3600 => c two
             1.4 ask d fresh
             2.2..2.2 timer => fetch",
        ),
        (
            "the backoff of a busy issuer is none of the keyring's, and holds no longer than it did",
            "0 ask a within 100 => fetch
             1 fail temporary busy after 30
             31..31 timer => fetch
             31.1 fail local locked => a: local locked
             31.2 ask b => fetch",
        ),
        (
            "what was mended need not be waited for",
            "0 policy 60 0 always => fetch
             0 fail local locked
             10 mended => fetch
             10 fail local locked
             70..70 timer => fetch",
        ),
        (
            "but nothing else is mended by it",
            "0 ask a => fetch
             0 fail temporary busy after 100 => a: temporary busy
             1 mended
             2 ask b => b: temporary busy",
        ),
    ]);
}
