//! After the issuer refused the credentials.

use crate::story::tell;

#[test]
fn a_refusal_is_final_unless_the_keyring_holds_other_credentials() {
    tell(&[
        (
            "the same: all have their error, and there is no further fetch",
            "0 ask a => fetch
             0.1 ask b fresh
             0.5 fail terminal refused => reread
             0.6 ask c
             0.7 reread same => a: terminal refused, b: terminal refused, c: terminal refused
             - quiet
             100000 ask d => d: terminal refused
             100000 ask e fresh => e: terminal refused
             100000 ask f min 10 => f: terminal refused
             100000 check => terminal refused",
        ),
        (
            "others: fetched again, a second after the first",
            "0 ask a => fetch
             0.5 fail terminal refused => reread
             0.6 reread changed
             1..1 timer => fetch
             1.5 grant one 3600 => a one",
        ),
        (
            "others that are refused as well: once is enough",
            "0 ask a => fetch
             0.5 fail terminal refused => reread
             0.6 reread changed
             1..1 timer => fetch
             1.5 fail terminal too => a: terminal too
             - quiet",
        ),
        (
            "a success begins anew",
            "0 ask a => fetch
             0.5 fail terminal refused => reread
             0.6 reread changed
             1..1 timer => fetch
             1.5 grant one 3600 => a one
             3..3300 timer => fetch
             3300 fail terminal refused => reread",
        ),
        (
            "a keyring that cannot be read now is read again, before the issuer sees what it has refused",
            "0 ask a => fetch
             5 fail terminal refused => reread
             5 reread unknown
             5..6 timer => reread
             7 check => terminal refused
             7 reread unknown
             7..9 timer => reread
             9 reread same => a: terminal refused
             - quiet",
        ),
        (
            "and where it holds others then, these are worth an attempt",
            "0 ask a => fetch
             5 fail terminal refused => reread
             5 reread unknown
             5..6 timer => reread
             7 reread changed => fetch
             8 grant one 3600 => a one",
        ),
        (
            "force does not wait for it",
            "0 ask a within 5 => fetch
             1 fail terminal refused => reread
             1 reread unknown
             1..2 timer => reread
             2 reread unknown
             2 reject force => dropped, fetch
             3 grant one 3600 => a one",
        ),
        (
            "the keyring takes too long for one of them",
            "0 ask a within 2 => fetch
             0.1 ask b
             0.5 fail terminal refused => reread
             2..2 timer => a: terminal refused
             3 reread changed => fetch
             3.5 grant one 3600 => b one",
        ),
        (
            "what the keyring holds is asked once",
            "0 ask a => fetch
             1 fail terminal refused => reread
             2 reread same => a: terminal refused
             3 reread changed
             4 ask b => b: terminal refused",
        ),
        (
            "a valid token is served to its end",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3310 fail terminal refused => reread
             3311 reread same
             - quiet
             3311 ask b min 3000 => b: terminal refused
             3311 ask c fresh => c: terminal refused
             3312 check => ok
             3599.999 ask d => d one
             3600 ask e => e: terminal refused
             3600 check => terminal refused",
        ),
    ]);
}

#[test]
fn only_a_change_lifts_a_refusal() {
    tell(&[
        (
            "other credentials, proved",
            "0 ask a => fetch
             1 fail terminal refused => reread
             1 reread same => a: terminal refused
             100 replace one 3600
             100 ask b => b one",
        ),
        (
            "other credentials, unchecked",
            "0 ask a => fetch
             1 fail terminal refused => reread
             1 reread same => a: terminal refused
             100 replace
             100 ask b => fetch
             101 fail terminal refused => reread",
        ),
        (
            "erased and asked for again",
            "0 ask a => fetch
             1 fail terminal refused => reread
             1 reread same => a: terminal refused
             100 erase
             100 ask b => fetch
             100 fail local nothing-stored => b: local nothing-stored",
        ),
        (
            "not a rejected token",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3310 fail terminal refused => reread
             3310 reread same
             3311 reject one => dropped
             3312 ask b => b: terminal refused
             3313 reject => kept",
        ),
        (
            "force, once a minute",
            "0 ask a => fetch
             1 fail terminal refused => reread
             1 reread same => a: terminal refused
             10 reject force => dropped
             - quiet
             11 ask b => fetch
             12 fail terminal refused => reread
             12 reread same => b: terminal refused
             69.9 reject force => kept
             69.9 ask c => c: terminal refused
             70 reject force => dropped
             70 ask d => fetch",
        ),
        (
            "force lifts nothing but a refusal",
            "0 ask a => fetch
             1 fail temporary busy after 60 => a: temporary busy
             2 reject force => kept
             3 ask b => b: temporary busy",
        ),
        (
            "force rejects the token that is held as well",
            "0 ask a => fetch
             0 grant one 3600 => a one
             1 reject one force => dropped
             2 ask b => fetch",
        ),
    ]);
}
