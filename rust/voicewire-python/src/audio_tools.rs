//! `vw.audio`: the ring, the chunker, the pre-roll and the speech gate.

use std::sync::Mutex;

use numpy::PyArray1;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use voicewire_audio::chunk::Chunker;
use voicewire_audio::ring::{ring, Overflow, RingReader, RingWriter};
use voicewire_audio::speech::{GateSettings, SpeechGate};
use voicewire_audio::tape::Tape;

use crate::errors::poisoned;
use crate::samples;

type Samples<'py> = Bound<'py, PyArray1<i16>>;

/// Ten minutes.
const LONGEST_MS: f64 = 600_000.0;

/// Copy audio, anything that `send_audio` takes, as int16; `name` is the argument that errors tell of.
#[pyfunction]
#[pyo3(signature = (samples, name="samples"))]
pub(crate) fn copy_samples<'py>(py: Python<'py>, samples: &Bound<'py, PyAny>, name: &str) -> PyResult<Samples<'py>> {
    let mut copied = Vec::new();
    samples::read(samples, name, &mut copied)?;
    Ok(PyArray1::from_vec(py, copied))
}

/// Bounded ring between one writing thread, such as a sound card's callback, and readers.
#[pyclass(frozen, name = "AudioRing", module = "voicewire.audio")]
pub struct PyAudioRing {
    // Never waited for: whoever finds it taken gets an error.
    writer: Mutex<(RingWriter, Vec<i16>)>,
    reader: RingReader,
}

#[pymethods]
impl PyAudioRing {
    #[new]
    #[pyo3(signature = (capacity_ms=1000.0, sample_rate=24_000, overflow="drop_oldest"))]
    fn new(capacity_ms: f64, sample_rate: i64, overflow: &str) -> PyResult<Self> {
        let rate = samples::rate(sample_rate, "sample_rate")?;
        let capacity = count(rate, capacity_ms, "capacity_ms")?;
        let (writer, reader) = ring(capacity, policy(overflow)?);
        Ok(Self { writer: Mutex::new((writer, Vec::with_capacity(capacity))), reader })
    }

    /// Write samples; returns how many of them are in the ring.
    fn write(&self, samples: &Bound<'_, PyAny>) -> PyResult<usize> {
        let Ok(mut held) = self.writer.try_lock() else {
            return Err(PyRuntimeError::new_err("the ring is being written by another thread"));
        };
        let (writer, copied) = &mut *held;
        copied.clear();
        if !copy_plain(samples, copied)? {
            samples::read(samples, "samples", copied)?;
        }
        Ok(writer.write(copied))
    }

    /// Take up to `n` of the oldest samples, all by default.
    #[pyo3(signature = (n=None))]
    fn read<'py>(&self, py: Python<'py>, n: Option<i64>) -> PyResult<Samples<'py>> {
        let wanted = n.map(|n| natural(n, "n")).transpose()?.unwrap_or(usize::MAX);
        let mut output = vec![0; wanted.min(self.reader.available())];
        let taken = self.reader.read(&mut output);
        output.truncate(taken);
        Ok(PyArray1::from_vec(py, output))
    }

    /// Forget what is in the ring; returns how many samples that were.
    fn clear(&self) -> usize {
        self.reader.clear()
    }

    /// Samples that can be read.
    #[getter]
    fn available(&self) -> usize {
        self.reader.available()
    }

    /// Samples that there is room for.
    #[getter]
    fn capacity(&self) -> usize {
        self.reader.capacity()
    }

    /// Counters, in samples, and chunks refused.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.reader.stats();
        let counters = PyDict::new(py);
        for (name, value) in [
            ("written", stats.written),
            ("read", stats.read),
            ("cleared", stats.cleared),
            ("dropped", stats.dropped),
            ("refused", stats.refused),
            ("available", stats.available),
        ] {
            counters.set_item(name, value)?;
        }
        Ok(counters)
    }
}

/// Cuts a stream into chunks of one length.
#[pyclass(frozen, name = "Chunker", module = "voicewire.audio")]
pub struct PyChunker {
    inner: Mutex<Chunker>,
}

