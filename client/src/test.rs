//! `dt-cred test`: has the daemon use the token, and says what the API's answer means.

use dt_cred_proto::message::{Failure, Operation, Response, Test, Tested};

use crate::{daemon, deadline::Deadline, format, output, settings::Settings};

/// Has the API asked, and tells what it said.
///
/// # Errors
/// Why there is no token, or what the API said instead.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let test = Operation::Test(Test { profile: settings.profile.clone() });
    match daemon::ask(settings, test, Deadline::after(settings.timeout))? {
        Response::Tested(tested) => Ok(output::write(told(&tested))?),
        _ => Err(daemon::unexpected()),
    }
}

fn told(tested: &Tested) -> String {
    let Tested { profile, url, client_id: _, assets, more, renewed } = tested;
    let renewed = if *renewed { "the token that was held was refused, and a new one " } else { "" };
    let works = format!("{renewed}works: {url} takes the token of profile {profile} and lists");
    match (assets, more) {
        (Some(0), false) => format!("{works} nothing\n{}", no_policy(tested)),
        (Some(count), more) => {
            let (s, more) =
                (if *count == 1 { "" } else { "s" }, if *more { ", and there are more" } else { "" });
            format!("{works} {count} asset{s}{more}\n")
        }
        (None, _) => format!("{works} more assets than are counted here\n"),
    }
}

/// Why a list may be empty, and how that is changed: by the web application, or by an Owner's profile.
fn no_policy(Tested { profile, client_id, .. }: &Tested) -> String {
    // What a shell would take for something else is not there to be copied.
    let client_id = if format::is_plain(client_id.as_str()) { client_id.as_str() } else { "CLIENT_ID" };
    format!(
        "no access policy grants this client anything yet, or there is no asset that one grants; an Owner of the tenancy adds one,\n\
         in the web application under Access Policies for the subject {client_id}, or with an Owner's profile:\n\
         dt-cred integration grant {profile} --as OWNER\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(client_id: &str) -> Tested {
        Tested {
            profile: "work".parse().expect("a name"),
            url: "https://app.example".into(),
            client_id: client_id.into(),
            assets: Some(0),
            more: false,
            renewed: false,
        }
    }

    fn tested(assets: Option<u64>, more: bool, renewed: bool) -> String {
        told(&Tested { assets, more, renewed, ..of("0d7bca98") })
    }

    #[test]
    fn what_the_api_lists_is_told_in_a_line() {
        let works = "works: https://app.example takes the token of profile work and lists";
        for (assets, more, renewed, end) in [
            (Some(1), false, "", " 1 asset\n"),
            (Some(2), false, "", " 2 assets\n"),
            (Some(100), true, "", " 100 assets, and there are more\n"),
            (None, true, "", " more assets than are counted here\n"),
            (Some(2), false, "the token that was held was refused, and a new one ", " 2 assets\n"),
        ] {
            assert_eq!(tested(assets, more, !renewed.is_empty()), format!("{renewed}{works}{end}"));
        }
    }

    #[test]
    fn an_empty_list_says_that_the_token_works_and_how_a_policy_is_added() {
        let text = tested(Some(0), false, false);
        assert!(text.starts_with("works: ") && text.contains("no access policy"), "{text}");
        assert!(text.contains("the subject 0d7bca98,"), "{text}");
        assert!(text.ends_with(":\ndt-cred integration grant work --as OWNER\n"), "{text}");
        assert_eq!(tested(Some(0), true, false).lines().count(), 1, "an empty page of many is no empty list");
        assert!(!no_policy(&of("0d7'; id; '")).contains("; id"), "what a shell would run is not there");
    }
}
