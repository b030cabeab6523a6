//! Step "inbox": what all sessions of one event loop have received, one wake per batch.
//!
//! Capacity is per session (`Limits::inbox_bytes`): a session that is over it stops reading its socket. Nothing is dropped
//! here. The lost-wake rule: the reader clears the descriptor, then the flag, then takes the queue; a writer pushes, then
//! swaps the flag.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use voicewire_proto::{Error, Event, ReceiptId, Settled};

use crate::connect_error::ConnectError;
use crate::wake::WakeFd;

/// Something that a session has to tell.
#[derive(Debug)]
pub struct Delivery {
    /// Which session.
    pub session: u64,
    /// Bytes that it counts for in the session's inbox.
    pub weight: usize,
    /// What.
    pub item: Item,
}

/// What a session has to tell.
#[derive(Debug)]
pub enum Item {
    /// An event; boxed, since a batch is moved twice.
    Event(Box<Event>),
    /// The fate of a command.
    Settled(Settled),
    /// A message that was written, where somebody listens to those.
    Sent(Bytes),
    /// The session is ready; the service's id of it.
    Connected(Option<String>),
    /// The session did not come about.
    ConnectFailed(ConnectFailure),
    /// A session that was lost cannot be replaced; its end follows.
    GaveUp(ConnectFailure),
    /// The next connection wants a fresh key: `Session::renew` or `Session::renewal_failed` answers.
    KeyWanted,
    /// The session is over and its socket closed; receipts of commands that were never written.
    Ended(Vec<ReceiptId>),
}

/// Why a session did not come about.
#[derive(Debug)]
pub enum ConnectFailure {
    /// No connection.
    Connect(ConnectError),
    /// The service answered with an error in place of a greeting.
    Refused(Error),
    /// The service closed before its greeting.
    Closed {
        /// WebSocket close code.
        code: u16,
        /// Its words.
        reason: String,
    },
    /// There is no key for it, as the application says.
    Key {
        /// Its words.
        message: String,
        /// Whether it has told why, and another attempt is in vain.
        is_final: bool,
    },
    /// `disconnect` was called meanwhile.
    Cancelled,
    /// A defect of ours.
    Internal(String),
}

/// The queue between the I/O threads and one event loop.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<VecDeque<Delivery>>,
    armed: AtomicBool,
    /// Whether the reader waits behind the writer's turn: no wake is needed.
    attended: AtomicBool,
    closed: AtomicBool,
    wake: WakeFd,
    wakes: AtomicU64,
    last_wake: Mutex<Option<Instant>>,
}

thread_local! {
    /// Inboxes with news whose wake waits for the end of the batch.
    static UNWOKEN: RefCell<Vec<Arc<Inbox>>> = const { RefCell::new(Vec::new()) };
}

impl Inbox {
    /// An empty inbox.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: Mutex::default(),
            armed: AtomicBool::new(false),
            attended: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            wake: WakeFd::new()?,
            wakes: AtomicU64::new(0),
            last_wake: Mutex::default(),
        })
    }

    /// Appends `batch`; wakes the reader at once if the last wake is `window` ago, else at the latest before the thread
    /// parks. To be called on an I/O thread.
    pub fn push(self: &Arc<Self>, batch: &mut Vec<Delivery>, window: Duration) {
        if self.closed.load(SeqCst) {
            batch.clear();
            return;
        }
        self.lock().extend(batch.drain(..));
        if self.attended.load(SeqCst) {
            return;
        }
        let due = {
            let last = self.last_wake.lock().unwrap_or_else(PoisonError::into_inner);
            last.is_none_or(|last| last.elapsed() >= window)
        };
        if due {
            self.wake();
        } else if !self.armed.load(SeqCst) {
            UNWOKEN.with_borrow_mut(|list| {
                if !list.iter().any(|inbox| Arc::ptr_eq(inbox, self)) {
                    list.push(Arc::clone(self));
                }
            });
        }
    }

    /// Announces that the caller drains behind what it is about to let run on its own thread.
    pub fn attend(&self, attended: bool) {
        self.attended.store(attended, SeqCst);
    }

    /// Whether a wake is under way: the reader is about to drain.
    pub fn is_woken(&self) -> bool {
        self.armed.load(SeqCst)
    }

    /// Wakes the readers of everything pushed on this thread.
    pub fn wake_all() {
        UNWOKEN.with_borrow_mut(|list| list.drain(..).for_each(|inbox| inbox.wake()));
    }

    /// Takes what has come since the last call, behind what `into` holds.
    pub fn drain(&self, into: &mut VecDeque<Delivery>) {
        self.wake.clear();
        self.armed.store(false, SeqCst);
        let mut queue = self.lock();
        if into.is_empty() {
            std::mem::swap(&mut *queue, into);
        } else {
            into.append(&mut queue);
        }
    }

    /// Waits for a wake, at most `timeout`; for readers without an event loop.
    pub fn wait(&self, timeout: Duration) {
        self.wake.wait(timeout);
    }

    /// Wakes the reader unless a wake is under way.
    pub fn wake(&self) {
        if !self.armed.swap(true, SeqCst) {
            *self.last_wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.wakes.fetch_add(1, SeqCst);
            self.wake.wake();
        }
    }

    /// Drops everything, now and from now on: the event loop is gone.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        self.lock().clear();
    }

    /// Wakes so far.
    pub fn wakes(&self) -> u64 {
        self.wakes.load(SeqCst)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Delivery>> {
        // A panic while moving deliveries leaves the queue whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for Inbox {
    fn as_raw_fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }
}
