//! The Python side of a session: commands and audio in, deliveries out to handlers, iterators and the owner.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};
use voicewire_audio::codec::Codec;
use voicewire_net::session::Plan;
use voicewire_net::Session;
use voicewire_proto::{AudioEncoder, Body, Command, CommandId, Error, Event, Kind, Secrets, Service};

use crate::conversation::ConversationStore;
use crate::dialects::{self, read_service, Common};
use crate::dispatch::{Handler, Handlers};
use crate::endpoint::{parse, read_endpoint, read_limits, read_reconnect, read_timeouts, target};
use crate::errors::{config_error, send_error, start_error};
use crate::event::{self, PyEvent};
use crate::event_classes::ErrorEvent;
use crate::format_changes::FormatChanges;
use crate::hub::PyHub;
use crate::iterator::{filter, EventIterator, Queue, Queued};
use crate::memory::Memory;
use crate::request::{read_command, read_config, read_topic};
use crate::samples;
use crate::uplink::Uplink;

/// Audio that is resampled and encoded without letting other Python threads run, samples.
const BRIEF: usize = 24_000;

/// One session, owned by a client.
#[pyclass(frozen, weakref, name = "Session", module = "voicewire._voicewire")]
pub struct PySession {
    pub(crate) net: Session,
    pub(crate) owner: Py<PyWeakrefReference>,
    pub(crate) handlers: Mutex<Arc<Handlers>>,
    /// The iterator that collects from `begin` on.
    pub(crate) main: Mutex<Option<Arc<Queue>>>,
    /// Iterators that users made; they die with their last reference.
    pub(crate) others: Mutex<Vec<Weak<Queue>>>,
    pub(crate) memory: Memory,
    /// Whether the owner wants to hear what changes in the conversation.
    pub(crate) tells_changes: AtomicBool,
    /// Whether the owner knows if a turn goes on.
    pub(crate) consults: AtomicBool,
    uplink: Mutex<Uplink>,
    /// What the session speaks, from `begin` on.
    service: Mutex<Option<Service>>,
    formats: Mutex<FormatChanges>,
    pub(crate) secrets: Mutex<Secrets>,
    next_token: AtomicU64,
    next_receipt: AtomicU64,
    prefix: String,
}

#[pymethods]
impl PySession {
    /// `owner` is told of receipts, the start and the end; it is held weakly.
    #[new]
    #[pyo3(signature = (owner, limits, retain_audio_s=0.0))]
    fn new(owner: &Bound<'_, PyAny>, limits: &str, retain_audio_s: f64) -> PyResult<Self> {
        Ok(Self {
            net: Session::new(read_limits(&parse(limits))),
            owner: PyWeakrefReference::new(owner)?.unbind(),
            handlers: Mutex::default(),
            main: Mutex::default(),
            others: Mutex::default(),
            memory: Memory::new(retain_audio_s),
            tells_changes: AtomicBool::new(false),
            consults: AtomicBool::new(false),
            uplink: Mutex::default(),
            service: Mutex::default(),
            formats: Mutex::default(),
            secrets: Mutex::default(),
            next_token: AtomicU64::new(1),
            next_receipt: AtomicU64::new(1),
            prefix: random_prefix(),
        })
    }

    /// Begins to connect: from here on commands and audio are kept for the session to come, which speaks `dialect`.
    fn begin(&self, py: Python<'_>, dialect: &str, config: &str) -> PyResult<()> {
        let service = read_service(dialect);
        let encoder = service.audio_encoder(&read_config(py, config)?);
        self.net.begin(encoder).map_err(|error| start_error(py, &error))?;
        self.memory.begin(encoder.sample_rate);
        *lock(&self.uplink) = Uplink::default();
        *lock(&self.service) = Some(service);
        *lock(&self.formats) = FormatChanges::default();
        let main = Arc::new(Queue::new(self.net.clone(), filter(None), false));
        let old = lock(&self.main).replace(main);
        drop(old);
        Ok(())
    }

    /// Gives up what `begin` began: iterators end. Returns receipts of commands that will never be written.
    fn abort(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        let abandoned = self.net.abort();
        self.queues().iter().for_each(|queue| queue.end());
        self.wake_iterators(py)?;
        Ok(abandoned)
    }

