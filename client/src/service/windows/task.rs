//! The scheduled task: as it is registered, and as the scheduler tells it, in an order of its own and without what is the
//! default. Pure.

const TASK: &str = include_str!("../../../../packaging/windows/dt-cred.xml");

/// By what a task is known to be ours, whatever it is called.
const MARKER: &str =
    "Written by dt-cred service install, and removed by dt-cred service uninstall: starts dt-credd at logon";

/// Whose text it is: another release's is written anew.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The task of this user, which runs `program`, an element's text.
pub(super) fn written(user: &str, program: &str) -> String {
    TASK.replace("@USER@", user)
        .replace("@MARKER@", MARKER)
        .replace("@RELEASE@", RELEASE)
        .replace("@PROGRAM@", program)
}

/// Whether it is one that was written here.
pub(super) fn is_ours(told: &str) -> bool {
    told.contains(MARKER)
}

/// Whether it is started at the logon: neither the task nor its trigger was disabled or taken away.
pub(super) fn is_enabled(told: &str) -> bool {
    let is_off = |part: &str| element(part, "Enabled").is_some_and(|state| matches!(state, "false" | "0"));
    element(told, "LogonTrigger").is_some_and(|trigger| !is_off(trigger))
        && !element(told, "Settings").is_some_and(is_off)
}

/// Whether it is as it would be written for `program` now, in what counts.
pub(super) fn is_current(told: &str, program: &str) -> bool {
    is_enabled(told)
        && element(told, "Version") == Some(RELEASE)
        && element(told, "Arguments") == Some("start")
        && element(told, "Command").is_some_and(|command| is_told_as(command, program))
}

/// What stands in the first element of this name that has no attributes.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner.trim())
}

/// Whether `told` may be `text` in a code page, which has another character, one for one, for what it lacks.
fn is_told_as(told: &str, text: &str) -> bool {
    let (mut told, mut text) = (told.encode_utf16(), text.encode_utf16());
    loop {
        match (told.next(), text.next()) {
            (None, None) => return true,
            (Some(told), Some(unit)) if told == unit || unit > 0x7f => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "S-1-5-21-1-2-3-1001";
    const PROGRAM: &str = "C:\\Users\\J\u{f6}rg\\dt-cred.exe";

    /// As Windows tells a task: its own order, no comment, no default, what it has made of the user.
    fn told() -> String {
        let logon = "<Triggers><LogonTrigger><UserId>BOX\\J</UserId></LogonTrigger></Triggers>";
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Task version=\"1.2\">\r\n<RegistrationInfo>\
             <URI>\\dt-cred-{USER}</URI><Version>{RELEASE}</Version><Description>{MARKER}</Description></RegistrationInfo>\
             <Settings><IdleSettings><StopOnIdleEnd>true</StopOnIdleEnd></IdleSettings></Settings>{logon}\
             <Actions Context=\"Author\"><Exec>\r\n<Command>{PROGRAM}</Command>\r\n<Arguments>start</Arguments></Exec></Actions></Task>"
        )
    }

    #[test]
    fn what_is_registered_is_ours_enabled_and_current_and_leaves_nothing_to_be_filled_in() {
        for text in [written(USER, PROGRAM), told()] {
            assert!(is_ours(&text) && is_enabled(&text) && is_current(&text, PROGRAM), "{text}");
            assert!(!text.contains('@'), "{text}");
        }
        assert!(!is_ours(TASK));
    }

    #[test]
    fn a_task_that_does_not_start_at_the_logon_is_disabled_and_not_current() {
        let off = "<Enabled>false</Enabled>";
        for (part, other) in [
            ("<Settings>", format!("<Settings>{off}")),
            ("</IdleSettings>", format!("</IdleSettings>\r\n  {off}\r\n")),
            ("<LogonTrigger>", format!("<LogonTrigger>{off}")),
            ("LogonTrigger>", "BootTrigger>".to_owned()),
        ] {
            let text = told().replace(part, &other);
            assert!(!is_enabled(&text) && !is_current(&text, PROGRAM), "{text}");
        }
        let on = told().replace("<Settings>", "<Settings><Enabled>true</Enabled>");
        assert!(is_enabled(&on));
    }

    #[test]
    fn another_program_other_words_or_another_releases_text_are_to_be_written_anew() {
        for (part, other) in [
            ("dt-cred.exe", "dt-cred2.exe"),
            (">start<", ">start --from-env<"),
            ("<Version>", "<Version>1"),
            ("<Version>", "<Other>"),
        ] {
            let text = told().replace(part, other);
            assert!(is_ours(&text) && is_enabled(&text) && !is_current(&text, PROGRAM), "{text}");
        }
    }

    #[test]
    fn a_character_that_a_code_page_lacks_makes_no_other_program() {
        for (as_told, text, expected) in [
            ("C:\\J\u{f6}\\a", "C:\\J\u{f6}\\a", true),
            (r"C:\J?\a", "C:\\J\u{142}\\a", true),
            (r"C:\Jl\a", "C:\\J\u{142}\\a", true),
            (r"C:\J??\a", "C:\\J\u{1f511}\\a", true),
            (r"C:\J?\a", r"C:\Jo\a", false),
            (r"C:\J?\a", "C:\\J\u{142}\u{142}\\a", false),
            ("C:\\J\u{f6}\\b", "C:\\J\u{f6}\\a", false),
        ] {
            assert_eq!(is_told_as(as_told, text), expected, "{as_told} {text}");
        }
    }

    #[test]
    fn an_element_is_found_by_its_whole_name_and_its_text_is_without_the_white_space_around_it() {
        let document = "<As><A>no</As><A>\n  yes </A><A>later</A><B/>";
        for (name, expected) in [("A", Some("no</As><A>\n  yes")), ("B", None), ("C", None)] {
            assert_eq!(element(document, name), expected, "{name}");
        }
    }
}
