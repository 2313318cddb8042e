//! One fetch at a time; all who ask meanwhile get its result.

use crate::story::tell;

#[test]
fn one_fetch_runs_at_a_time_and_all_who_ask_meanwhile_get_its_result() {
    tell(&[
        ("nothing is fetched before somebody asks", "- quiet\n 100 wait"),
        (
            "three ask, one fetch",
            "0 ask a => fetch
             0.1 ask b
             0.2 ask c
             0.5 grant one 3600 => a one, b one, c one",
        ),
        (
            "whoever leaves cancels nothing",
            "0 ask a => fetch
             0.1 leave a
             0.5 grant one 3600
             0.6 ask b => b one",
        ),
        (
            "whoever leaves is not answered, the others are",
            "0 ask a => fetch
             0.1 ask b
             0.2 leave a
             0.5 grant one 3600 => b one",
        ),
        (
            "one whose deadline passes is answered alone, and the fetch goes on",
            "0 ask a within 2 => fetch
             0.1 ask b within 20
             2..2 timer => a: deadline
             15 grant one 3600 => b one",
        ),
        (
            "a result that is short already is a result",
            "0 ask a => fetch
             3.9 grant one 4 => a one, fetch
             3.9 left a 0.1",
        ),
        (
            "an answer that nobody waits for any more changes nothing",
            "0 ask a => fetch
             0.5 grant one 3600 => a one
             0.6 grant two 3600
             0.7 fail temporary down
             0.8 ask b => b one",
        ),
        (
            "all who wait have their error once there is no attempt in time",
            "0 ask a within 2 => fetch
             0.5 ask b within 2
             1 fail slow not-found => a: slow not-found, b: slow not-found",
        ),
    ]);
}