    /// Connects in the background, behind `begin`.
    fn connect(slf: &Bound<'_, Self>, hub: &Bound<'_, PyHub>, options: &str, config: &str) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let options = parse(options);
        let endpoint = read_endpoint(&options).map_err(|error| config_error(py, &error))?;
        let config = read_config(py, config)?;
        let (timeouts, ack_timeout) = read_timeouts(&options["timeouts"]);
        *lock(&this.secrets) = endpoint.secrets.clone();
        let common = Common {
            ack_timeout,
            secrets: endpoint.secrets.clone(),
            max_depth: this.net.limits().json_depth,
            id_prefix: format!("{}{}_", this.prefix, this.next_receipt.fetch_add(1, Ordering::Relaxed)),
            retained: this.memory.retains().then(|| Arc::clone(&this.memory.conversation)),
        };
        let service = read_service(options["dialect"].as_str().unwrap_or_default());
        let plan = Plan {
            target: target(&endpoint, &options, this.net.limits().max_message_bytes),
            timeouts,
            reconnect: read_reconnect(&options["reconnect"]),
            renews: options["renews"].as_bool().unwrap_or_default(),
            secrets: endpoint.secrets.clone(),
            output_sample_rate: options["output_sample_rate"].as_u64().and_then(|rate| u32::try_from(rate).ok()),
            inbox: Arc::clone(&hub.get().inbox),
            inline: hub.get().inline.clone(),
            protocol: dialects::protocol(service, &options, config, common),
        };
        hub.get().add(slf)?;
        this.net.start(plan).map_err(|error| start_error(py, &error))
    }

    /// Takes the connection options of the next connection, with a fresh key: the answer to `_key_wanted`.
    fn renew(&self, py: Python<'_>, options: &str) -> PyResult<()> {
        let options = parse(options);
        let endpoint = read_endpoint(&options).map_err(|error| config_error(py, &error))?;
        lock(&self.secrets).extend(&endpoint.secrets);
        let target = target(&endpoint, &options, self.net.limits().max_message_bytes);
        self.net.renew(target, endpoint.secrets);
        Ok(())
    }

    /// Says that there is no key for the next connection; `is_final` where there will be none.
    fn renewal_failed(&self, message: String, is_final: bool) {
        self.net.renewal_failed(message, is_final);
    }

    /// Appends a command; returns the number of its receipt and its `event_id`.
    #[pyo3(signature = (kind, payload="{}"))]
    fn command(&self, py: Python<'_>, kind: &str, payload: &str) -> PyResult<(u64, String)> {
        let command = read_command(py, kind, parse(payload))?;
        if matches!(command, Command::CommitAudio) {
            let flush = |uplink: &mut Uplink| uplink.flush(&self.net, &self.memory);
            self.with_uplink(py, true, flush).map_err(|error| send_error(py, &error))?;
        }
        let receipt = self.next_receipt.fetch_add(1, Ordering::Relaxed);
        let event_id = match &command {
            // A user who names his own message finds the name in errors.
            Command::Raw { payload, .. } => payload.get("event_id").and_then(|id| id.as_str()).map(str::to_owned),
            _ => None,
        };
        let event_id = event_id.unwrap_or_else(|| format!("evt_{}{receipt}", self.prefix));
        let id = CommandId { receipt, event_id: event_id.clone() };
        let closes_turn = command.closes_turn();
        match self.encoder_after(&command) {
            None => self.net.send(command, id),
            Some(encoder) => self.with_uplink(py, true, |uplink| {
                // What was sent before goes out as it was asked for then, and nothing comes in between.
                uplink.flush(&self.net, &self.memory)?;
                self.net.send(command, id)?;
                lock(&self.formats).begin(receipt, self.net.audio_encoder());
                self.net.change_encoder(encoder);
                Ok(())
            }),
        }
        .map_err(|error| send_error(py, &error))?;
        if let Some(committed) = closes_turn {
            self.memory.closed_turn(committed, receipt);
        }
        Ok((receipt, event_id))
    }

    /// Sends audio; see `RealtimeClient.send_audio`.
    #[pyo3(signature = (samples, sample_rate=None, encoding=None))]
    fn send_audio(
        &self,
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        sample_rate: Option<i64>,
        encoding: Option<&str>,
    ) -> PyResult<()> {
        if let Some(Codec::G711(law)) = samples::encoding(encoding, sample_rate)? {
            let bytes = samples::bytes(samples, "samples")?;
            let send = |uplink: &mut Uplink| uplink.send_g711(&self.net, &self.memory, &bytes, law);
            return self.with_uplink(py, bytes.len() <= BRIEF, send).map_err(|error| error.raise(py));
        }
        let mut input = Vec::new();
        samples::read(samples, "samples", &mut input)?;
        let sample_rate = sample_rate.map(|rate| samples::rate(rate, "sample_rate")).transpose()?;
        let send = |uplink: &mut Uplink| uplink.send(&self.net, &self.memory, &input, sample_rate);
        self.with_uplink(py, input.len() <= BRIEF, send).map_err(|error| error.raise(py))
    }

    /// The items of the conversation.
    fn conversation(&self) -> ConversationStore {
        ConversationStore { inner: Arc::clone(&self.memory.conversation) }
    }

    /// Whether `_conversed` of the owner is called with each change of the conversation.
    fn tell_changes(&self, on: bool) {
        self.tells_changes.store(on, Ordering::SeqCst);
    }

    /// Whether `_answering` of the owner is asked for each ended response.
    fn consult_turns(&self, on: bool) {
        self.consults.store(on, Ordering::SeqCst);
    }

    /// Milliseconds of audio sent since the last commit or clear.
    fn uncommitted_ms(&self) -> f64 {
        self.memory.uncommitted_ms()
    }

    /// JSON of the message with the session object that the server told last, or None.
    fn session_message(&self) -> Option<String> {
        self.memory.session().map(|message| String::from_utf8_lossy(message.as_bytes()).into_owned())
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

    /// The iterator that collects from `begin` on; None before the first.
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
    pub(crate) fn report(slf: &Bound<'_, Self>, error: Bound<'_, PyAny>, fatal: bool) -> PyResult<()> {
        let body = Body::Error { error: Box::new(Error::Internal(String::new())), fatal };
        let base = PyEvent::with_detail(Event::ours(body, Instant::now()), error);
        let event = Py::new(slf.py(), (ErrorEvent {}, base))?.into_any();
        Self::tell_all(slf, Kind::Error, event)
    }

    /// Delivers a `Closed` of our own making, for a session that did not come about.
    fn report_closed(slf: &Bound<'_, Self>, code: u16, reason: &str, clean: bool) -> PyResult<()> {
        let body = Body::Closed { code, reason: reason.into(), clean };
        let event = event::build(slf.py(), Event::ours(body, Instant::now()))?;
        Self::tell_all(slf, Kind::Closed, event)
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

    /// Takes an event of our own making to handlers and iterators.
    fn tell_all(slf: &Bound<'_, Self>, kind: Kind, event: Py<PyAny>) -> PyResult<()> {
        slf.get().fire_neutral(slf, kind, &event)?;
        slf.get().enqueue(kind, 256, Queued::Made(event), false)?;
        slf.get().wake_iterators(slf.py())
    }

    /// Works with the uplink, without holding up other Python threads where it is in use or the work is long.
    fn with_uplink<T: Send>(&self, py: Python<'_>, is_brief: bool, work: impl FnOnce(&mut Uplink) -> T + Send) -> T {
        if is_brief {
            if let Ok(mut uplink) = self.uplink.try_lock() {
                return work(&mut uplink);
            }
        }
        py.detach(|| work(&mut lock(&self.uplink)))
    }

    /// The service took a change of the input format.
    pub(crate) fn format_taken(&self, receipt: u64) {
        lock(&self.formats).taken(receipt);
    }

    /// The service refused one: audio is encoded as it was before.
    pub(crate) fn format_refused(&self, receipt: u64) {
        let mut formats = lock(&self.formats);
        if let Some(before) = formats.refused(receipt) {
            self.net.change_encoder(before);
        }
    }

    /// How audio is to be encoded behind a command that changes it.
    fn encoder_after(&self, command: &Command) -> Option<AudioEncoder> {
        let Command::UpdateSession(changes) = command else { return None };
        changes.get("input_format")?;
        Some(lock(&self.service).as_ref()?.audio_encoder(changes))
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
}

impl Drop for PySession {
    fn drop(&mut self) {
        // Nobody can hear of the rest.
        let _ = self.net.close();
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these protect is replaced or appended to in one step: a panic leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
