//! The Python side of a session: commands and audio in, deliveries out to handlers, iterators and the owner.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use voicewire_net::session::Plan;
use voicewire_net::{Delivery, Item, Session};
use voicewire_proto::openai::{OpenAi, Settings, GA};
use voicewire_proto::{Body, Command, CommandId, Error, Event, Kind, Outcome, Secrets, Settled};

use crate::dispatch::{sent_view, wire_view, Handler, Handlers};
use crate::endpoint::{parse, read_endpoint, read_limits, read_timeouts, target};
use crate::errors::{config_error, connect_failure, exception, from_error, send_error, start_error};
use crate::event::{self, PyEvent};
use crate::event_classes::ErrorEvent;
use crate::hub::PyHub;
use crate::iterator::{EventIterator, Queue, Queued};
use crate::request::{read_command, read_config, read_topic};
use crate::samples;
use crate::uplink::Uplink;

/// Audio that is resampled and encoded without letting other Python threads run, samples.
const BRIEF: usize = 24_000;

/// One session, owned by a client.
#[pyclass(frozen, weakref, name = "Session", module = "voicewire._voicewire")]
pub struct PySession {
    net: Session,
    owner: Py<PyWeakrefReference>,
    handlers: Mutex<Arc<Handlers>>,
    /// The iterator that collects from `connect` on.
    main: Mutex<Option<Arc<Queue>>>,
    /// Iterators that users made; they die with their last reference.
    others: Mutex<Vec<Weak<Queue>>>,
    uplink: Mutex<Uplink>,
    secrets: Mutex<Secrets>,
    next_token: AtomicU64,
    next_receipt: AtomicU64,
    prefix: String,
}

#[pymethods]
impl PySession {
    /// `owner` is told of receipts, the start and the end; it is held weakly.
    #[new]
    fn new(owner: &Bound<'_, PyAny>, limits: &str) -> PyResult<Self> {
        Ok(Self {
            net: Session::new(read_limits(&parse(limits)), GA.audio),
            owner: PyWeakrefReference::new(owner)?.unbind(),
            handlers: Mutex::default(),
            main: Mutex::default(),
            others: Mutex::default(),
            uplink: Mutex::default(),
            secrets: Mutex::default(),
            next_token: AtomicU64::new(1),
            next_receipt: AtomicU64::new(1),
            prefix: random_prefix(),
        })
    }

    /// Begins to connect: from here on commands and audio are kept for the session to come.
    fn begin(&self, py: Python<'_>) -> PyResult<()> {
        self.net.begin().map_err(|error| start_error(py, &error))?;
        *lock(&self.uplink) = Uplink::default();
        Ok(())
    }

    /// Gives up what `begin` began; returns receipts of commands that will never be written.
    fn abort(&self) -> Vec<u64> {
        self.net.abort()
    }

