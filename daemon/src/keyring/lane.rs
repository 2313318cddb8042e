//! Calls that may never return, one after another, each on a thread of its own and with a deadline.

use std::{sync::Arc, thread, time::Duration};

use tokio::sync::{Mutex, Semaphore, oneshot};

/// Runs one call at a time.
///
/// A call that is late is left behind with its thread: it cannot be ended. The threads are plain ones, not the
/// runtime's, so that the process can end without them.
pub(super) struct Lane {
    turn: Mutex<()>,
    threads: Threads,
}

/// The threads that some lanes have together.
#[derive(Clone)]
pub(super) struct Threads {
    /// What each of them is called, as the system tells it.
    name: &'static str,
    /// A permit for each. Those that are not free belong to a lane's call that runs, or to one that is stuck.
    permits: Arc<Semaphore>,
}

impl Threads {
    /// At most `limit` at a time: once all of them are stuck, nothing is begun until one returns.
    pub(super) fn new(name: &'static str, limit: usize) -> Self {
        Self { name, permits: Arc::new(Semaphore::new(limit)) }
    }
}

/// Why a call has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overdue {
    /// It did not return before its deadline; it may yet.
    Late,
    /// It was not begun: too many before it have not returned.
    Stuck,
    /// It was not begun, or ended without a word: the system has no thread left.
    NoThread,
}

impl Lane {
    /// One whose calls run on these threads.
    pub(super) fn new(threads: &Threads) -> Self {
        Self { turn: Mutex::new(()), threads: threads.clone() }
    }

    /// Runs `job` when its turn has come and waits for it, at most for `limit` from then on.
    ///
    /// # Errors
    /// [`Overdue`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Overdue> {
        let _turn = self.turn.lock().await;
        let Threads { name, permits } = &self.threads;
        let permit = Arc::clone(permits).try_acquire_owned().map_err(|_| Overdue::Stuck)?;
        let (tell, told) = oneshot::channel();
        let body = move || {
            let result = job();
            // Before the result is told: the next call may begin as soon as it is.
            drop(permit);
            let _ = tell.send(result);
        };
        thread::Builder::new().name((*name).to_owned()).spawn(body).map_err(|_| Overdue::NoThread)?;
        let told = tokio::time::timeout(limit, told).await.map_err(|_| Overdue::Late)?;
        told.map_err(|_| Overdue::NoThread)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use super::{Lane, Overdue, Threads};

    const GENEROUS: Duration = Duration::from_secs(30);

    fn lane() -> Lane {
        Lane::new(&Threads::new("test", 2))
    }

    /// A job that returns when the sender is dropped, and not before.
    fn blocked() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (release, released) = mpsc::channel();
        (release, move || assert!(released.recv().is_err()))
    }

    #[tokio::test]
    async fn a_call_returns_what_its_job_returned_on_a_thread_of_its_own() {
        let lane = lane();
        for round in 0..5 {
            let (number, thread) =
                lane.run(GENEROUS, move || (round, std::thread::current().id())).await.unwrap();
            assert_eq!(number, round);
            assert_ne!(thread, std::thread::current().id());
        }
    }

    #[tokio::test]
    async fn a_call_that_never_returns_ends_at_its_deadline_and_the_next_one_runs() {
        let lane = lane();
        let (_release, job) = blocked();
        assert_eq!(lane.run(Duration::ZERO, job).await, Err(Overdue::Late));
        assert_eq!(lane.run(GENEROUS, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn with_two_stuck_threads_nothing_is_begun_until_one_returns() {
        let lane = lane();
        let (first, job) = blocked();
        assert_eq!(lane.run(Duration::ZERO, job).await, Err(Overdue::Late));
        let (_second, job) = blocked();
        assert_eq!(lane.run(Duration::ZERO, job).await, Err(Overdue::Late));
        let begun = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&begun);
        let count = move || count.fetch_add(1, Ordering::SeqCst);
        assert_eq!(lane.run(GENEROUS, count.clone()).await, Err(Overdue::Stuck));
        assert_eq!(begun.load(Ordering::SeqCst), 0);
        drop(first);
        // Waits for that thread, and gives its place back.
        drop(
            tokio::time::timeout(GENEROUS, lane.threads.permits.acquire())
                .await
                .expect("the thread ends")
                .unwrap(),
        );
        assert_eq!(lane.run(GENEROUS, count).await, Ok(0));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_one_lane_left_behind_counts_for_the_other_one_too() {
        let threads = Threads::new("test", 2);
        let (quick, prompting) = (Lane::new(&threads), Lane::new(&threads));
        let (_first, job) = blocked();
        assert_eq!(quick.run(Duration::ZERO, job).await, Err(Overdue::Late));
        assert_eq!(prompting.run(GENEROUS, || 7).await, Ok(7));
        let (_second, job) = blocked();
        assert_eq!(prompting.run(Duration::ZERO, job).await, Err(Overdue::Late));
        for lane in [&quick, &prompting] {
            assert_eq!(lane.run(GENEROUS, || 7).await, Err(Overdue::Stuck));
        }
    }

    #[tokio::test]
    async fn calls_run_one_after_another() {
        let lane = lane();
        let running = Arc::new(AtomicUsize::new(0));
        let job = || {
            let running = Arc::clone(&running);
            move || {
                let others = running.fetch_add(1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                others
            }
        };
        let (a, b) = (lane.run(GENEROUS, job()), lane.run(GENEROUS, job()));
        let (c, d) = (lane.run(GENEROUS, job()), lane.run(GENEROUS, job()));
        assert_eq!(tokio::join!(a, b, c, d), (Ok(0), Ok(0), Ok(0), Ok(0)));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_does_not_hold_up_the_next_one() {
        let lane = lane();
        let (_release, job) = blocked();
        tokio::select! {
            biased;
            _ = lane.run(GENEROUS, job) => panic!("it returned"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(lane.run(GENEROUS, || 7).await, Ok(7));
    }
}