#[pymethods]
impl PyChunker {
    #[new]
    #[pyo3(signature = (sample_rate, chunk_ms=20.0))]
    fn new(sample_rate: i64, chunk_ms: f64) -> PyResult<Self> {
        let size = count(samples::rate(sample_rate, "sample_rate")?, chunk_ms, "chunk_ms")?;
        Ok(Self { inner: Mutex::new(Chunker::new(size)) })
    }

    /// Take a piece; returns the chunks that are complete.
    fn process<'py>(&self, py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Vec<Samples<'py>>> {
        let (mut input, mut output) = (Vec::new(), Vec::new());
        samples::read(samples, "samples", &mut input)?;
        let mut chunker = self.inner.lock().map_err(|_| poisoned())?;
        chunker.process(&input, &mut output);
        Ok(output.chunks(chunker.size()).map(|chunk| PyArray1::from_slice(py, chunk)).collect())
    }

    /// End the stream; returns the rest.
    #[pyo3(signature = (*, pad=false))]
    fn flush<'py>(&self, py: Python<'py>, pad: bool) -> PyResult<Samples<'py>> {
        let mut chunker = self.inner.lock().map_err(|_| poisoned())?;
        let mut rest = chunker.flush();
        if pad && !rest.is_empty() {
            rest.resize(chunker.size(), 0);
        }
        Ok(PyArray1::from_vec(py, rest))
    }

    /// Forget what waits for its chunk to be complete.
    fn reset(&self) -> PyResult<()> {
        self.inner.lock().map_err(|_| poisoned())?.reset();
        Ok(())
    }

    /// Samples of a chunk.
    #[getter]
    fn chunk_size(&self) -> PyResult<usize> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.size())
    }

    /// Samples that wait for their chunk to be complete.
    #[getter]
    fn waiting(&self) -> PyResult<usize> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.waiting())
    }
}

/// Keeps the newest samples of a stream, for what was said before somebody noticed.
#[pyclass(frozen, name = "PreRoll", module = "voicewire.audio")]
pub struct PyPreRoll {
    inner: Mutex<Tape>,
    capacity: usize,
}

#[pymethods]
impl PyPreRoll {
    #[new]
    fn new(ms: f64, sample_rate: i64) -> PyResult<Self> {
        let capacity = count(samples::rate(sample_rate, "sample_rate")?, ms, "ms")?;
        Ok(Self { inner: Mutex::new(Tape::new(capacity)), capacity })
    }

    /// Append samples; the oldest go.
    fn write(&self, samples: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut input = Vec::new();
        samples::read(samples, "samples", &mut input)?;
        self.inner.lock().map_err(|_| poisoned())?.push(&input);
        Ok(())
    }

    /// Take out what is kept, oldest first.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Samples<'py>> {
        let kept = self.inner.lock().map_err(|_| poisoned())?.take();
        Ok(PyArray1::from_vec(py, kept))
    }

    /// Forget what is kept.
    fn clear(&self) -> PyResult<()> {
        self.inner.lock().map_err(|_| poisoned())?.take();
        Ok(())
    }

    /// Samples that are kept.
    #[getter]
    fn available(&self) -> PyResult<usize> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.len())
    }

    /// Samples that there is room for.
    #[getter]
    fn capacity(&self) -> usize {
        self.capacity
    }
}

/// Lets speech through and holds back what is none.
#[pyclass(frozen, name = "SpeechGate", module = "voicewire.audio")]
pub struct PySpeechGate {
    inner: Mutex<SpeechGate>,
}

#[pymethods]
impl PySpeechGate {
    #[new]
    #[pyo3(signature = (sample_rate, *, threshold_db=9.0, attack_ms=30.0, hangover_ms=700.0, pre_roll_ms=300.0))]
    fn new(sample_rate: i64, threshold_db: f64, attack_ms: f64, hangover_ms: f64, pre_roll_ms: f64) -> PyResult<Self> {
        if !(0.0..=60.0).contains(&threshold_db) {
            return Err(PyValueError::new_err(format!("threshold_db is not within 0..60 dB: {threshold_db}")));
        }
        let settings = GateSettings {
            sample_rate: samples::rate(sample_rate, "sample_rate")?,
            threshold_db,
            attack_ms: time(attack_ms, "attack_ms")?,
            hangover_ms: time(hangover_ms, "hangover_ms")?,
            pre_roll_ms: time(pre_roll_ms, "pre_roll_ms")?,
        };
        Ok(Self { inner: Mutex::new(SpeechGate::new(settings)) })
    }