    /// Connects in the background, behind `begin`.
    fn connect(slf: &Bound<'_, Self>, hub: &Bound<'_, PyHub>, options: &str, config: &str) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let options = parse(options);
        let endpoint = read_endpoint(&options).map_err(|error| config_error(py, &error))?;
        let config = read_config(py, config)?;
        let (timeouts, ack_timeout) = read_timeouts(&options["timeouts"]);
        *lock(&this.secrets) = endpoint.secrets.clone();
        let max_depth = this.net.limits().json_depth;
        let settings = Settings { config, ack_timeout, secrets: endpoint.secrets.clone(), max_depth };
        let plan = Plan {
            target: target(&endpoint, &options, this.net.limits().max_message_bytes),
            timeouts,
            inbox: Arc::clone(&hub.get().inbox),
            protocol: Box::new(OpenAi::new(&GA, settings)),
        };
        hub.get().add(slf)?;
        let main = Arc::new(Queue::new(this.net.clone(), filter(None), false));
        let old = lock(&this.main).replace(main);
        drop(old);
        this.net.start(plan).map_err(|error| start_error(py, &error))
    }

    /// Appends a command; returns the number of its receipt and its `event_id`.
    #[pyo3(signature = (kind, payload="{}"))]
    fn command(&self, py: Python<'_>, kind: &str, payload: &str) -> PyResult<(u64, String)> {
        let command = read_command(py, kind, parse(payload))?;
        if matches!(command, Command::CommitAudio) {
            lock(&self.uplink).flush(&self.net).map_err(|error| send_error(py, &error))?;
        }
        let receipt = self.next_receipt.fetch_add(1, Ordering::Relaxed);
        let event_id = match &command {
            // A user who names his own message finds the name in errors.
            Command::Raw { payload, .. } => payload.get("event_id").and_then(|id| id.as_str()).map(str::to_owned),
            _ => None,
        };
        let event_id = event_id.unwrap_or_else(|| format!("evt_{}{receipt}", self.prefix));
        let id = CommandId { receipt, event_id: event_id.clone() };
        self.net.send(command, id).map_err(|error| send_error(py, &error))?;
        Ok((receipt, event_id))
    }

    /// Sends audio; see `RealtimeClient.send_audio`.
    #[pyo3(signature = (samples, sample_rate=None))]
    fn send_audio(&self, py: Python<'_>, samples: &Bound<'_, PyAny>, sample_rate: Option<i64>) -> PyResult<()> {
        let mut input = Vec::new();
        samples::read(samples, "samples", &mut input)?;
        let sample_rate = sample_rate.map(|rate| samples::rate(rate, "sample_rate")).transpose()?;
        let send = || lock(&self.uplink).send(&self.net, &input, sample_rate);
        let sent = if input.len() <= BRIEF { send() } else { py.detach(send) };
        sent.map_err(|error| error.raise(py))
    }

    /// Asks the peer for a pong; returns the number of the receipt.
    fn ping(&self, py: Python<'_>) -> PyResult<u64> {
        let receipt = self.next_receipt.fetch_add(1, Ordering::Relaxed);
        self.net.ping(receipt).map_err(|error| send_error(py, &error))?;
        Ok(receipt)
    }

    /// Settles a receipt when all that was sent before is written.
    fn flush(&self, py: Python<'_>) -> PyResult<u64> {
        let receipt = self.next_receipt.fetch_add(1, Ordering::Relaxed);
        self.net.flush(receipt).map_err(|error| send_error(py, &error))?;
        Ok(receipt)
    }

    /// Says goodbye, from any state; returns receipts of commands that will never be written.
    fn close(&self) -> Vec<u64> {
        self.net.close()
    }

    /// Registers a callable; the key is "neutral:NAME", "wire:NAME", "wire:*", "sent:NAME" or "sent:*".
    fn add_handler(&self, key: &str, handler: Py<PyAny>) -> PyResult<u64> {
        let topic = read_topic(key);
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let handler = Arc::new(Handler::new(token, handler));
        self.change_handlers(|handlers| handlers.add(topic, handler));
        Ok(token)
    }

    /// Takes a callable out again.
    fn remove_handler(&self, token: u64) {
        self.change_handlers(|handlers| handlers.remove(token));
    }

    /// The iterator that collects from `connect` on; None before the first `connect`.
    fn main_iterator(&self) -> Option<EventIterator> {
        lock(&self.main).as_ref().map(|queue| EventIterator { queue: Arc::clone(queue) })
    }

    /// A new iterator that collects the named kinds from here on.
    fn iterator(&self, kinds: Vec<String>) -> EventIterator {
        let queue = Arc::new(Queue::new(self.net.clone(), filter(Some(&kinds)), true));
        let mut others = lock(&self.others);
        others.retain(|queue| queue.strong_count() > 0);
        others.push(Arc::downgrade(&queue));
        EventIterator { queue }
    }

    /// Delivers an `ErrorEvent` of our own making.
    fn report(slf: &Bound<'_, Self>, error: Bound<'_, PyAny>, fatal: bool) -> PyResult<()> {
        let body = Body::Error { error: Box::new(Error::Internal(String::new())), fatal };
        let base = PyEvent::with_detail(Event::ours(body, Instant::now()), error);
        let event = Py::new(slf.py(), (ErrorEvent {}, base))?.into_any();
        slf.get().fire_neutral(slf, Kind::Error, &event)?;
        slf.get().enqueue(Kind::Error, 256, Queued::Made(event.clone_ref(slf.py())))?;
        slf.get().wake_iterators(slf.py())
    }

    /// Counts bytes that a handler's backlog holds.
    fn hold(&self, weight: usize) {
        self.net.retain(weight);
    }

    /// Gives them back.
    fn release(&self, weight: usize) {
        self.net.release(weight);
    }

    /// "idle", "connecting", "open", "closing" or "closed": where the I/O thread is, ahead of the event loop.
    #[getter]
    fn phase(&self) -> &'static str {
        self.net.phase().as_str()
    }

    /// Counters, by name.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = PyDict::new(py);
        for (name, value) in self.net.stats().each() {
            stats.set_item(name, value)?;
        }
        stats.set_item("inbox_bytes", self.net.inbox_bytes())?;
        stats.set_item("outbox_bytes", self.net.outbox_bytes())?;
        Ok(stats)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A lock that is held means that the object is in use; the collector will come again.
        if let Ok(handlers) = self.handlers.try_lock() {
            handlers.all().try_for_each(|handler| visit.call(&handler.callable))?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let handlers = self.handlers.try_lock().map(|mut handlers| std::mem::take(&mut *handlers));
        drop(handlers);
    }
}

