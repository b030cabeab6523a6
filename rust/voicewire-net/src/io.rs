//! The I/O threads: one tokio runtime each, sessions pinned to one of them.
//!
//! Wake-ups are what costs. A thread that parks again and again within the latency window waits the window out first, so
//! that one wake serves all that arrives meanwhile; a thread that is idle wakes at once.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::unix::pipe;

use crate::inbox::Inbox;
use crate::wake::WakeFd;

/// How long an event may wait for company while a thread is busy, unless configured.
pub const DEFAULT_WINDOW: Duration = Duration::from_millis(2);

/// Work for an I/O thread.
pub(crate) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something that can be told that its outbox has news.
pub(crate) trait Notify: Send + Sync {
    /// Called on the I/O thread.
    fn notify(&self);
}

/// The side of an I/O thread that others see.
pub(crate) struct IoThread {
    wake: WakeFd,
    state: AtomicU8,
    dirty: AtomicBool,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    jobs: Vec<Job>,
    notified: Vec<Arc<dyn Notify>>,
}

/// Sets how many I/O threads there will be; false where they run already.
pub fn configure_threads(count: usize) -> bool {
    if lock_started().as_ref().is_some_and(|started| started.pid == std::process::id()) {
        return false;
    }
    THREAD_COUNT.store(count.max(1), Ordering::SeqCst);
    true
}

/// Sets for how long an event may wait for company; zero wakes at once always.
pub fn configure_window(window: Duration) {
    WINDOW_US.store(window.as_micros() as u64, Ordering::SeqCst);
}

/// For how long an event may wait for company.
pub(crate) fn window() -> Duration {
    Duration::from_micros(WINDOW_US.load(Ordering::Relaxed))
}

/// The threads of this process.
struct Started {
    pid: u32,
    threads: Vec<Arc<IoThread>>,
}

static STARTED: Mutex<Option<Started>> = Mutex::new(None);
static THREAD_COUNT: AtomicUsize = AtomicUsize::new(1);
static NEXT: AtomicUsize = AtomicUsize::new(0);
static WINDOW_US: AtomicU64 = AtomicU64::new(DEFAULT_WINDOW.as_micros() as u64);

fn lock_started() -> MutexGuard<'static, Option<Started>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

const RUNNING: u8 = 0;
const WAITING: u8 = 1;
const PARKED: u8 = 2;

impl IoThread {
    /// The thread for the next session; the first call starts the threads, in a forked child anew.
    pub(crate) fn assign() -> io::Result<Arc<Self>> {
        let mut started = lock_started();
        let pid = std::process::id();
        if started.as_ref().is_none_or(|started| started.pid != pid) {
            let count = THREAD_COUNT.load(Ordering::SeqCst);
            let threads = (0..count).map(Self::start).collect::<io::Result<Vec<_>>>()?;
            // A child must not drop what belongs to threads that it does not have.
            std::mem::forget(started.replace(Started { pid, threads }));
        }
        let at = NEXT.fetch_add(1, Ordering::Relaxed);
        let threads = started.as_ref().map_or(&[][..], |started| &started.threads);
        threads.get(at % threads.len().max(1)).cloned().ok_or_else(|| io::Error::other("no I/O thread"))
    }

    /// Runs `job` on the thread.
    pub(crate) fn spawn(&self, job: Job) {
        self.lock().jobs.push(job);
        self.submitted(true);
    }

    /// Calls `target.notify()` on the thread. What is not urgent may wait out the window of a busy thread.
    pub(crate) fn notify(&self, target: Arc<dyn Notify>, urgent: bool) {
        self.lock().notified.push(target);
        self.submitted(urgent);
    }

    fn submitted(&self, urgent: bool) {
        let first = !self.dirty.swap(true, Ordering::SeqCst);
        match self.state.load(Ordering::SeqCst) {
            PARKED if first => self.wake.wake(),
            PARKED | WAITING if urgent => self.wake.wake(),
            _ => {}
        }
    }

