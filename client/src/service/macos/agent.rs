//! The agent: its file, and what launchctl tells of it. Pure.

use std::path::Path;

use super::{ServiceError, xml};

/// What launchd calls it.
pub(super) const LABEL: &str = "ai.datatrails.dt-cred";

const PLIST: &str = include_str!("../../../../packaging/launchd/ai.datatrails.dt-cred.plist");

/// The file as it is written: it says whose it is by `marker`, starts this daemon and has its socket.
///
/// # Errors
/// A path that launchd does not take.
pub(super) fn plist(program: &Path, socket: &Path, marker: &str) -> Result<String, ServiceError> {
    let (program, socket) = (xml::text(program, "launchd")?, xml::text(socket, "launchd")?);
    let filled = PLIST.replace("@DAEMON@", &program).replace("@SOCKET@", &socket);
    // Behind the declaration, which must be the first line.
    Ok(filled.replacen('\n', &format!("\n<!-- {marker} -->\n"), 1))
}

/// The daemon's number, in what `launchctl print` tells of the agent.
pub(super) fn pid(printed: &str) -> Option<u32> {
    printed.lines().find_map(|line| line.trim().strip_prefix("pid = ")?.parse().ok())
}

/// Whether its user has the agent not loaded, in what `launchctl print-disabled` tells of all: `"LABEL" => disabled`, before
/// macOS 13 `"LABEL" => true`. One that is not among them is loaded.
pub(super) fn is_disabled(printed: &str) -> bool {
    let states = printed.lines().filter_map(|line| line.trim().split_once(" => "));
    let mut own = states.filter(|(label, _)| label.trim_matches('"') == LABEL).map(|(_, state)| state);
    own.next().is_some_and(|state| matches!(state.trim_end_matches([',', ';']), "disabled" | "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_whose_it_is_and_has_this_daemon_and_this_socket() {
        let marker = "Written by somebody";
        let written =
            plist(Path::new("/opt/a&b/dt-credd"), Path::new("/var/folders/x/T/dt-cred/agent.sock"), marker);
        let written = written.expect("written");
        assert!(
            written.starts_with("<?xml") && written.contains(marker) && !written.contains('@'),
            "{written}"
        );
        assert!(written.contains("<string>/opt/a&amp;b/dt-credd</string>"), "{written}");
        assert!(written.contains("<string>/var/folders/x/T/dt-cred/agent.sock</string>"), "{written}");
        assert!(!PLIST.contains("Written by"), "a package's file is not ours to remove");
    }

    #[test]
    fn the_daemons_number_is_read_of_what_launchd_tells() {
        let told =
            "gui/501/ai.datatrails.dt-cred = {\n\tactive count = 1\n\tstate = running\n\n\tpid = 4242\n}\n";
        assert_eq!(pid(told), Some(4242));
        assert_eq!(pid("gui/501/ai.datatrails.dt-cred = {\n\tstate = not running\n}\n"), None);
    }

    #[test]
    fn an_agent_that_its_user_disabled_is_told_from_others_and_by_either_word() {
        let told = |label: &str, state: &str| {
            format!(
                "\n\tdisabled services = {{\n\t\t\"com.apple.a\" => disabled\n\t\t\"{label}\" => {state}\n\t\t\"com.b\" => true\n\t}}\n"
            )
        };
        for (label, state, expected) in [
            (LABEL, "disabled", true),
            (LABEL, "true", true),
            (LABEL, "enabled", false),
            (LABEL, "false", false),
            ("ai.datatrails.dt-cred.other", "disabled", false),
        ] {
            assert_eq!(is_disabled(&told(label, state)), expected, "{label} {state}");
        }
        assert!(!is_disabled(""));
    }
}