impl PySession {
    pub(crate) fn id(&self) -> u64 {
        self.net.id()
    }

    /// Takes one delivery to whom it concerns.
    pub(crate) fn deliver(&self, slf: &Bound<'_, Self>, hub: &PyHub, delivery: Delivery) -> PyResult<()> {
        let py = slf.py();
        let result = match delivery.item {
            Item::Event(event) => self.deliver_event(slf, event, delivery.weight),
            Item::Settled(settled) => self.deliver_settled(py, settled),
            Item::Sent(text) => self.deliver_sent(slf, text),
            Item::Connected(session_id) => self.tell(py, "_connected", (session_id,)),
            Item::ConnectFailed(failure) => {
                let error = connect_failure(py, &failure, &lock(&self.secrets).clone())?;
                self.tell(py, "_connect_failed", (error,))
            }
            Item::Ended(abandoned) => {
                hub.forget(self.id());
                self.queues().iter().for_each(|queue| queue.end());
                self.tell(py, "_ended", (abandoned,))
            }
        };
        if delivery.weight > 0 {
            self.net.release(delivery.weight);
        }
        result
    }

    /// Ends the session where a delivery failed. User code is caught where it is called: what gets here is a defect of
    /// ours, or a KeyboardInterrupt or SystemExit, which goes on to the event loop.
    pub(crate) fn fail(&self, slf: &Bound<'_, Self>, error: PyErr) -> PyResult<()> {
        let py = slf.py();
        if !error.is_instance_of::<pyo3::exceptions::PyException>(py) {
            return Err(error);
        }
        drop(self.net.close());
        let internal = exception(py, "InternalError", (format!("event could not be delivered: {error}"),), &[])?;
        internal.setattr("__cause__", error.into_value(py))?;
        Self::report(slf, internal, true)
    }

    pub(crate) fn wake_iterators(&self, py: Python<'_>) -> PyResult<()> {
        self.queues().iter().try_for_each(|queue| queue.wake(py))
    }

    fn deliver_event(&self, slf: &Bound<'_, Self>, event: Box<Event>, weight: usize) -> PyResult<()> {
        let (py, kind) = (slf.py(), event.kind());
        let handlers = Arc::clone(&lock(&self.handlers));
        let (neutral, wire) = (handlers.neutral(kind), handlers.of_wire(&event));
        if neutral.is_empty() && wire.is_empty() && kind != Kind::Usage {
            return self.enqueue(kind, weight, Queued::Lazy(event));
        }
        let wire_event = if wire.is_empty() { None } else { Some(event::build(py, wire_view(&event))?) };
        let made = event::build(py, *event)?;
        if kind == Kind::Usage {
            self.tell(py, "_used", (&made,))?;
        }
        self.fire_both(slf, neutral, &made, &wire, wire_event.as_ref())?;
        self.enqueue(kind, weight, Queued::Made(made))
    }

    /// Calls the handlers of the neutral event and those of its wire name, in the order of their registration.
    fn fire_both(
        &self,
        slf: &Bound<'_, Self>,
        neutral: &[Arc<Handler>],
        made: &Py<PyAny>,
        wire: &[Arc<Handler>],
        wire_event: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let (mut neutral, mut wire) = (neutral.iter().peekable(), wire.iter().peekable());
        loop {
            let is_wire = match (neutral.peek(), wire.peek()) {
                (Some(neutral), Some(wire)) => wire.token < neutral.token,
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (None, None) => return Ok(()),
            };
            let (handler, event) = if is_wire { (wire.next(), wire_event) } else { (neutral.next(), Some(made)) };
            if let (Some(handler), Some(event)) = (handler, event) {
                self.call(slf, handler, event)?;
            }
        }
    }

