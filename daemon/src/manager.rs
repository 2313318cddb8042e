//! What a service manager is told of this daemon: that it serves, whom, that it reads its configuration anew, that it ends
//! (sd_notify(3)). Nothing of it is a secret, as every user may ask for it. Where there is no such manager, nobody is told.

use std::{convert::Infallible, future::pending, io, time::Duration};

use dt_cred_proto::{profile::Profile, text::Text};

use crate::platform::{self, NotifySocket};

/// How many profiles are named: more would make no line.
const NAMED: usize = 5;

/// The service manager, if there is one that listens.
pub struct Manager {
    socket: Option<NotifySocket>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// Nobody.
    pub fn none() -> Self {
        Self { socket: None, watchdog: None }
    }

    /// The one that the environment names. To be called before rights are given up.
    ///
    /// # Errors
    /// Where nobody listens there.
    pub fn from_environment() -> io::Result<Self> {
        let socket = NotifySocket::from_environment()?;
        Ok(Self { watchdog: socket.is_some().then(platform::watchdog).flatten(), socket })
    }

    /// Clients are served, with these profiles.
    pub fn ready(&self, profiles: &[Profile]) {
        self.say(&format!("READY=1\nSTATUS={}", serving(profiles)));
    }

    /// The profiles are these.
    pub fn profiles(&self, profiles: &[Profile]) {
        self.say(&format!("STATUS={}", serving(profiles)));
    }

    /// The configuration is read anew; [`Self::ready`] follows.
    pub fn reloading(&self) {
        let now = platform::monotonic().as_micros();
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reading the configuration anew"));
    }

    /// The configuration that was read anew does not count.
    pub fn goes_on(&self) {
        self.say("STATUS=serving by the configuration as it was before: the log says why");
    }

    /// The daemon ends, and why.
    pub fn ending(&self, reason: &str) {
        self.say(&format!("STOPPING=1\nSTATUS=ending: {}", Text::new(reason)));
    }

    /// It could not serve, and why.
    pub fn failed(&self, why: &str) {
        self.say(&format!("STATUS={}", Text::new(why)));
    }

    /// Gives signs of life for ever, where they are wanted: twice within the time after which a hung one is ended. As the
    /// runtime has one thread, they end when it hangs.
    pub async fn keep_alive(&self) -> Infallible {
        let Some(limit) = self.watchdog else { return pending().await };
        loop {
            self.say("WATCHDOG=1");
            tokio::time::sleep(limit / 2).await;
        }
    }

    fn say(&self, lines: &str) {
        if let Some(Err(error)) = self.socket.as_ref().map(|socket| socket.say(lines)) {
            tracing::warn!(%error, "the service manager does not listen");
        }
    }
}

fn serving(profiles: &[Profile]) -> String {
    let named: Vec<_> = profiles.iter().take(NAMED).map(Profile::as_str).collect();
    match (named.as_slice(), profiles.len().saturating_sub(NAMED)) {
        ([], _) => "serving; no profile is stored yet: dt-cred login".to_owned(),
        (named, 0) => format!("serving {}", named.join(", ")),
        (named, others) => format!("serving {} and {others} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_that_are_served_are_named_as_far_as_they_make_a_line() {
        for (count, line) in [
            (0, "serving; no profile is stored yet: dt-cred login"),
            (1, "serving p0"),
            (5, "serving p0, p1, p2, p3, p4"),
            (7, "serving p0, p1, p2, p3, p4 and 2 more"),
        ] {
            let profiles: Vec<Profile> = (0..count).map(|n| format!("p{n}").parse().unwrap()).collect();
            assert_eq!(serving(&profiles), line);
        }
    }
}
