//! The class of the model's voice: samples that become an array when somebody looks.

use std::sync::Mutex;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyTuple};
use voicewire_audio::base64;
use voicewire_proto::Body;

use crate::errors::poisoned;
use crate::event::PyEvent;
use crate::event_classes::names;

/// A piece of the model's voice.
#[pyclass(frozen, extends = PyEvent, module = "voicewire")]
pub struct AudioDelta {
    pub(crate) samples: Mutex<Vec<i16>>,
    pub(crate) array: PyOnceLock<Py<PyArray1<i16>>>,
}

#[pymethods]
impl AudioDelta {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &["audio", "sample_rate", "item_id", "response_id", "content_index"])
    }

    /// 1-D int16 array that owns its memory; the same one at each access.
    #[getter]
    fn audio<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i16>>> {
        let array = self.array.get_or_try_init(py, || {
            let samples = std::mem::take(&mut *self.samples.lock().map_err(|_| poisoned())?);
            Ok::<_, PyErr>(PyArray1::from_vec(py, samples).unbind())
        })?;
        Ok(array.bind(py).clone())
    }

    /// The same array as `audio`.
    #[getter]
    fn chunk<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<i16>>> {
        self.audio(py)
    }

    /// The bytes as they came, in the session's output format: G.711 is a byte a sample, PCM16 two, little-endian.
    #[getter]
    fn encoded<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyBytes> {
        let event = &slf.as_super().get().event;
        let text = match &event.body {
            Body::Audio { encoded, .. } => event.resolve(encoded).unwrap_or_default(),
            _ => "",
        };
        // It was decoded once already.
        PyBytes::new(slf.py(), &base64::decode_bytes(text.as_bytes()).unwrap_or_default())
    }

    /// How `encoded` is written: "pcm16", "g711_ulaw" or "g711_alaw".
    #[getter]
    fn encoding(slf: &Bound<'_, Self>) -> &'static str {
        match slf.as_super().get().event.body {
            Body::Audio { codec, .. } => codec.name(),
            _ => "",
        }
    }

    /// What `audio` is, as "audio/pcm;rate=24000".
    #[getter]
    fn mime_type(slf: &Bound<'_, Self>) -> String {
        format!("audio/pcm;rate={}", Self::sample_rate(slf))
    }

    /// Hz.
    #[getter]
    fn sample_rate(slf: &Bound<'_, Self>) -> u32 {
        match slf.as_super().get().event.body {
            Body::Audio { sample_rate, .. } => sample_rate,
            _ => 0,
        }
    }

    /// Content part of the item, or None where the dialect does not tell.
    #[getter]
    fn content_index(slf: &Bound<'_, Self>) -> Option<i64> {
        match slf.as_super().get().event.body {
            Body::Audio { content_index, .. } => content_index,
            _ => None,
        }
    }
}
