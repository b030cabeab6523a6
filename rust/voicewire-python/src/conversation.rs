//! Items of the conversation for Python: they live in the core, words become strings when they are read.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::PyArray1;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use voicewire_proto::conversation::{lock, SharedItem};
use voicewire_proto::Conversation;

use crate::event::json_object;

/// The items of a session, shared with it.
#[pyclass(frozen, module = "voicewire._voicewire")]
pub struct ConversationStore {
    pub(crate) inner: Arc<Mutex<Conversation>>,
}

#[pymethods]
impl ConversationStore {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::default() }
    }

    /// All items, in order.
    fn items(&self) -> Vec<ConversationItem> {
        self.with(|conversation| conversation.items()).into_iter().map(ConversationItem::new).collect()
    }

    /// The item with that id, or None.
    fn item(&self, id: &str) -> Option<ConversationItem> {
        self.with(|conversation| conversation.item(id)).map(ConversationItem::new)
    }

    /// Forgets all items.
    fn clear(&self) {
        self.with(Conversation::clear);
    }

    /// Items that were forgotten for want of room.
    fn forgotten(&self) -> u64 {
        self.with(|conversation| conversation.forgotten())
    }
}

impl ConversationStore {
    fn with<T>(&self, work: impl FnOnce(&mut Conversation) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An item of the conversation: a live view, which shows what is known when it is read.
#[pyclass(frozen, module = "voicewire")]
pub struct ConversationItem {
    item: SharedItem,
}

impl ConversationItem {
    pub(crate) fn new(item: SharedItem) -> Self {
        Self { item }
    }
}

#[pymethods]
impl ConversationItem {
    /// The provider's id.
    #[getter]
    fn id(&self) -> String {
        lock(&self.item).id.clone()
    }

    /// "message", "function_call", "function_call_output", "mcp_call", …
    #[getter]
    fn r#type(&self) -> String {
        lock(&self.item).kind.clone()
    }

    /// "user", "assistant" or "system"; None for calls.
    #[getter]
    fn role(&self) -> Option<String> {
        lock(&self.item).role.clone()
    }

    /// "in_progress", "completed" or "incomplete"; None where the server does not tell.
    #[getter]
    fn status(&self) -> Option<String> {
        lock(&self.item).status.clone()
    }

    /// Written words so far.
    #[getter]
    fn text(&self) -> String {
        lock(&self.item).text.clone()
    }

    /// Spoken words so far; empty once the item was truncated, as at the server.
    #[getter]
    fn transcript(&self) -> String {
        lock(&self.item).transcript.clone()
    }

    /// Whether the item is spoken.
    #[getter]
    fn has_audio(&self) -> bool {
        lock(&self.item).has_audio
    }

    /// 1-D int16 samples that are kept (`retain_audio_s`), a new array at each access; empty without retention.
    #[getter]
    fn audio<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i16>> {
        let samples: Vec<i16> = lock(&self.item).audio.iter().flatten().copied().collect();
        PyArray1::from_vec(py, samples)
    }

    /// Hz of the audio, 0 before any came.
    #[getter]
    fn sample_rate(&self) -> u32 {
        lock(&self.item).sample_rate
    }

    /// Milliseconds of audio that came, kept or not.
    #[getter]
    fn audio_ms(&self) -> u64 {
        let item = lock(&self.item);
        item.samples * 1000 / u64::from(item.sample_rate.max(1))
    }

    /// Where the audio was cut, in ms, or None.
    #[getter]
    fn truncated_ms(&self) -> Option<u64> {
        lock(&self.item).truncated_ms
    }

    /// Arguments of a call so far, as text; None for other items.
    #[getter]
    fn arguments(&self) -> Option<String> {
        lock(&self.item).arguments.clone()
    }

    /// Output of a call, or None.
    #[getter]
    fn output(&self) -> Option<String> {
        lock(&self.item).output.clone()
    }

    /// Id that ties a call to its output, or None.
    #[getter]
    fn call_id(&self) -> Option<String> {
        lock(&self.item).call_id.clone()
    }

    /// Name of the tool, or None.
    #[getter]
    fn name(&self) -> Option<String> {
        lock(&self.item).name.clone()
    }

    /// The item's JSON as the server told it last, without audio; empty before it was added.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let raw = lock(&self.item).raw.clone();
        json_object(py, if raw.is_empty() { "{}" } else { &raw })
    }

    /// Content parts as the reference client shows them: dicts with type and text or transcript.
    #[getter]
    fn content<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let views = slf.py().import("voicewire.conversation")?;
        views.call_method1("content_of", (slf,))
    }

    /// The same words under the names of the reference client: `formatted.text`, `.transcript`, `.audio`, `.tool`,
    /// `.output`, with attribute and item access.
    #[getter]
    fn formatted<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let views = slf.py().import("voicewire.conversation")?;
        views.getattr("Formatted")?.call1((slf,))
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr(key).map_err(|_| PyKeyError::new_err(key.to_string()))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| Arc::ptr_eq(&self.item, &other.get().item))
    }

    fn __hash__(&self) -> usize {
        Arc::as_ptr(&self.item) as usize
    }

    fn __repr__(&self) -> String {
        let item = lock(&self.item);
        let words = if item.text.is_empty() { &item.transcript } else { &item.text };
        let start: String = words.chars().take(40).collect();
        let role = item.role.as_deref().unwrap_or(&item.kind);
        let status = item.status.as_deref().unwrap_or("?");
        format!("<ConversationItem {} {role} {status} {start:?}>", item.id)
    }
}
