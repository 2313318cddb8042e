//! Sleep, and clocks that are set.

use crate::story::tell;

#[test]
fn waking_and_set_clocks_are_judged_anew_and_no_storm_follows() {
    tell(&[
        (
            "asleep past the expiry: one refresh, and nothing stale",
            "0 ask a => fetch
             0 grant one 3600 => a one
             40000 asleep => fetch
             40000 ask b
             40000.5 grant two 3600 => b two
             43225..43300 timer => fetch",
        ),
        (
            "asleep past many refreshes: still one",
            "0 ask a => fetch
             0 grant one 10 => a one
             86400 asleep => fetch
             86401 grant two 10
             86403.75..86406 timer => fetch",
        ),
        (
            "asleep while kept warm no more: nothing until somebody asks",
            "0 policy 60 0
             0 ask a => fetch
             0 grant one 3600 => a one
             40000 asleep
             - quiet
             40001 ask b => fetch",
        ),
        (
            "asleep during a fetch: its answer counts from the request, and whoever waited is told",
            "0 ask a => fetch
             7200 asleep => a: deadline
             7200 ask b
             7200.5 grant one 3600
             7200.5..7201.5 timer => fetch",
        ),
        (
            "asleep during a fetch that took less than the token lives",
            "0 ask a => fetch
             1000 asleep => a: deadline
             1000.5 grant one 3600
             1001 ask b => b one
             1001 left b 2599",
        ),
        (
            "asleep during the backoff: one attempt",
            "0 ask a => fetch
             1 fail temporary busy after 600 => a: temporary busy
             90000 asleep
             90000 ask b => fetch
             90001 fail temporary busy after 600 => b: temporary busy
             90002 ask c => c: temporary busy",
        ),
        (
            "set forward beyond the expiry: expired, and fetched once",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 wall +7200 => fetch
             10 ask b
             10.5 grant two 3600 => b two
             11 ask c => c two
             3235..3310.5 timer => fetch",
        ),
        (
            "set forward a little: it lives that much less, and is refreshed that much sooner",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 wall +1000
             20 ask b => b one
             20 left b 2580
             2225..2300 timer => fetch",
        ),
        (
            "set back: it lives no longer",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 wall -86400
             20 ask b => b one
             20 left b 3580
             3225..3300 timer => fetch
             3599.999 ask c min 0 => c one
             3600 ask d min 0",
        ),
        (
            "set forward and back again: only what is expired is fetched",
            "0 ask a => fetch
             0 grant one 3600 => a one
             10 wall +7200 => fetch
             10.5 grant two 3600
             11 wall -7200
             12 ask b => b two
             13 wall +7200
             14 ask c => c two
             14 left c 3596",
        ),
        (
            "set forward during a fetch: its token seems dead, the next one is not",
            "0 ask a => fetch
             0.2 wall +86400
             0.5 grant one 3600
             1..1.5 timer => fetch
             2 grant two 3600 => a two",
        ),
        (
            "set back during a fetch: the boot-time clock counts",
            "0 ask a => fetch
             0.2 wall -86400
             0.5 grant one 3600 => a one
             0.5 left a 3599.5",
        ),
        (
            "from 1970 to today, a minute after boot",
            "0 wall -1700000000
             0 ask a => fetch
             0.1 grant one 3600 => a one
             60 wall +1700000060 => fetch
             61 grant two 3600
             62 ask b => b two
             3285..3361 timer => fetch",
        ),
    ]);
}
