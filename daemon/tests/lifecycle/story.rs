//! A story is a list of lines `TIME EVENT => STEP, STEP`: at TIME (seconds on the boot-time clock) EVENT happens, and
//! just these steps follow. Between the lines the machine is stepped whenever its timer says so, and then no step
//! may follow that has no line of its own.
//!
//! | event | what happens |
//! | --- | --- |
//! | `policy MIN WARM [always]` | other preferences |
//! | `ask NAME [min N] [fresh] [within N]` | NAME asks, with 10 s to wait if not told otherwise |
//! | `leave NAME` | NAME waits no more |
//! | `grant TOKEN LIFETIME [sent TIME]` | the last fetch brought TOKEN, requested when it began |
//! | `grant …  late`, `fail … late` | the same of the first fetch, which was given up meanwhile |
//! | `fail CAUSE ERROR [after N]` | the last fetch failed, with a Retry-After of N seconds |
//! | `reread same`, `changed`, `unknown` | what the keyring held |
//! | `mended` | what kept this machine from a request |
//! | `reconsider` | the way to the issuer may be another one |
//! | `reject [TOKEN] [force]` | the API refused the token; followed by `dropped` or `kept` |
//! | `replace [TOKEN LIFETIME] [sent TIME] [keep]` | other credentials, proved by TOKEN |
//! | `erase` | no credentials any more |
//! | `wall +N`, `wall -N` | the wall clock is set |
//! | `asleep` | the machine wakes at TIME, and no timer ran since the line before |
//! | `timer` | TIME is `A..B`, and the timer says a moment within |
//! | `quiet` | TIME is `-`: no timer is set |
//! | `wait` | nothing but that TIME has come |
//! | `left NAME N` | NAME's token was valid for N seconds when it was served |
//! | `check` | followed by `ok` or what a plain request would fail with |

use std::{collections::BTreeMap, time::Duration};

use dt_credd::lifecycle::{
    Ask, Cause, Epoch, Failed, Grant, Lifecycle, Moment, Policy, Refusal, Reread, Served, Step, Waiter,
};

pub(crate) type Machine = Lifecycle<&'static str, &'static str>;

pub(crate) const POLICY: Policy = Policy { min_ttl: Duration::from_secs(60), keep_warm: 24, always: false };

/// Boot-time and wall clock at the story's second 0.
pub(crate) const START: Moment = Moment { boot: secs(5_000), wall: secs(1_700_000_000) };

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `now`, and some time.
pub(crate) fn later(now: Moment, time: Duration) -> Moment {
    Moment { boot: now.boot + time, wall: now.wall + time }
}

