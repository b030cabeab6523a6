//! Sessions on the thread of an event loop: no I/O thread, no hand-over, a turn whenever the loop finds something to do.
//!
//! The sessions are the same futures as elsewhere. A tokio runtime serves their sockets, but nothing blocks in it: the
//! loop watches the runtime's own epoll descriptor (an epoll instance is readable while it holds ready descriptors), and
//! calls [`Inline::turn`]. That costs one `epoll_wait` more per turn than watching each socket, and spares the loop a
//! callback per socket.

use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::io::ErrorKind;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::unix::pipe;
use tokio::runtime::Runtime;

use crate::clock::{self, Deadlines};
use crate::inbox::Inbox;
use crate::io::{self, Job, Notify};
use crate::wake::WakeFd;

/// Messages that one turn takes in before the loop gets its turn again.
const MESSAGES_PER_TURN: u32 = 256;

/// Messages that a session takes in before the others of its loop get their turn.
const SHARE: u32 = 32;

/// Rounds over the sessions in a turn: a session alone may use all of it.
const ROUNDS: u32 = MESSAGES_PER_TURN / SHARE;

/// Runs sessions on the thread that calls it.
pub struct Inline {
    state: Mutex<State>,
    jobs: Mutex<Vec<Job>>,
    signal: Arc<Signal>,
    waker: Waker,
    thread: ThreadId,
    descriptor: RawFd,
    /// Whether this is the copy of a forked child: the descriptors are the parent's.
    forsaken: AtomicBool,
}

struct State {
    sessions: FuturesUnordered<Sharing>,
    deadlines: Deadlines,
    runtime: Unwaiting,
}

/// A runtime whose end waits for nobody: a lookup of a name may take long, and the loop's thread would stand still.
struct Unwaiting(Option<Runtime>);

/// What follows a turn.
#[derive(Clone, Copy, Debug)]
pub struct Turned {
    /// When the next turn is due at the latest.
    pub next: Option<Instant>,
    /// How long to leave the descriptor alone, so that the next turn serves more sockets.
    pub rest: Option<Duration>,
}

/// Makes the descriptor readable when a session has something to do outside a turn.
struct Signal {
    due: AtomicBool,
    turning: AtomicBool,
    runtime: Waker,
}

/// A session, given its share each time.
struct Sharing(Job);

thread_local! {
    /// What is left of a turn; None outside of one.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    /// What is left of the share of a session.
    static SHARE_LEFT: Cell<u32> = const { Cell::new(0) };
}

impl Inline {
    /// A runtime for the calling thread.
    ///
    /// # Errors
    /// Where the process has no descriptors left; `Unsupported` where the kernel does not tell what an epoll instance
    /// watches (`/proc/self/fdinfo`, Linux).
    pub fn new() -> std::io::Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let descriptor = epoll_of(&runtime, Path::new("/proc/self/fdinfo"))?;
        let signal = Arc::new(Signal {
            due: AtomicBool::new(false),
            turning: AtomicBool::new(false),
            runtime: runtime.block_on(std::future::poll_fn(|cx| Poll::Ready(cx.waker().clone()))),
        });
        let state = State {
            sessions: FuturesUnordered::new(),
            deadlines: Deadlines::default(),
            runtime: Unwaiting(Some(runtime)),
        };
        Ok(Arc::new(Self {
            state: Mutex::new(state),
            jobs: Mutex::default(),
            waker: Waker::from(Arc::clone(&signal)),
            signal,
            thread: thread::current().id(),
            descriptor,
            forsaken: AtomicBool::new(false),
        }))
    }

    /// Does what is to be done without waiting.
    pub fn turn(&self) -> Turned {
        let began = Instant::now();
        if self.is_forsaken() {
            return Turned { next: None, rest: None };
        }
        let mut state = self.lock();
        let took_messages = self.run(&mut state, true, || {});
        Turned { next: state.deadlines.next(), rest: io::rest_behind_turn(took_messages, began) }
    }

    /// Drops all sessions where they are: their sockets close.
    pub fn shut(&self) {
        if self.is_forsaken() {
            return;
        }
        let mut state = self.lock();
        let State { sessions, runtime, .. } = &mut *state;
        let _context = runtime.enter();
        sessions.clear();
        drop(std::mem::take(&mut *self.jobs()));
    }

    /// In a forked child: never touches again what the two processes share, an end of the process included. To close a
    /// socket would take it out of the epoll instance of the parent.
    pub fn forsake(self: &Arc<Self>) {
        self.forsaken.store(true, SeqCst);
        std::mem::forget(Arc::clone(self));
    }

    pub(crate) fn spawn(&self, job: Job) {
        self.jobs().push(job);
        self.waker.wake_by_ref();
    }

    /// Tells a session of news: on the loop's own thread it acts at once, so that what was sent is with the kernel.
    pub(crate) fn notify(&self, target: &dyn Notify) {
        if self.is_forsaken() {
            return;
        }
        if thread::current().id() == self.thread {
            match self.state.try_lock() {
                Ok(mut state) => {
                    self.run(&mut state, false, || target.notify());
                    return;
                }
                Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => {}
            }
        }
        target.notify();
    }

    /// Returns whether messages were taken in.
    fn run(&self, state: &mut State, asks_kernel: bool, first: impl FnOnce()) -> bool {
        let State { sessions, runtime, deadlines } = state;
        let (told, began) = (deadlines.next(), Instant::now());
        self.signal.turning.store(true, SeqCst);
        first();
        LEFT.set(Some(MESSAGES_PER_TURN));
        clock::noting(deadlines, || {
            runtime.block_on(tokio::task::unconstrained(async {
                if asks_kernel {
                    // Behind this the runtime has looked at its sockets and timers, without waiting.
                    tokio::task::yield_now().await;
                }
                self.poll(sessions);
            }));
        });
        let took_messages = LEFT.take() != Some(MESSAGES_PER_TURN);
        Inbox::wake_all();
        if asks_kernel {
            // What has come due since then has not been looked at.
            deadlines.pass(began);
        }
        self.signal.turning.store(false, SeqCst);
        let is_sooner = deadlines.next().is_some_and(|next| told.is_none_or(|told| next < told));
        if self.signal.due.load(SeqCst) || (is_sooner && !asks_kernel) {
            self.signal.runtime.wake_by_ref();
        }
        took_messages
    }

    fn poll(&self, sessions: &mut FuturesUnordered<Sharing>) {
        let mut cx = Context::from_waker(&self.waker);
        for _ in 0..ROUNDS {
            self.signal.due.store(false, SeqCst);
            sessions.extend(self.jobs().drain(..).map(Sharing));
            while let Poll::Ready(Some(())) = sessions.poll_next_unpin(&mut cx) {}
            if !self.signal.due.load(SeqCst) || LEFT.get() == Some(0) {
                break;
            }
        }
    }

    fn is_forsaken(&self) -> bool {
        self.forsaken.load(SeqCst)
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Sessions catch their own panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for Inline {
    /// The descriptor that is readable when a turn is due.
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor
    }
}

