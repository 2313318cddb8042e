//! Ten minutes of a fault in no time: the real lifecycle drives the real issuer's client against the sandbox, on a
//! clock of its own, while somebody asks each second.

use std::{ops::RangeInclusive, time::Duration};

use dt_cred_proto::message::{Attributes, Failure};
use dt_cred_proto::secret::Secret;
use dt_cred_tests::{
    issuer::{Sandbox, Settings},
    user::Account,
};
use dt_credd::{
    config::Proxy,
    credentials::Credentials,
    issuer::Issuer,
    lifecycle::{Ask, Epoch, Failed, Grant, Lifecycle, Moment, Policy, Reread, State, Step},
};

use crate::row::{Again, Row};

const SPAN: Duration = Duration::from_secs(600);
const START: Moment = Moment { boot: Duration::from_secs(5000), wall: Duration::from_secs(1_800_000_000) };

/// The longest that an issuer is left alone, and a little.
const LONGEST: Duration = Duration::from_secs(16 * 60);

/// From a request to its answer, of an issuer that answers at all.
const LATENCY: Duration = Duration::from_millis(200);

/// When the daemon gives up on an issuer that does not.
const PATIENCE: Duration = Duration::from_secs(15);

type Machine = Lifecycle<String, Failure>;

/// How many tokens the issuer was asked for in ten minutes, by its own count where it could count.
pub(crate) fn simulate(row: &Row, sandbox: &Sandbox, account: &Account) -> u64 {
    let mut simulation = Simulation::new(account);
    sandbox.set(|settings| (row.set)(settings));
    let before = sandbox.counts().tokens.total;
    simulation.run(START.boot + SPAN);
    let (asked, counted) = (simulation.requests, sandbox.counts().tokens.total - before);
    // A request that never arrives is counted here alone.
    assert!(counted == asked || counted == 0, "{}: {counted} of {asked} requests arrived", row.name);
    // Over now: the next attempt is made in its time, and heals.
    sandbox.set(|settings| *settings = Settings::default());
    simulation.run(START.boot + SPAN + LONGEST);
    let healed = simulation.machine.view(simulation.now).state == State::Valid;
    assert_eq!(healed, row.again != Again::Never, "{}: healed by a good answer", row.name);
    let allowed = allowed(row.again);
    assert!(allowed.contains(&asked), "{}: {asked} requests in 10 minutes, and not {allowed:?}", row.name);
    asked
}

/// How often the issuer may be asked in ten minutes.
fn allowed(again: Again) -> RangeInclusive<u64> {
    match again {
        Again::Granted | Again::Never => 1..=1,
        // Half a minute on average once it has grown, and never more than one.
        Again::Backoff => 9..=50,
        Again::EachMinute => 10..=11,
        Again::After(seconds) => {
            let least = 1 + (600.0 / (seconds + 60.0)) as u64;
            least.min(1 + (600.0 / seconds) as u64)..=1 + (600.0 / seconds) as u64
        }
    }
}

struct Simulation {
    runtime: tokio::runtime::Runtime,
    issuer: Issuer,
    credentials: Credentials,
    machine: Machine,
    now: Moment,
    /// What comes back to the machine, and when.
    due: Option<(Duration, Epoch, Outcome)>,
    requests: u64,
}

type Outcome = Result<Grant<String>, Failed<Failure>>;

impl Simulation {
    fn new(account: &Account) -> Self {
        let attributes = Attributes {
            url: Some(account.url.clone()),
            client_id: Some(account.client_id.clone()),
            client_secret: Some(Secret::new(account.client_secret.clone())),
            ca_file: account.ca_file.clone(),
            ..Attributes::default()
        };
        let policy = Policy { min_ttl: Duration::from_secs(60), keep_warm: 24, always: false };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            runtime: runtime.expect("a runtime"),
            // An issuer that says nothing is given up on early; on the simulated clock it is as late as ever.
            issuer: Issuer::with_timeouts(Duration::from_millis(300), Duration::from_millis(600)),
            credentials: Credentials::merged(None, attributes).map_err(|e| e.to_string()).expect("whole"),
            machine: Lifecycle::new(policy, 7, 0),
            now: START,
            due: None,
            requests: 0,
        }
    }

    /// Lets somebody ask each second until `end`.
    fn run(&mut self, end: Duration) {
        let mut ask = self.now.boot;
        loop {
            let due = self.due.as_ref().map(|(at, ..)| *at);
            let next = [Some(ask), due, self.machine.timeout()].into_iter().flatten().min();
            let next = next.filter(|next| *next < end);
            let Some(next) = next else { return };
            let passed = next.saturating_sub(self.now.boot);
            self.now = Moment { boot: self.now.boot + passed, wall: self.now.wall + passed };
            if next == ask {
                let deadline = ask + Duration::from_secs(10);
                self.machine.ask(self.now, Ask { min_ttl: None, fresh: false, deadline });
                ask += Duration::from_secs(1);
            }
            if let Some((_, epoch, outcome)) = self.due.take_if(|(at, ..)| *at <= next) {
                match outcome {
                    Ok(grant) => self.machine.granted(self.now, epoch, grant),
                    Err(failed) => self.machine.failed(self.now, epoch, failed),
                }
            }
            while let Some(step) = self.machine.step(self.now) {
                match step {
                    Step::Answer(..) => {}
                    Step::Fetch(epoch) => self.fetch(epoch),
                    Step::Reread(epoch) => self.machine.reread(self.now, epoch, Reread::Same),
                }
            }
        }
    }

    fn fetch(&mut self, epoch: Epoch) {
        self.requests += 1;
        let profile = "default".parse().expect("a name");
        let lifetime = Duration::from_secs(3600);
        let fetch = self.issuer.fetch(&profile, &self.credentials, &Proxy::None, lifetime);
        let started = std::time::Instant::now();
        let outcome = self.runtime.block_on(fetch);
        let latency = if started.elapsed() >= Duration::from_millis(300) { PATIENCE } else { LATENCY };
        let outcome = match outcome {
            Ok(granted) => Ok(Grant {
                token: granted.access_token.expose().to_owned(),
                lifetime: granted.lifetime,
                requested: self.now,
            }),
            Err(declined) => Err(Failed {
                cause: declined.cause,
                retry_after: declined.retry_after,
                error: declined.failure,
            }),
        };
        self.due = Some((self.now.boot + latency, epoch, outcome));
    }
}