/// Tells every story of `table` with a few seeds, as the jitter must never matter beyond what a story allows.
pub(crate) fn tell(table: &[(&str, &'static str)]) {
    for (name, lines) in table {
        for seed in 0..10 {
            Story::new(name, seed).tell(lines);
        }
    }
}

struct Story {
    name: String,
    line: &'static str,
    machine: Machine,
    now: Moment,
    waiters: BTreeMap<Waiter, &'static str>,
    served: BTreeMap<&'static str, Served<&'static str>>,
    generations: BTreeMap<&'static str, u64>,
    fetch: Option<(Epoch, Moment)>,
    first: Option<(Epoch, Moment)>,
    running: bool,
    reread: Option<Epoch>,
}

impl Story {
    fn new(name: &str, seed: u64) -> Self {
        Self {
            name: format!("{name} (seed {seed})"),
            line: "",
            machine: Machine::new(POLICY, seed, 0),
            now: START,
            waiters: BTreeMap::new(),
            served: BTreeMap::new(),
            generations: BTreeMap::new(),
            fetch: None,
            first: None,
            running: false,
            reread: None,
        }
    }

    fn tell(&mut self, lines: &'static str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line = line;
            let (left, right) = line.split_once("=>").unwrap_or((line, ""));
            let words: Vec<&'static str> = left.split_whitespace().collect();
            let expected: Vec<_> = right.split(',').map(str::trim).filter(|step| !step.is_empty()).collect();
            self.advance(words[0], words[1]);
            let mut steps: Vec<String> = self.event(words[1], &words[2..]).into_iter().collect();
            steps.extend(self.drain());
            assert_eq!(steps, expected, "{self}");
        }
    }

    /// Lets time pass until the line's.
    fn advance(&mut self, time: &'static str, event: &str) {
        match event {
            "quiet" => return assert_eq!(self.machine.timeout(), None, "{self}"),
            "timer" => {
                let (from, to) = time.split_once("..").expect("a range");
                let timeout = self.machine.timeout().unwrap_or_else(|| panic!("no timer: {self}"));
                let (from, to) = (START.boot + seconds(from), START.boot + seconds(to));
                assert!((from..=to).contains(&timeout), "{:?}: {self}", timeout.saturating_sub(START.boot));
                return self.pass(timeout);
            }
            _ => {}
        }
        let until = START.boot + seconds(time);
        while let Some(timeout) = self.machine.timeout().filter(|at| *at < until && event != "asleep") {
            assert!(timeout > self.now.boot, "the timer does not move on: {self}");
            self.pass(timeout);
            assert_eq!(self.drain(), Vec::<String>::new(), "at {:?}, before {self}", timeout - START.boot);
        }
        self.pass(until);
    }

    fn pass(&mut self, boot: Duration) {
        let passed = boot.checked_sub(self.now.boot).unwrap_or_else(|| panic!("back in time: {self}"));
        self.now = Moment { boot, wall: self.now.wall + passed };
    }

    /// Makes the event happen; what it returned, if it returns something.
    fn event(&mut self, event: &str, words: &[&'static str]) -> Option<String> {
        let (now, machine) = (self.now, &mut self.machine);
        let number = |word: &str| {
            let at = words.iter().position(|w| *w == word)?;
            Some(seconds(words[at + 1]))
        };
        let has = |word: &str| words.contains(&word);
        let sent = |begun: Option<Moment>| match number("sent") {
            Some(at) => Moment { boot: START.boot + at, wall: START.wall + at },
            None => begun.unwrap_or(now),
        };
        let late = has("late");
        let (epoch, begun) = if late { self.first } else { self.fetch }.unzip();
        self.running &= late || !matches!(event, "grant" | "fail");
        match event {
            "policy" => machine.set_policy(Policy {
                min_ttl: seconds(words[0]),
                keep_warm: words[1].parse().expect("a number"),
                always: has("always"),
            }),
            "ask" => {
                let deadline = now.boot + number("within").unwrap_or(secs(10));
                let ask = Ask { min_ttl: number("min"), fresh: has("fresh"), deadline };
                self.waiters.insert(machine.ask(now, ask), words[0]);
            }
            "leave" => {
                let waiter = self.waiters.iter().find(|(_, name)| **name == words[0]);
                machine.leave(*waiter.expect("a name that waits").0);
            }
            "grant" => {
                let grant = Grant { token: words[0], lifetime: seconds(words[1]), requested: sent(begun) };
                machine.granted(now, epoch.expect("a fetch"), grant);
            }
            "fail" => {
                let cause = match words[0] {
                    "terminal" => Cause::Terminal,
                    "slow" => Cause::Slow,
                    "temporary" => Cause::Temporary,
                    "local" => Cause::Local,
                    other => panic!("cause {other}"),
                };
                let failed = Failed { cause, retry_after: number("after"), error: words[1] };
                machine.failed(now, epoch.expect("a fetch"), failed);
            }
            "reread" => {
                let reread = match words[0] {
                    "same" => Reread::Same,
                    "changed" => Reread::Changed,
                    _ => Reread::Unknown,
                };
                machine.reread(now, self.reread.expect("a question"), reread);
            }
            "reject" => {
                let token = words.first().filter(|word| **word != "force");
                let generation = token.map(|token| self.generations[token]);
                let dropped = machine.reject(now, generation, has("force"));
                self.running &= !dropped;
                return Some(if dropped { "dropped" } else { "kept" }.into());
            }
            "replace" => {
                let token = words.first().filter(|word| **word != "keep");
                let grant = token.map(|token| Grant {
                    token: *token,
                    lifetime: seconds(words[1]),
                    requested: sent(None),
                });
                self.running = false;
                machine.replace(now, grant, has("keep"));
            }
            "mended" => machine.mended(now),
            "reconsider" => machine.reconsider(now),
            "erase" => {
                self.running = false;
                machine.erase(now);
            }
            "wall" if words[0].starts_with('-') => self.now.wall -= seconds(&words[0][1..]),
            "wall" => self.now.wall += seconds(&words[0][1..]),
            "left" => assert_eq!(self.served[words[0]].expires_in, seconds(words[1]), "{self}"),
            "check" => {
                return Some(machine.check(now).map_or_else(|error| refusal(&error), |()| "ok".into()));
            }
            "asleep" | "timer" | "quiet" | "wait" => {}
            other => panic!("event {other}"),
        }
        None
    }

    /// All steps that are due now.
    fn drain(&mut self) -> Vec<String> {
        let mut steps = Vec::new();
        while let Some(step) = self.machine.step(self.now) {
            steps.push(match step {
                Step::Fetch(epoch) => {
                    assert!(!self.running, "two fetches at once: {self}");
                    self.running = true;
                    self.fetch = Some((epoch, self.now));
                    self.first = self.first.or(self.fetch);
                    "fetch".into()
                }
                Step::Reread(epoch) => {
                    self.reread = Some(epoch);
                    "reread".into()
                }
                Step::Answer(waiter, answer) => {
                    let name =
                        self.waiters.remove(&waiter).unwrap_or_else(|| panic!("answered twice: {self}"));
                    match answer {
                        Ok(served) => {
                            let text = self.check_served(name, &served);
                            self.served.insert(name, served);
                            text
                        }
                        Err(error) => format!("{name}: {}", refusal(&error)),
                    }
                }
            });
        }
        steps
    }

    fn check_served(&mut self, name: &str, served: &Served<&'static str>) -> String {
        assert!(!served.expires_in.is_zero() && served.expires_in <= served.lifetime, "{served:?}: {self}");
        assert!(served.expires_at <= self.now.wall + served.expires_in, "{served:?}: {self}");
        self.generations.insert(served.token, served.generation);
        format!("{name} {}{}", served.token, if served.repeated { " again" } else { "" })
    }
}

fn refusal(refusal: &Refusal<&str>) -> String {
    match refusal {
        Refusal::Failed { cause, error } => format!("{} {error}", format!("{cause:?}").to_lowercase()),
        Refusal::MinTtl { lifetime } => format!("min-ttl {}", lifetime.as_secs_f64()),
        Refusal::Deadline => "deadline".into(),
        Refusal::Erased => "erased".into(),
        Refusal::DeadOnArrival => "dead".into(),
    }
}

/// Seconds with up to three decimals.
fn seconds(text: &str) -> Duration {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let number = |digits: &str| digits.parse::<u64>().unwrap_or_else(|_| panic!("seconds {text}"));
    secs(number(whole)) + Duration::from_millis(number(&format!("{part:0<3}")))
}

impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.line)
    }
}
