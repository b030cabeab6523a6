//! Who polls the driver of a session: an I/O thread, or the thread of its event loop.

use std::io;
use std::sync::{Arc, Weak};

use crate::inline::Inline;
use crate::io::{IoThread, Job};
use crate::outbox::Phase;
use crate::session::Shared;

/// Where a session runs.
#[derive(Clone)]
pub(crate) enum RunsOn {
    Thread(Arc<IoThread>),
    /// Held by its hub, so that it goes with the loop.
    Loop(Weak<Inline>),
}

impl RunsOn {
    /// Where the next connection runs. A session stays on its I/O thread; event loops come and go.
    pub(crate) fn next(last: Option<Self>, inline: Option<Arc<Inline>>) -> io::Result<Self> {
        Ok(match (inline, last) {
            (Some(inline), _) => Self::Loop(Arc::downgrade(&inline)),
            (None, Some(Self::Thread(io))) => Self::Thread(io),
            (None, _) => Self::Thread(IoThread::assign()?),
        })
    }

    pub(crate) fn spawn(&self, job: Job) {
        match self {
            Self::Thread(io) => io.spawn(job),
            Self::Loop(inline) => {
                if let Some(inline) = inline.upgrade() {
                    inline.spawn(job);
                }
            }
        }
    }
}

/// Closes a session whose driver is dropped before its end: the event loop is gone, and nobody is left to tell.
pub(crate) struct Unended(Option<Arc<Shared>>);

impl Unended {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(Some(shared))
    }

    /// The driver has come to its end.
    pub(crate) fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Unended {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let mut outbox = shared.outbox();
            outbox.phase = Phase::Closed;
            outbox.abandon();
        }
    }
}
