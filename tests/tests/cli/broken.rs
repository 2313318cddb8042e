//! Every command in every broken world: the exit code of the contract, nothing on standard output, one line that says why.

use std::{io::Write as _, os::unix::net::UnixListener, thread};

use dt_cred_tests::{
    commands::leaves,
    issuer::{Fault, Sandbox},
    parts::private_folder,
    user::{Account, User},
};

/// What is wrong with a world.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// What is asked for is not there.
    Usage,
    /// No daemon runs, and none may be started.
    NoDaemon,
    /// What listens is no daemon.
    Impostor,
    /// The configuration is wrong, and no daemon runs.
    Configuration,
    /// The profile's keyring is not there.
    Keyring,
    /// Nothing is stored.
    Nothing,
    /// The issuer refuses the credentials.
    Refused,
    /// The issuer is down.
    Down,
}

/// How each command ends in each of the worlds, in their order; 0 where it has nothing to do with what is wrong there.
/// What it is given stands after its name, where `PROFILE` is the world's own, and what it reads.
const COMMANDS: &[(&str, &str, &str, [i32; 8])] = &[
    ("get", "", "", [2, 3, 3, 7, 6, 5, 4, 1]),
    ("reject", "", "", [2, 3, 3, 7, 0, 0, 0, 0]),
    ("login", "", "", [2, 2, 2, 2, 2, 2, 2, 2]),
    ("store", "", STORED, [2, 3, 3, 7, 6, 0, 0, 0]),
    ("erase", "", "", [2, 3, 3, 7, 6, 0, 0, 0]),
    ("status", "", "", [2, 0, 3, 0, 0, 0, 0, 0]),
    ("log", "", "", [2, 0, 3, 0, 0, 0, 0, 0]),
    ("start", "", "", [2, 0, 3, 7, 0, 0, 0, 0]),
    ("stop", "", "", [2, 0, 3, 0, 0, 0, 0, 0]),
    // A home has no service manager.
    ("service install", "", "", [2, 8, 8, 8, 8, 8, 8, 8]),
    ("service uninstall", "", "", [2, 0, 0, 0, 0, 0, 0, 0]),
    ("service status", "", "", [2, 0, 0, 0, 0, 0, 0, 0]),
    ("unlock", "", "", [2, 3, 3, 7, 6, 6, 0, 0]),
    ("keyring list", "", "", [2, 3, 3, 7, 0, 0, 0, 0]),
    ("keyring move", "--to secret-service", "", [2, 3, 3, 7, 6, 5, 6, 6]),
    ("integration create", "another --as PROFILE --keyring memory", "", ASKS),
    ("integration list", "--as PROFILE", "", ASKS),
    ("integration show", "PROFILE --as PROFILE", "", ASKS),
    ("integration rotate", "PROFILE --as PROFILE", "", ASKS),
    ("integration grant", "PROFILE --as PROFILE", "", ASKS),
    ("integration grants", "PROFILE --as PROFILE", "", ASKS),
    ("integration revoke", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9 --as PROFILE --yes", "", ASKS),
    ("integration delete", "PROFILE --as PROFILE --yes", "", ASKS),
    ("inspect", "", "", ASKS),
    ("git-credential", "get", GIT, [2, 3, 3, 7, 6, 5, 4, 1]),
    ("kubectl-credential", "", "", [2, 3, 3, 7, 6, 5, 4, 1]),
    ("test", "", "", [2, 3, 3, 7, 6, 5, 4, 1]),
    ("curl", "/archivist/v2/assets", "", [125; 8]),
    ("exec", "no-such-program-here", "", [125; 8]),
    ("forward", "--socket box/agent.sock", "", [2, 3, 3, 7, 6, 5, 4, 1]),
    ("completions", "bash", "", [2, 0, 0, 0, 0, 0, 0, 0]),
    ("man", "", "", [2, 0, 0, 0, 0, 0, 0, 0]),
];

/// How a command ends that has a token used.
const ASKS: [i32; 8] = [2, 3, 3, 7, 6, 5, 4, 1];

/// Those that answer also where something fails, as it is their answer.
const TELL_ALL: &[&str] = &["doctor"];

const STORED: &str = "client_id=somebody\nclient_secret=Wn5kZ0rBf7MaE2Ux\nno_check=true\nkeyring=memory\n";
const GIT: &str = "capability[]=authtype\nprotocol=https\nhost=app.datatrails.ai\n\n";
const CLUSTER: &str = r#"{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "spec": {"cluster":
    {"server": "https://app.datatrails.ai"}, "interactive": false}}"#;

