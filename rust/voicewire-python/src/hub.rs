//! Step "one wake per batch → drain": one hub for all sessions of an event loop.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use voicewire_net::inline::Inline;
use voicewire_net::{Delivery, Inbox};
use voicewire_proto::config::ConfigError;

use crate::errors::config_error;
use crate::session::PySession;
use crate::staging::{BySession, Staging};

/// Deliveries handled before the event loop gets its turn again.
const EVENTS_PER_DRAIN: usize = 256;

/// The same in time.
const DRAIN_TIME: Duration = Duration::from_millis(1);

/// Takes what the sessions of one event loop have received to their handlers and iterators.
#[pyclass(frozen, name = "Hub", module = "voicewire._voicewire")]
pub struct PyHub {
    pub(crate) inbox: Arc<Inbox>,
    /// Runs the sessions on the loop's own thread; None: they run on I/O threads.
    pub(crate) inline: Option<Arc<Inline>>,
    /// Turns so far.
    turns: AtomicU64,
    /// Sessions, held weakly: a client that nobody holds may go.
    sessions: Mutex<BySession<Py<PyWeakrefReference>>>,
    /// Taken from the inbox, not handled yet.
    staged: Mutex<Staging>,
}

#[pymethods]
impl PyHub {
    /// To be made on the loop's own thread where the loop is to run the sessions itself.
    ///
    /// Raises `ConfigError` where the system does not allow that.
    #[new]
    #[pyo3(signature = (inline=false))]
    fn new(py: Python<'_>, inline: bool) -> PyResult<Self> {
        let inline = if inline { Some(Inline::new().map_err(|error| no_inline(py, error))?) } else { None };
        Ok(Self {
            inbox: Arc::new(Inbox::new()?),
            inline,
            turns: AtomicU64::new(0),
            sessions: Mutex::default(),
            staged: Mutex::default(),
        })
    }

    /// The descriptor that becomes readable when a turn is due; None where I/O threads do the work.
    #[getter]
    fn turn_descriptor(&self) -> Option<i32> {
        self.inline.as_ref().map(|inline| inline.as_raw_fd())
    }

    /// Serves the sockets without waiting, then drains. Returns the seconds until the next turn is due, if it is, and
    /// those for which the descriptor is to be left alone, if any.
    fn turn(&self, py: Python<'_>) -> PyResult<(Option<f64>, Option<f64>)> {
        let Some(inline) = &self.inline else { return Ok((None, None)) };
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.inbox.attend(true);
        let turned = py.detach(|| inline.turn());
        self.inbox.attend(false);
        let mut rest = turned.rest;
        // With a wake under way the loop drains without us: one helping is enough before its other callbacks.
        if !self.inbox.is_woken() && self.take_helping(py)? {
            rest = Some(Duration::ZERO);
        }
        let next = turned.next.map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64());
        Ok((next, rest.map(|rest| rest.as_secs_f64())))
    }

    /// The descriptor that becomes readable when there is something to drain.
    fn fileno(&self) -> i32 {
        self.inbox.as_raw_fd()
    }

    /// Handles up to 256 deliveries or 1 ms worth of them, sessions in turns; what is left wakes the loop again.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let is_more_left = self.take_helping(py);
        // Also where a handler has raised what is for the event loop.
        if !matches!(is_more_left, Ok(false)) {
            self.inbox.wake();
        }
        is_more_left.map(|_| ())
    }

    /// The event loop is gone: nothing will be drained any more.
    fn close(&self) {
        self.inbox.close();
        self.staged().clear();
        if let Some(inline) = &self.inline {
            inline.shut();
        }
    }

    /// In a forked child: leaves alone what belongs to the parent, for as long as the process lives.
    fn forsake(&self) {
        if let Some(inline) = &self.inline {
            inline.forsake();
        }
    }

    /// How often the loop was called: wakes by I/O threads, or turns.
    #[getter]
    fn wakes(&self) -> u64 {
        self.inbox.wakes() + self.turns.load(Ordering::Relaxed)
    }
}

impl PyHub {
    pub(crate) fn add(&self, session: &Bound<'_, PySession>) -> PyResult<()> {
        let weak = PyWeakrefReference::new(session.as_any())?;
        let id = session.get().id();
        self.lock_sessions().insert(id, weak.unbind());
        Ok(())
    }

    pub(crate) fn forget(&self, id: u64) {
        let gone = self.lock_sessions().remove(&id);
        drop(gone);
    }

    /// Returns whether deliveries are left.
    fn take_helping(&self, py: Python<'_>) -> PyResult<bool> {
        let started = Instant::now();
        self.staged().fill(&self.inbox);
        self.handle(py, started)?;
        Ok(!self.staged().is_empty())
    }

    fn handle(&self, py: Python<'_>, started: Instant) -> PyResult<()> {
        let mut touched = Vec::new();
        let mut run = VecDeque::new();
        let mut left = EVENTS_PER_DRAIN;
        let mut result = Ok(());
        while result.is_ok() && left > 0 && self.staged().take_run(left, &mut run) {
            left -= run.len();
            result = self.handle_run(py, &mut run, &mut touched);
            self.staged().put_back(&mut run);
            if started.elapsed() > DRAIN_TIME {
                break;
            }
        }
        for session in touched {
            session.get().wake_iterators(py)?;
        }
        result
    }

    /// Handles deliveries of one session; after an error that is for the event loop, the rest stays in `run`.
    fn handle_run<'py>(
        &self,
        py: Python<'py>,
        run: &mut VecDeque<Delivery>,
        touched: &mut Vec<Bound<'py, PySession>>,
    ) -> PyResult<()> {
        let Some(id) = run.front().map(|delivery| delivery.session) else { return Ok(()) };
        let known = touched.iter().rposition(|session| session.get().id() == id);
        let session = match known.map(|at| touched[at].clone()).or_else(|| self.session(py, id)) {
            Some(session) => session,
            None => {
                run.clear();
                return Ok(());
            }
        };
        if known.is_none() {
            touched.push(session.clone());
        }
        while let Some(delivery) = run.pop_front() {
            if let Err(error) = session.get().deliver(&session, self, delivery) {
                session.get().fail(&session, error)?;
            }
        }
        Ok(())
    }

    fn session<'py>(&self, py: Python<'py>, id: u64) -> Option<Bound<'py, PySession>> {
        let weak = self.lock_sessions().get(&id).map(|weak| weak.clone_ref(py))?;
        weak.bind(py).upgrade_as::<PySession>().ok().flatten()
    }

    fn staged(&self) -> std::sync::MutexGuard<'_, Staging> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_sessions(&self) -> std::sync::MutexGuard<'_, BySession<Py<PyWeakrefReference>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_inline(py: Python<'_>, error: io::Error) -> PyErr {
    if error.kind() != io::ErrorKind::Unsupported {
        return error.into();
    }
    let problem = "no session can run on an event loop where the system does not show its epoll descriptors \
                   (/proc/self/fdinfo of Linux): use driver=\"thread\", the default";
    config_error(py, &ConfigError::new("driver", "inline", problem))
}
