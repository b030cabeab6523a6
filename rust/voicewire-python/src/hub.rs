//! Step "one wake per batch → drain": one hub for all sessions of an event loop.

use std::collections::{HashMap, VecDeque};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use voicewire_net::inline::Inline;
use voicewire_net::{Delivery, Inbox};

use crate::session::PySession;

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
    /// Sessions, held weakly: a client that nobody holds may go.
    sessions: Mutex<HashMap<u64, Py<PyWeakrefReference>>>,
    /// Taken from the inbox, not handled yet.
    staged: Mutex<VecDeque<Delivery>>,
}

#[pymethods]
impl PyHub {
    /// To be made on the loop's own thread where the loop is to run the sessions itself.
    #[new]
    #[pyo3(signature = (inline=false))]
    fn new(inline: bool) -> PyResult<Self> {
        let inline = if inline { Some(Inline::new()?) } else { None };
        Ok(Self { inbox: Arc::new(Inbox::new()?), inline, sessions: Mutex::default(), staged: Mutex::default() })
    }

    /// The descriptor that becomes readable when a turn is due; None where I/O threads do the work.
    #[getter]
    fn turn_descriptor(&self) -> Option<i32> {
        self.inline.as_ref().map(|inline| inline.as_raw_fd())
    }

    /// Serves the sockets without waiting, then drains; returns the seconds until the next turn is due, if it is.
    fn turn(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let Some(inline) = &self.inline else { return Ok(None) };
        self.inbox.attend(true);
        let next = py.detach(|| inline.turn());
        self.inbox.attend(false);
        self.drain(py)?;
        Ok(next.map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64()))
    }

    /// The descriptor that becomes readable when there is something to drain.
    fn fileno(&self) -> i32 {
        self.inbox.as_raw_fd()
    }

    /// Handles up to 256 deliveries or 1 ms worth of them; what is left wakes the loop again.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let mut staged = std::mem::take(&mut *self.staged());
        self.inbox.drain(&mut staged);
        let result = self.handle(py, &mut staged);
        if !staged.is_empty() {
            let mut rest = self.staged();
            staged.append(&mut rest);
            *rest = staged;
            drop(rest);
            self.inbox.wake();
        }
        result
    }

    /// The event loop is gone: nothing will be drained any more.
    fn close(&self) {
        self.inbox.close();
        self.staged().clear();
        if let Some(inline) = &self.inline {
            inline.shut();
        }
    }

    /// Wakes so far.
    #[getter]
    fn wakes(&self) -> u64 {
        self.inbox.wakes()
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

    fn handle(&self, py: Python<'_>, staged: &mut VecDeque<Delivery>) -> PyResult<()> {
        let started = Instant::now();
        let mut touched: Vec<Bound<'_, PySession>> = Vec::new();
        for count in 1..=EVENTS_PER_DRAIN {
            let Some(delivery) = staged.pop_front() else { break };
            // The sessions of a batch come in runs.
            let known = touched.iter().rposition(|session| session.get().id() == delivery.session);
            let session = match known {
                Some(at) => touched[at].clone(),
                None => match self.session(py, delivery.session) {
                    Some(session) => {
                        touched.push(session.clone());
                        session
                    }
                    None => continue,
                },
            };
            if let Err(error) = session.get().deliver(&session, self, delivery) {
                session.get().fail(&session, error)?;
            }
            if count % 8 == 0 && started.elapsed() > DRAIN_TIME {
                break;
            }
        }
        for session in touched {
            session.get().wake_iterators(py)?;
        }
        Ok(())
    }

    fn session<'py>(&self, py: Python<'py>, id: u64) -> Option<Bound<'py, PySession>> {
        let weak = self.lock_sessions().get(&id).map(|weak| weak.clone_ref(py))?;
        weak.bind(py).upgrade_as::<PySession>().ok().flatten()
    }

    fn staged(&self) -> std::sync::MutexGuard<'_, VecDeque<Delivery>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_sessions(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Py<PyWeakrefReference>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