    /// Take a chunk; returns what is let through, empty while nobody speaks.
    fn process<'py>(&self, py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Samples<'py>> {
        let mut input = Vec::new();
        samples::read(samples, "samples", &mut input)?;
        self.run(py, |gate, output| gate.process(&input, output))
    }

    /// End the stream; returns the last samples if the gate is open, closes it and forgets the room.
    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Samples<'py>> {
        self.run(py, SpeechGate::flush)
    }

    /// Close the gate, forget the stream and the room.
    fn reset(&self) -> PyResult<()> {
        self.inner.lock().map_err(|_| poisoned())?.reset();
        Ok(())
    }

    /// Whether the gate is open.
    #[getter]
    fn is_speech(&self) -> PyResult<bool> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.is_speech())
    }

    /// Noise floor, in dB of full scale.
    #[getter]
    fn floor_db(&self) -> PyResult<f64> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.floor_db())
    }
}

impl PySpeechGate {
    fn run<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut SpeechGate, &mut Vec<i16>) + Send,
    ) -> PyResult<Samples<'py>> {
        let output = py.detach(|| {
            let mut output = Vec::new();
            work(&mut *self.inner.lock().map_err(|_| ())?, &mut output);
            Ok(output)
        });
        output.map(|output| PyArray1::from_vec(py, output)).map_err(|()| poisoned())
    }
}

/// Copies plain int16 and bytes; false for all else. Nothing is allocated while they fit into `copied`.
fn copy_plain(value: &Bound<'_, PyAny>, copied: &mut Vec<i16>) -> PyResult<bool> {
    let py = value.py();
    let Ok(buffer) = PyUntypedBuffer::get(value) else { return Ok(false) };
    let is_foreign = buffer.format().to_bytes().first().is_some_and(|first| b"<>!".contains(first));
    if buffer.dimensions() != 1 || is_foreign {
        return Ok(false);
    }
    if let Ok(typed) = buffer.as_typed::<i16>() {
        copied.resize(typed.item_count(), 0);
        typed.copy_to_slice(py, copied)?;
        return Ok(true);
    }
    let is_array = value.hasattr("dtype")?;
    match buffer.as_typed::<u8>() {
        Ok(typed) if !is_array && typed.item_count() % 2 == 0 => {
            copied.resize(typed.item_count() / 2, 0);
            typed.copy_to_slice(py, bytemuck::cast_slice_mut(copied))?;
            copied.iter_mut().for_each(|sample| *sample = i16::from_le(*sample));
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn policy(overflow: &str) -> PyResult<Overflow> {
    match overflow {
        "drop_oldest" => Ok(Overflow::DropOldest),
        "drop_newest" => Ok(Overflow::DropNewest),
        "refuse" => Ok(Overflow::Refuse),
        _ => {
            Err(PyValueError::new_err(format!("overflow is not one of drop_oldest, drop_newest, refuse: {overflow:?}")))
        }
    }
}

/// Samples of a time, at least one.
fn count(rate: u32, ms: f64, name: &str) -> PyResult<usize> {
    let samples = (ms * f64::from(rate) / 1000.0).round();
    if samples >= 1.0 && ms <= LONGEST_MS {
        return Ok(samples as usize);
    }
    Err(PyValueError::new_err(format!("{name} is not within one sample..{LONGEST_MS} ms: {ms}")))
}

/// A time in whole ms.
fn time(ms: f64, name: &str) -> PyResult<u32> {
    if (0.0..=LONGEST_MS).contains(&ms) {
        return Ok(ms.round() as u32);
    }
    Err(PyValueError::new_err(format!("{name} is not within 0..{LONGEST_MS} ms: {ms}")))
}

fn natural(value: i64, name: &str) -> PyResult<usize> {
    usize::try_from(value).map_err(|_| PyValueError::new_err(format!("{name} is negative: {value}")))
}
