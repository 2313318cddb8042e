//! Linux: what everybody can read of the client and the daemon while a secret is on its way into the keyring.

use std::fs;

use dt_cred_tests::parts::{Pid, Running};

use super::scene::Scene;

/// What the kernel tells others of a process, as far as it does.
fn told(pid: Pid) -> Vec<u8> {
    let read = |file: &str| fs::read(format!("/proc/{}/{file}", pid.as_raw_nonzero()));
    let arguments = read("cmdline").expect("everybody may read arguments");
    [arguments, read("environ").unwrap_or_default()].concat()
}

#[test]
fn no_secret_stands_in_an_argument_or_an_environment_while_one_is_made_or_replaced() {
    let mut scene = Scene::in_memory();
    scene.run("get").done();
    for command in
        ["integration create MADE --as OWNER --keyring STORE", "integration rotate MADE --as OWNER"]
    {
        // The secret is there, and its proof waits for the issuer.
        scene.sandbox.set(|settings| settings.hold = true);
        let before = scene.sandbox.counts().tokens.total;
        let mut client = Running::start(scene.user.home.client(&scene.words(command)), "");
        client.close_stdin();
        scene.sandbox.wait_until("the proof", |counts| counts.tokens.total > before);
        let search = scene.search();
        for pid in [client.pid(), scene.user.home.daemon_pid().expect("a daemon")] {
            let told = told(pid);
            assert!(String::from_utf8_lossy(&told).contains("dt-cred"), "of that process");
            assert_eq!(search.find(&told), None, "{command}: {}", String::from_utf8_lossy(&told));
        }
        scene.sandbox.set(|settings| settings.hold = false);
        assert!(client.wait().success(), "{command}: {}", client.said());
    }
}
