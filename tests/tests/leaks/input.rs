//! What is wrong with the input is told without the input.

use dt_cred_tests::{search::Search, user::User};

const SECRET: &str = "Zq7-0d1e2f3a4b5c6d7e8f90";

#[test]
fn lines_that_are_wrong_are_refused_without_repeating_them() {
    let user = User::in_memory();
    let search = Search::of([SECRET]);
    for lines in [
        format!("{SECRET}\n"),
        format!("{SECRET}=x\nclient_id=a\n"),
        format!("client_id=a\nclient_secret={SECRET}\nclient_secret={SECRET}\n"),
        // On Windows it is how a line ends.
        #[cfg(unix)]
        format!("client_id=a\nclient_secret={SECRET}\r\n"),
        format!("client_id=a\nclient_secret={SECRET}\0\n"),
        format!("client_secret={SECRET}\n"),
        format!("client_id=a\nclient_secret={SECRET}\nkeyring={SECRET}\n"),
        format!("client_id=a\nclient_secret={SECRET}\nauth={SECRET}\n"),
        format!("client_id=a\nclient_secret={SECRET}\nno_check={SECRET}\n"),
        format!("client_id=a\nclient_secret={SECRET}\nurl=https://me:{SECRET}@127.0.0.1\n"),
        format!("client_id=a\nclient_secret={SECRET}\nca_file=/dev/null\n"),
    ] {
        for command in [&["store"][..], &["start", "--from-stdin"]] {
            let output = user.home.dt_cred_with(command, &lines);
            assert!(matches!(output.code, Some(2 | 7)), "{lines}: {:?} {}", output.code, output.stderr);
            assert_eq!(output.stdout, "");
            assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
            assert_eq!(search.find(&output.stderr), None, "{lines}: {}", output.stderr);
        }
    }
    user.dt_cred(&["status"]).done();
}