impl Future for Sharing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        SHARE_LEFT.set(SHARE);
        self.0.as_mut().poll(cx)
    }
}

impl Deref for Unwaiting {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is taken by the drop alone")
    }
}

impl Drop for Unwaiting {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.due.swap(true, SeqCst) && !self.turning.load(SeqCst) {
            self.runtime.wake_by_ref();
        }
    }
}

/// Whether a session has to wait for its next turn. Never on an I/O thread, whose runtime sees to that.
pub(crate) fn is_spent() -> bool {
    LEFT.get().is_some_and(|left| left == 0 || SHARE_LEFT.get() == 0)
}

/// Counts a message; true where others should have their turn.
pub(crate) fn has_taken_enough() -> bool {
    if let (Some(left), false) = (LEFT.get(), is_spent()) {
        LEFT.set(Some(left - 1));
        SHARE_LEFT.set(SHARE_LEFT.get() - 1);
    }
    is_spent()
}

/// The runtime's epoll descriptor, which tokio does not tell: the one that begins to watch a descriptor of ours. `folder`
/// tells of all descriptors of the process.
fn epoll_of(runtime: &Runtime, folder: &Path) -> std::io::Result<RawFd> {
    let probe = WakeFd::new()?;
    let probe = probe.descriptor()?;
    // An older instance may still list a number that was somebody else's before.
    let strangers = watchers(folder, probe.as_raw_fd())?;
    let _context = runtime.enter();
    let probe = pipe::Receiver::from_owned_fd_unchecked(probe)?;
    let found = watchers(folder, probe.as_raw_fd())?.into_iter().find(|found| !strangers.contains(found));
    found.ok_or_else(|| ErrorKind::Unsupported.into())
}

/// The epoll instances that watch a descriptor.
fn watchers(folder: &Path, watched: RawFd) -> std::io::Result<Vec<RawFd>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(untold)? {
        let entry = entry?;
        if fs::read_to_string(entry.path()).is_ok_and(|told| watches(&told, watched)) {
            found.extend(entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
        }
    }
    Ok(found)
}

/// What keeps a system from telling is one thing, a process without descriptors another.
fn untold(error: std::io::Error) -> std::io::Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied => ErrorKind::Unsupported.into(),
        _ => error,
    }
}

/// Whether an epoll instance watches the descriptor: lines of `tfd:  7 events: …` (proc_pid_fdinfo(5)).
fn watches(told: &str, descriptor: RawFd) -> bool {
    told.lines()
        .filter_map(|line| line.strip_prefix("tfd:"))
        .filter_map(|rest| rest.split_whitespace().next()?.parse::<RawFd>().ok())
        .any(|watched| watched == descriptor)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn the_epoll_descriptor_is_found() {
        assert!(epoll_of(&runtime(), Path::new("/proc/self/fdinfo")).unwrap() > 2);
    }

    #[test]
    fn a_system_that_does_not_tell_is_not_supported() {
        for folder in ["/no/such/folder", "/proc/self/net"] {
            assert_eq!(epoll_of(&runtime(), Path::new(folder)).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn a_process_without_descriptors_is_told_as_it_is() {
        let error = untold(std::io::Error::from_raw_os_error(24));
        assert_eq!(error.raw_os_error(), Some(24));
    }

    #[test]
    fn watched_descriptors_are_read_as_the_kernel_writes_them() {
        let told = "pos:\t0\nflags:\t02000002\ntfd:        7 events:       19 data: 1  pos:0 ino:1 sdev:e\n";
        assert!(watches(told, 7));
        assert!(!watches(told, 19));
    }
}
