//! Step "drain → async for": queues of events, and an awaitable that completes without suspending where one is there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyStopAsyncIteration, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use voicewire_net::Session;
use voicewire_proto::{Event, Kind};

use crate::event;

/// What an iterator that nobody has started keeps, bytes: the newest events.
const UNSTARTED_BYTES: usize = 1 << 20;

/// The same of audio that a handler has been given: the first of it, since what is kept and replaced again and again is
/// memory that no cache holds.
const HANDLED_BYTES: usize = 64 << 10;

/// The events of one iterator.
///
/// Started, it is bounded by the session's inbox: what it holds counts there, and a full inbox makes the socket wait.
/// Not started, it drops the oldest and counts. Of audio that a handler has been given it keeps the first only: that is
/// most of what comes, and where a handler takes it hardly anybody asks for it again (decision 012).
pub(crate) struct Queue {
    state: Mutex<State>,
    session: Session,
    mask: u64,
}

#[derive(Default)]
struct State {
    events: VecDeque<(Queued, usize)>,
    bytes: usize,
    /// Bytes of audio taken in before the start though a handler had been given it.
    handled_bytes: usize,
    started: bool,
    ended: bool,
    dropped: u64,
    waiters: Vec<Py<PyAny>>,
}

/// An event whose Python object exists because somebody else wanted it, or one that has none yet.
pub(crate) enum Queued {
    Made(Py<PyAny>),
    Lazy(Box<Event>),
}

impl Queue {
    pub(crate) fn new(session: Session, mask: u64, started: bool) -> Self {
        let state = State { started, ..State::default() };
        Self { state: Mutex::new(state), session, mask }
    }

    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.mask & kind.bit() != 0
    }

    /// Appends an event; `handled`: audio that a handler has been given.
    pub(crate) fn push(&self, event: Queued, weight: usize, handled: bool) {
        let mut dropped = Vec::new();
        {
            let mut state = self.lock();
            if state.ended {
                return;
            }
            if handled && !state.started {
                if state.handled_bytes >= HANDLED_BYTES {
                    state.dropped += 1;
                    return;
                }
                state.handled_bytes += weight;
            }
            state.bytes += weight;
            state.events.push_back((event, weight));
            if state.started {
                self.session.retain(weight);
            }
            while !state.started && state.bytes > UNSTARTED_BYTES && state.events.len() > 1 {
                if let Some((event, weight)) = state.events.pop_front() {
                    state.bytes -= weight;
                    state.dropped += 1;
                    // Python objects go after the lock.
                    dropped.push(event);
                }
            }
        }
        drop(dropped);
    }

    /// No more events will come.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
    }

    /// From here on nothing is dropped.
    pub(crate) fn start(&self) {
        let mut state = self.lock();
        if !state.started {
            state.started = true;
            self.session.retain(state.bytes);
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Wakes the tasks that wait, if there is something for them.
    pub(crate) fn wake(&self, py: Python<'_>) -> PyResult<()> {
        let waiters = {
            let mut state = self.lock();
            if state.waiters.is_empty() || (state.events.is_empty() && !state.ended) {
                return Ok(());
            }
            std::mem::take(&mut state.waiters)
        };
        for waiter in waiters {
            let waiter = waiter.bind(py);
            // A cancelled task leaves a future that is done.
            if !waiter.call_method0("done")?.is_truthy()? {
                waiter.call_method1("set_result", (py.None(),))?;
            }
        }
        Ok(())
    }

    /// The next event, where there is one; Err(()) where none will come.
    fn pop(&self) -> Option<Result<Queued, ()>> {
        let mut state = self.lock();
        let Some((event, weight)) = state.events.pop_front() else {
            return state.ended.then_some(Err(()));
        };
        state.bytes -= weight;
        let started = state.started;
        drop(state);
        if started {
            self.session.release(weight);
        }
        Some(Ok(event))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // An iterator that is thrown away gives its room back.
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.started {
            self.session.release(state.bytes);
        }
    }
}

/// Yields the events of one session until `Closed`.
#[pyclass(frozen, module = "voicewire._voicewire")]
pub struct EventIterator {
    pub(crate) queue: Arc<Queue>,
}

#[pymethods]
impl EventIterator {
    fn __aiter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf.get().queue.start();
        slf
    }

    fn __anext__(&self) -> NextEvent {
        self.queue.start();
        NextEvent { queue: Arc::clone(&self.queue) }
    }

    /// Events not kept because nobody had begun to iterate: beyond 1 MiB, or 64 KiB of handled audio.
    #[getter]
    fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

/// Awaits the next event of an iterator.
#[pyclass(frozen, module = "voicewire._voicewire")]
pub struct NextEvent {
    queue: Arc<Queue>,
}

#[pymethods]
impl NextEvent {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// Ends the wait with an event, or hands out a future to wait on.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.queue.pop() {
            Some(Ok(Queued::Made(event))) => Err(PyStopIteration::new_err((event,))),
            Some(Ok(Queued::Lazy(event))) => Err(PyStopIteration::new_err((event::build(py, *event)?,))),
            Some(Err(())) => Err(PyStopAsyncIteration::new_err(())),
            None => self.wait(py),
        }
    }
}

impl NextEvent {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let running = RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?;
        let future = running.call0()?.call_method0("create_future")?;
        future.setattr("_asyncio_future_blocking", true)?;
        self.queue.lock().waiters.push(future.clone().unbind());
        Ok(future)
    }
}

/// The filter of an iterator: the named kinds, or all that are not for wire handlers alone.
pub(crate) fn filter(kinds: Option<&[String]>) -> u64 {
    match kinds {
        Some(kinds) if !kinds.is_empty() => kinds.iter().filter_map(|name| Kind::named(name)).map(Kind::bit).sum(),
        _ => !Kind::Wire.bit(),
    }
}