/// A world with this wrong in it, and what must live as long as it does.
fn world(wrong: Wrong) -> (User, Option<Sandbox>) {
    let mut user = User::in_memory();
    user.home.set("KUBERNETES_EXEC_INFO", CLUSTER);
    let mut issuer = None;
    match wrong {
        Wrong::Usage | Wrong::Nothing => {}
        Wrong::NoDaemon => user.home.set("DT_CRED_NO_START", "1"),
        Wrong::Impostor => impostor(&user),
        Wrong::Configuration => user.home.configure("nonsense = 1\n"),
        Wrong::Keyring => {
            user.home.configure(&format!("[profile.{}]\nkeyring = \"secret-service\"\n", user.profile()));
        }
        Wrong::Refused | Wrong::Down => {
            let sandbox = Sandbox::http();
            let account = Account { url: "https://app.datatrails.ai".to_owned(), ..Account::at(&sandbox) };
            let token_url = format!("token_url={}\nno_check=true\n", sandbox.token_url());
            user.log_in_with(&format!("{}{token_url}", account.lines()));
            match wrong {
                Wrong::Refused => drop(sandbox.regenerate_secret(&account.client_id)),
                _ => sandbox.set(|settings| settings.token_fault = Some(busy())),
            }
            issuer = Some(sandbox);
        }
    }
    (user, issuer)
}

/// An answer after which nobody waits for the next attempt: it is later than any time-out here.
fn busy() -> Fault {
    Fault::rate_limited(&[("Retry-After", "600")])
}

/// Listens where the daemon would, and answers everybody as a web server might, until nobody is left.
fn impostor(user: &User) {
    let socket = user.home.socket();
    private_folder(socket.parent().expect("it lies in a folder"));
    let listener = UnixListener::bind(socket).expect("a socket");
    thread::spawn(move || {
        for client in listener.incoming() {
            // Whoever left already needs no answer.
            let _ = client.map(|mut client| client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
}

/// Sees how every command ends in this world, each in one of its own.
fn each_ends_as_the_contract_says(wrong: Wrong) {
    let mut wrongs = Vec::new();
    for (command, more, stdin, codes) in COMMANDS {
        let (user, _issuer) = world(wrong);
        let more = if matches!(wrong, Wrong::Usage) { "--no-such-option" } else { more };
        let words: Vec<_> =
            command.split(' ').chain(more.split(' ')).filter(|word| !word.is_empty()).collect();
        let own = |word| if word == "PROFILE" { user.profile() } else { word };
        let words: Vec<_> = words.into_iter().map(own).collect();
        let output = user.home.dt_cred_with(&words, stdin);
        let lines = (output.stdout.is_empty(), output.stderr.lines().count());
        let code = codes[wrong as usize];
        let is_told = output.stderr.starts_with("dt-cred: ") && lines == (true, 1);
        if output.code != Some(code) || (code != 0 && !is_told) {
            wrongs.push(format!("{command}: {code} in one line is expected: {output:?}"));
        }
    }
    assert!(wrongs.is_empty(), "{wrong:?}: {}", wrongs.join("\n"));
}

#[test]
fn an_option_that_there_is_not_is_exit_2_of_every_command() {
    each_ends_as_the_contract_says(Wrong::Usage);
}

#[test]
fn where_no_daemon_runs_or_may_be_started_every_command_that_needs_one_says_so() {
    each_ends_as_the_contract_says(Wrong::NoDaemon);
}

#[test]
fn every_command_refuses_what_listens_and_is_no_daemon() {
    each_ends_as_the_contract_says(Wrong::Impostor);
}

#[test]
fn a_wrong_configuration_is_exit_7_of_every_command_that_starts_a_daemon() {
    each_ends_as_the_contract_says(Wrong::Configuration);
}

#[test]
fn a_keyring_that_is_not_there_is_exit_6_of_every_command_that_reads_it() {
    each_ends_as_the_contract_says(Wrong::Keyring);
}

#[test]
fn where_nothing_is_stored_every_command_that_needs_a_token_says_so() {
    each_ends_as_the_contract_says(Wrong::Nothing);
}

#[test]
fn refused_credentials_are_exit_4_of_every_command_that_needs_a_token() {
    each_ends_as_the_contract_says(Wrong::Refused);
}

#[test]
fn an_issuer_that_is_down_is_exit_1_of_every_command_that_needs_a_token() {
    each_ends_as_the_contract_says(Wrong::Down);
}

#[test]
fn no_command_is_left_out() {
    let user = User::in_memory();
    let known = |command: &str| COMMANDS.iter().any(|row| row.0 == command) || TELL_ALL.contains(&command);
    let left: Vec<_> = leaves(&user).into_iter().filter(|command| !known(command)).collect();
    assert_eq!(left, Vec::<String>::new(), "write a row for each into COMMANDS");
}
