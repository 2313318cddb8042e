//! How long a token must be valid to be served, and when it is refreshed ahead of its expiry.

use crate::story::tell;

#[test]
fn a_token_is_refreshed_ahead_and_the_old_one_served_until_the_new_one_is_there() {
    tell(&[
        (
            "an hour: five minutes ahead, and up to a quarter of that earlier",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3301 ask b => b one
             3302 grant two 3600
             3303 ask c => c two",
        ),
        (
            "eleven minutes: a tenth ahead",
            "0 ask a => fetch
             0 grant one 660 => a one
             577.5..594 timer => fetch",
        ),
        (
            "a minute: as long ahead as a token must be valid, a quarter of it",
            "0 ask a => fetch
             0 grant one 60 => a one
             41.25..45 timer => fetch",
        ),
        (
            "ten seconds: half of it ahead",
            "0 ask a => fetch
             0 grant one 10 => a one
             3.75..5 timer => fetch",
        ),
        (
            "a large min_ttl moves the refresh",
            "0 policy 600 24
             0 ask a => fetch
             0 grant one 3600 => a one
             2850..3000 timer => fetch",
        ),
        (
            "min_ttl counts for at most a quarter of the lifetime",
            "0 policy 9000 24
             0 ask a => fetch
             0 grant one 4000 => a one
             2750..3000 timer => fetch
             2999.999 ask b => b one
             3000.001 ask c
             3001 grant two 4000 => c two",
        ),
        (
            "other preferences count at once",
            "0 ask a => fetch
             0 grant one 3600 => a one
             2900 policy 900 24 => fetch",
        ),
        (
            "the refresh does not wait for the slow issuer's answer to serve",
            "0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3539 ask b => b one
             3541 ask c
             3542 grant two 3600 => c two",
        ),
    ]);
}

#[test]
fn a_token_that_nobody_asks_for_is_kept_warm_for_a_while() {
    tell(&[
        (
            "twice, then the next ask fetches",
            "0 policy 60 2
             0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3300 grant two 3600
             6450..6600 timer => fetch
             6600 grant three 3600
             - quiet
             90000 ask b => fetch
             90001 grant four 3600 => b four",
        ),
        (
            "an ask begins the count anew",
            "0 policy 60 1
             0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3300 grant two 3600
             3400 ask b => b two
             6450..6600 timer => fetch
             6600 grant three 3600
             - quiet",
        ),
        (
            "where it is not kept warm, an ask that comes late enough has it refreshed",
            "0 policy 60 0
             0 ask a => fetch
             0 grant one 3600 => a one
             3000 ask b => b one
             - quiet
             3400 ask c => c one, fetch
             3401 grant two 3600
             - quiet
             3402 ask d => d two",
        ),
        (
            "attempts that fail count as well",
            "0 policy 60 2
             0 ask a => fetch
             0 grant one 3600 => a one
             3225..3300 timer => fetch
             3300 fail temporary busy after 10
             3310..3310 timer => fetch
             3310 fail temporary busy after 10
             - quiet
             3330 ask b => b one, fetch",
        ),
    ]);
}

#[test]
fn where_a_token_is_wanted_at_all_times_it_is_fetched_and_refreshed_though_nobody_asks() {
    tell(&[
        (
            "at once, and ahead of its expiry for ever",
            "0 policy 60 0 always => fetch
             0.1 grant one 60 sent 0
             41.25..45 timer => fetch
             45 grant two 60 sent 45
             86.25..90 timer => fetch",
        ),
        (
            "a busy issuer is tried again with backoff, and after the token has expired as well",
            "0 policy 60 0 always => fetch
             0 grant one 10
             3.75..5 timer => fetch
             5 fail temporary busy after 20
             25..25 timer => fetch
             25 fail temporary busy after 30
             55..55 timer => fetch",
        ),
        (
            "a keyring that gives nothing is asked less and less often, up to every 15 minutes",
            "0 policy 60 0 always => fetch
             0 fail local locked
             60..60 timer => fetch
             60 fail local locked
             180..180 timer => fetch
             180 fail local locked
             420..420 timer => fetch
             420 fail local locked
             900..900 timer => fetch
             900 fail local locked
             1800..1800 timer => fetch
             1800 fail local locked
             2700..2700 timer => fetch
             2700 grant one 4000
             2701 erase => fetch
             2701 fail local nothing
             2761..2761 timer => fetch",
        ),
        (
            "a refusal is final for it as for everybody",
            "0 policy 60 0 always => fetch
             0 fail terminal invalid => reread
             0 reread same
             - quiet",
        ),
        (
            "a rejected token is replaced without being asked for",
            "0 policy 60 0 always => fetch
             0 grant one 3600
             5 reject => dropped, fetch
             6 grant two 3600",
        ),
    ]);
}
