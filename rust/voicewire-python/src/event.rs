//! Step "drain → event": the Python object of an event; what costs is made on access.

use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use voicewire_proto::{Body, Event, Text};

use crate::audio_delta::AudioDelta;
use crate::event_classes as classes;

/// Something that was received, in the words that all providers share.
#[pyclass(frozen, subclass, name = "Event", module = "voicewire")]
pub struct PyEvent {
    pub(crate) event: Event,
    weight: usize,
    raw: PyOnceLock<Py<PyAny>>,
    /// The exception of an error event, the usage object of a usage event.
    pub(crate) detail: PyOnceLock<Py<PyAny>>,
}

impl PyEvent {
    pub(crate) fn new(event: Event) -> Self {
        Self { weight: event.weight(), event, raw: PyOnceLock::new(), detail: PyOnceLock::new() }
    }

    /// An event whose error or usage exists already.
    pub(crate) fn with_detail(event: Event, detail: Bound<'_, PyAny>) -> Self {
        let made = Self::new(event);
        // Nobody has seen the object yet, so the cell is empty.
        let _ = made.detail.set(detail.py(), detail.unbind());
        made
    }

    pub(crate) fn string<'py>(&self, py: Python<'py>, text: &Text) -> Option<Bound<'py, PyString>> {
        self.event.resolve(text).map(|text| PyString::new(py, text))
    }

    pub(crate) fn raw_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let raw = self.raw.get_or_try_init(py, || match &self.event.message {
            None => Ok(py.None()),
            Some(message) => {
                let text = String::from_utf8_lossy(message.as_bytes());
                py.import("json")?.call_method1("loads", (text,)).map(Bound::unbind)
            }
        })?;
        Ok(raw.bind(py).clone())
    }
}

#[pymethods]
impl PyEvent {
    /// Neutral name.
    #[getter]
    fn r#type(&self) -> &'static str {
        self.event.kind().name()
    }

    /// The provider's name of it, None for events that we make.
    #[getter]
    fn wire_type<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.string(py, &self.event.wire_type)
    }

    /// The provider's JSON as a dict, parsed at the first access; None for events that we make.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.raw_dict(py)
    }

    /// The provider's id of the event, or None.
    #[getter]
    fn event_id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.string(py, &self.event.event_id)
    }

    /// The item it belongs to, or None where the dialect does not tell.
    #[getter]
    fn item_id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.string(py, &self.event.item_id)
    }

    /// The response it belongs to, or None where the dialect does not tell.
    #[getter]
    fn response_id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        self.string(py, &self.event.response_id)
    }

    /// When it was received on the I/O thread, in seconds of `time.monotonic()`.
    #[getter]
    fn received_at(&self, py: Python<'_>) -> PyResult<f64> {
        monotonic(py, self.event.received_at)
    }

    /// Bytes that it counts for where events wait.
    #[getter]
    fn _weight(&self) -> usize {
        self.weight
    }

    /// Bytes of the message it was made from; 0 for events that we make.
    #[getter]
    fn _size(&self) -> usize {
        self.event.message.as_ref().map_or(0, |message| message.as_bytes().len())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type().name()?;
        let mut parts = Vec::new();
        for field in slf.get_type().getattr("__match_args__")?.try_iter()? {
            let field = field?;
            let name = field.cast::<PyString>()?.to_cow()?.into_owned();
            let value = slf.getattr(name.as_str())?;
            let shown = match (name.as_str(), value.getattr("size")) {
                ("audio", Ok(size)) => format!("<{size} samples>"),
                ("raw", _) => continue,
                _ => shorten(value.repr()?.to_string()),
            };
            parts.push(format!("{name}={shown}"));
        }
        Ok(format!("{class}({})", parts.join(", ")))
    }

    #[classattr]
    fn __match_args__(py: Python<'_>) -> Py<PyTuple> {
        PyTuple::empty(py).unbind()
    }
}

/// Makes the object for `event`, of the class that its body asks for.
pub(crate) fn build(py: Python<'_>, mut event: Event) -> PyResult<Py<PyAny>> {
    let weight = event.weight();
    let samples = match &mut event.body {
        Body::Audio { samples, .. } => Some(std::mem::take(samples)),
        _ => None,
    };
    let base = PyEvent { weight, ..PyEvent::new(event) };
    if let Some(samples) = samples {
        let class = AudioDelta { samples: Mutex::new(samples), array: PyOnceLock::new() };
        return Ok(Py::new(py, (class, base))?.into_any());
    }
    classes::build(py, base)
}

/// A `time.monotonic()` value for an instant of ours.
fn monotonic(py: Python<'_>, at: Instant) -> PyResult<f64> {
    static ANCHOR: OnceLock<(Instant, f64)> = OnceLock::new();
    let (instant, seconds) = match ANCHOR.get() {
        Some(anchor) => *anchor,
        None => {
            let seconds = py.import("time")?.call_method0("monotonic")?.extract()?;
            *ANCHOR.get_or_init(|| (Instant::now(), seconds))
        }
    };
    // Either may be the earlier one; Duration knows no sign.
    let later = at.saturating_duration_since(instant).as_secs_f64();
    let earlier = instant.saturating_duration_since(at).as_secs_f64();
    Ok(seconds + later - earlier)
}

fn shorten(text: String) -> String {
    if text.chars().count() <= 80 {
        return text;
    }
    let start: String = text.chars().take(77).collect();
    format!("{start}...")
}

/// `json.loads` of a string, or an empty dict where it is no JSON object.
pub(crate) fn json_object<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let empty = || PyDict::new(py).into_any();
    match py.import("json")?.call_method1("loads", (text,)) {
        Ok(value) if value.is_instance_of::<PyDict>() => Ok(value),
        _ => Ok(empty()),
    }
}