    fn fire_neutral(&self, slf: &Bound<'_, Self>, kind: Kind, event: &Py<PyAny>) -> PyResult<()> {
        let handlers = Arc::clone(&lock(&self.handlers));
        handlers.neutral(kind).iter().try_for_each(|handler| self.call(slf, handler, event))
    }

    /// Calls one handler; what it raises goes to the owner, the other handlers still run.
    fn call(&self, slf: &Bound<'_, Self>, handler: &Handler, event: &Py<PyAny>) -> PyResult<()> {
        if !handler.is_active() {
            return Ok(());
        }
        let py = slf.py();
        match handler.callable.call1(py, (event,)) {
            Ok(_) => Ok(()),
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyException>(py) => {
                self.tell(py, "_handler_failed", (&handler.callable, event, error))
            }
            // KeyboardInterrupt and SystemExit are for the event loop.
            Err(error) => Err(error),
        }
    }

    fn deliver_settled(&self, py: Python<'_>, settled: Settled) -> PyResult<()> {
        let Settled { receipt, outcome } = settled;
        match outcome {
            Outcome::Acknowledged(event) => self.tell(py, "_settled", (receipt, event::build(py, *event)?, py.None())),
            Outcome::Done => self.tell(py, "_settled", (receipt, py.None(), py.None())),
            Outcome::Failed(error) => self.tell(py, "_settled", (receipt, py.None(), from_error(py, &error)?)),
        }
    }

    fn deliver_sent(&self, slf: &Bound<'_, Self>, text: bytes::Bytes) -> PyResult<()> {
        let Some(view) = sent_view(text, Instant::now()) else { return Ok(()) };
        let handlers = Arc::clone(&lock(&self.handlers));
        let found = handlers.of_sent(view.resolve(&view.wire_type).unwrap_or_default());
        if found.is_empty() {
            return Ok(());
        }
        let event = event::build(slf.py(), view)?;
        found.iter().try_for_each(|handler| self.call(slf, handler, &event))
    }

    /// Appends an event to every iterator that wants it; makes its Python object only where several do.
    fn enqueue(&self, kind: Kind, weight: usize, queued: Queued) -> PyResult<()> {
        let mut queues = self.queues();
        queues.retain(|queue| queue.wants(kind));
        let Some(last) = queues.pop() else { return Ok(()) };
        if queues.is_empty() {
            last.push(queued, weight);
            return Ok(());
        }
        Python::attach(|py| {
            let made = match queued {
                Queued::Made(made) => made,
                Queued::Lazy(event) => event::build(py, *event)?,
            };
            for queue in &queues {
                queue.push(Queued::Made(made.clone_ref(py)), weight);
            }
            last.push(Queued::Made(made), weight);
            Ok(())
        })
    }

    fn queues(&self) -> Vec<Arc<Queue>> {
        let mut queues: Vec<_> = lock(&self.main).iter().cloned().collect();
        queues.extend(lock(&self.others).iter().filter_map(Weak::upgrade));
        queues
    }

    fn change_handlers(&self, change: impl FnOnce(&mut Handlers)) {
        let mut current = lock(&self.handlers);
        let mut handlers = Handlers::clone(&current);
        change(&mut handlers);
        self.net.observe(handlers.observes_sent());
        let old = std::mem::replace(&mut *current, Arc::new(handlers));
        drop(current);
        // Callables may run code when they go: not under the lock.
        drop(old);
    }

    fn tell<'py>(&self, py: Python<'py>, method: &str, args: impl pyo3::call::PyCallArgs<'py>) -> PyResult<()> {
        match self.owner.bind(py).upgrade() {
            Some(owner) => owner.call_method1(method, args).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl Drop for PySession {
    fn drop(&mut self) {
        // Nobody can hear of the rest.
        let _ = self.net.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these protect is replaced or appended to in one step: a panic leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The filter of an iterator: the named kinds, or all that are not for wire handlers alone.
fn filter(kinds: Option<&[String]>) -> u64 {
    match kinds {
        Some(kinds) if !kinds.is_empty() => kinds.iter().filter_map(|name| Kind::named(name)).map(Kind::bit).sum(),
        _ => !Kind::Wire.bit(),
    }
}

/// Six characters that differ from process to process and from session to session.
fn random_prefix() -> String {
    use std::hash::{BuildHasher, Hasher};
    let mut number = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let mut prefix = String::new();
    for _ in 0..6 {
        prefix.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
    }
    prefix + "_"
}