    fn start(index: usize) -> io::Result<Arc<Self>> {
        let thread = Arc::new(Self {
            wake: WakeFd::new()?,
            state: AtomicU8::new(RUNNING),
            dirty: AtomicBool::new(false),
            work: Mutex::default(),
        });
        let (parking, unparked) = (Arc::clone(&thread), Arc::clone(&thread));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || parking.before_park())
            .on_thread_unpark(move || unparked.state.store(RUNNING, Ordering::SeqCst))
            .build()?;
        let running = Arc::clone(&thread);
        let wake = {
            let _context = runtime.enter();
            pipe::Receiver::from_owned_fd_unchecked(thread.wake.descriptor()?)?
        };
        std::thread::Builder::new()
            .name(format!("voicewire-io-{index}"))
            .spawn(move || runtime.block_on(running.run(wake)))?;
        Ok(thread)
    }

    /// Serves the wakes that come while the thread is parked.
    async fn run(self: Arc<Self>, wake: pipe::Receiver) {
        let mut buffer = [0; 64];
        loop {
            self.work();
            if wake.readable().await.is_err() {
                return;
            }
            while wake.try_read(&mut buffer).is_ok_and(|count| count == buffer.len()) {}
        }
    }

    fn before_park(&self) {
        Inbox::wake_all();
        PACE.with(|pace| {
            if let Some(rest) = pace.rest(window(), Instant::now()) {
                self.state.store(WAITING, Ordering::SeqCst);
                if !self.dirty.load(Ordering::SeqCst) {
                    self.wake.wait(rest);
                }
            }
            pace.parked(Instant::now());
        });
        // The work may wake no task, and the thread parks all the same: it must not count as running then.
        self.state.store(PARKED, Ordering::SeqCst);
        while self.dirty.load(Ordering::SeqCst) {
            self.work();
        }
    }

    fn work(&self) {
        if !self.dirty.swap(false, Ordering::SeqCst) {
            return;
        }
        let Work { jobs, notified } = std::mem::take(&mut *self.lock());
        for job in jobs {
            tokio::spawn(job);
        }
        for target in notified {
            target.notify();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the pace of this thread that a socket held more than one read took: waiting would only hold the peer up.
pub(crate) fn note_backlog() {
    PACE.with(|pace| pace.backlog.set(BACKLOG_PARKS));
}

/// How long the event loop of this thread should rest before its next turn; None where it is not busy.
pub(crate) fn rest_behind_turn(took_messages: bool, now: Instant) -> Option<Duration> {
    PACE.with(|pace| pace.rest_behind_turn(window(), took_messages, now))
}

thread_local! {
    static PACE: Pace =
        const { Pace { last_park: Cell::new(None), streak: Cell::new(0), backlog: Cell::new(0) } };
}

/// Tells whether a thread is busy: how often it parks.
struct Pace {
    last_park: Cell<Option<Instant>>,
    /// Parks in a row that came within the window of the one before.
    streak: Cell<u32>,
    /// Parks to go without waiting, since a peer sends faster than its socket is read.
    backlog: Cell<u32>,
}

/// A question and its answer park a thread two or three times: that is no load.
const BUSY_STREAK: u32 = 8;

/// Parks without waiting after a backlog: a burst comes in pieces, with short gaps between them.
const BACKLOG_PARKS: u32 = 16;

/// Turns without messages after which an event loop no longer rests.
const IDLE_TURNS: u32 = 4;

impl Pace {
    /// How long the thread should wait for company before it parks; None where it is not busy.
    fn rest(&self, window: Duration, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.last_park.get()?);
        if self.backlog.get() > 0 {
            self.backlog.set(self.backlog.get() - 1);
            return None;
        }
        if window.is_zero() || since >= window.mul_f32(1.3) {
            self.streak.set(0);
            return None;
        }
        self.streak.set(self.streak.get().saturating_add(1));
        Some(window.saturating_sub(since)).filter(|rest| self.streak.get() >= BUSY_STREAK && !rest.is_zero())
    }

    /// The same for an event loop, behind a turn that began at `now`. Once it rests it goes on so while every other turn
    /// finds messages, since to watch its descriptor again costs the kernel a look at every socket.
    fn rest_behind_turn(&self, window: Duration, took_messages: bool, now: Instant) -> Option<Duration> {
        let rests = self.streak.get() >= BUSY_STREAK;
        let soon = self.last_park.replace(Some(now)).is_some_and(|last| now - last < window.mul_f32(1.3));
        let streak = match (rests, took_messages) {
            (true, true) => BUSY_STREAK + IDLE_TURNS,
            (false, true) if soon => self.streak.get() + 1,
            (false, true) => 0,
            (_, false) => self.streak.get().saturating_sub(1),
        };
        self.streak.set(if window.is_zero() { 0 } else { streak });
        if self.streak.get() < BUSY_STREAK {
            return None;
        }
        let hurries = self.backlog.get() > 0;
        self.backlog.set(self.backlog.get().saturating_sub(1));
        Some(if hurries { Duration::ZERO } else { window })
    }

    fn parked(&self, now: Instant) {
        self.last_park.set(Some(now));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Nobody;

    impl Notify for Nobody {
        fn notify(&self) {}
    }

    #[test]
    fn a_notification_that_wakes_nobody_loses_no_later_work() {
        let thread = IoThread::start(0).unwrap();
        for round in 0..20_000_u32 {
            // Some of these come while the thread is about to park, and it parks before the job comes.
            for pause in [round % 997, 3_000] {
                thread.notify(Arc::new(Nobody), true);
                (0..pause).for_each(|_| std::hint::spin_loop());
            }
            let (done, told) = mpsc::channel();
            thread.spawn(Box::pin(async move { done.send(()).unwrap_or_default() }));
            told.recv_timeout(Duration::from_secs(5)).expect("the thread takes work");
        }
    }
}
