//! `vw.audio`: the codecs and the resampler, usable alone.

use std::sync::Mutex;
use std::time::Duration;

use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicewire_audio::dot::Path;
use voicewire_audio::g711::{self, Law};
use voicewire_audio::resample::Resampler;
use voicewire_audio::{base64, pcm16, wav};

use crate::errors::poisoned;
use crate::samples;

type Samples<'py> = Bound<'py, PyArray1<i16>>;

/// Encode samples as base64 of little-endian PCM16, standard alphabet, padded.
#[pyfunction]
pub(crate) fn base64_encode(samples: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut input = Vec::new();
    samples::read(samples, "samples", &mut input)?;
    let mut text = Vec::new();
    base64::encode_pcm16(&input, &mut text);
    String::from_utf8(text).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Decode base64 of little-endian PCM16 to an int16 array that owns its memory.
///
/// Raises `ValueError` for anything but the standard alphabet with padding, and for an odd byte count.
#[pyfunction]
pub(crate) fn base64_decode<'py>(py: Python<'py>, text: &str) -> PyResult<Samples<'py>> {
    let decoded =
        base64::decode_pcm16(text.as_bytes()).map_err(|error| PyValueError::new_err(format!("text is {error}")))?;
    if decoded.odd_byte {
        return Err(PyValueError::new_err(format!("text has an odd byte count: {}", decoded.samples.len() * 2 + 1)));
    }
    Ok(PyArray1::from_vec(py, decoded.samples))
}

/// Encode samples as G.711, a byte for each.
///
/// Raises `ValueError` for a law that is neither "ulaw" nor "alaw".
#[pyfunction]
pub(crate) fn encode_g711<'py>(
    py: Python<'py>,
    samples: &Bound<'py, PyAny>,
    law: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let law = law_of(law)?;
    let mut input = Vec::new();
    samples::read(samples, "samples", &mut input)?;
    let mut output = Vec::new();
    g711::encode(law, &input, &mut output);
    Ok(PyBytes::new(py, &output))
}

/// Decode G.711 to an int16 array that owns its memory.
///
/// Raises `TypeError` where `data` is not bytes-like, `ValueError` for a law that is neither "ulaw" nor "alaw".
#[pyfunction]
pub(crate) fn decode_g711<'py>(py: Python<'py>, data: &Bound<'py, PyAny>, law: &str) -> PyResult<Samples<'py>> {
    let law = law_of(law)?;
    let mut output = Vec::new();
    g711::decode(law, &samples::bytes(data, "data")?, &mut output);
    Ok(PyArray1::from_vec(py, output))
}

/// Convert float samples (−1…1) to int16: ×32768, rounded to nearest even, saturating.
///
/// Raises `ValueError` for NaN.
#[pyfunction]
pub(crate) fn float_to_pcm16<'py>(py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Samples<'py>> {
    let mut output = Vec::new();
    samples::read(samples, "samples", &mut output)?;
    Ok(PyArray1::from_vec(py, output))
}

/// Convert int16 samples to float32: /32768.
#[pyfunction]
pub(crate) fn pcm16_to_float<'py>(py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray1<f32>>> {
    let mut input = Vec::new();
    samples::read(samples, "samples", &mut input)?;
    let mut output = Vec::new();
    pcm16::pcm16_to_float(&input, &mut output);
    Ok(PyArray1::from_vec(py, output))
}

/// Mix interleaved left and right samples: their mean, rounded to nearest even.
#[pyfunction]
pub(crate) fn mix_down<'py>(py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Samples<'py>> {
    let mut input = Vec::new();
    samples::read(samples, "samples", &mut input)?;
    let mut output = Vec::new();
    pcm16::mix_pairs(&input, &mut output);
    Ok(PyArray1::from_vec(py, output))
}

/// Read a WAV file's bytes: mono int16 samples and their rate in Hz.
///
/// Raises `ValueError` where the bytes are no WAV, or of a kind that is not supported, or without samples.
#[pyfunction]
pub(crate) fn read_wav<'py>(py: Python<'py>, data: &[u8]) -> PyResult<(Samples<'py>, u32)> {
    let wav = wav::read_wav(data).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok((PyArray1::from_vec(py, wav.samples), wav.sample_rate))
}

/// Set how the I/O threads work: their number, and for how long an event may wait for company in ms (None: adaptive).
///
/// Raises `RuntimeError` where the threads run already.
#[pyfunction]
#[pyo3(signature = (io_threads=None, wake_latency_ms=None))]
pub(crate) fn configure(io_threads: Option<usize>, wake_latency_ms: Option<f64>) -> PyResult<()> {
    if let Some(count) = io_threads {
        if !voicewire_net::io::configure_threads(count) {
            return Err(pyo3::exceptions::PyRuntimeError::new_err("the I/O threads run already: io_threads"));
        }
    }
    let window = match wake_latency_ms {
        None => voicewire_net::io::DEFAULT_WINDOW,
        Some(ms) => Duration::try_from_secs_f64(ms / 1000.0)
            .map_err(|_| PyValueError::new_err(format!("not a time: wake_latency_ms={ms}")))?,
    };
    voicewire_net::io::configure_window(window);
    Ok(())
}

/// Input that is resampled without letting other Python threads run, samples: some 100 µs of work.
const BRIEF: usize = 4_800;
/// Set to "scalar", resamplers leave the machine's vectors alone: for tests, and to tell a fault of theirs from others.
const PATH_VARIABLE: &str = "VOICEWIRE_RESAMPLER";

/// Changes the sample rate of a stream, chunk by chunk, without clicks at the edges.
#[pyclass(frozen, name = "Resampler", module = "voicewire.audio")]
pub struct PyResampler {
    inner: Mutex<Resampler>,
    /// Room for the next input; taken while Python is asked for it, so that no lock is held then.
    spare: Mutex<Vec<i16>>,
}

#[pymethods]
impl PyResampler {
    /// From one rate to another, in Hz, 4,000 to 192,000 each.
    ///
    /// Raises `ValueError` for a rate out of range.
    #[new]
    fn new(from_rate: i64, to_rate: i64) -> PyResult<Self> {
        let (from_rate, to_rate) = (samples::rate(from_rate, "from_rate")?, samples::rate(to_rate, "to_rate")?);
        let made = Resampler::new(from_rate, to_rate).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let scalar = std::env::var_os(PATH_VARIABLE).is_some_and(|path| path == Path::SCALAR.name());
        let made = if scalar { made.on(Path::SCALAR) } else { made };
        Ok(Self { inner: Mutex::new(made), spare: Mutex::default() })
    }

    /// Take the next chunk; returns what is ready of the output.
    fn process<'py>(&self, py: Python<'py>, samples: &Bound<'py, PyAny>) -> PyResult<Samples<'py>> {
        let mut input = std::mem::take(&mut *self.spare.lock().map_err(|_| poisoned())?);
        input.clear();
        samples::read(samples, "samples", &mut input)?;
        if input.len() > BRIEF {
            return self.run(py, |resampler, output| resampler.process(&input, output));
        }
        let mut output = Vec::new();
        self.inner.lock().map_err(|_| poisoned())?.process(&input, &mut output);
        *self.spare.lock().map_err(|_| poisoned())? = input;
        Ok(PyArray1::from_vec(py, output))
    }

    /// End the stream; returns the rest of the output and begins anew.
    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Samples<'py>> {
        self.run(py, |resampler, output| resampler.flush(output))
    }

    /// Forget the stream so far.
    fn reset(&self) -> PyResult<()> {
        self.inner.lock().map_err(|_| poisoned())?.reset();
        Ok(())
    }

    /// How the sums are formed: "avx2", "neon" or "scalar".
    #[getter]
    fn path(&self) -> PyResult<&'static str> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.path().name())
    }

    /// Seconds by which the output is behind the input.
    #[getter]
    fn delay(&self) -> PyResult<f64> {
        Ok(self.inner.lock().map_err(|_| poisoned())?.delay_seconds())
    }
}

impl PyResampler {
    fn run<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut Resampler, &mut Vec<i16>) + Send,
    ) -> PyResult<Samples<'py>> {
        let output = py.detach(|| {
            let mut output = Vec::new();
            let mut resampler = self.inner.lock().map_err(|_| ())?;
            work(&mut resampler, &mut output);
            Ok(output)
        });
        output.map(|output| PyArray1::from_vec(py, output)).map_err(|()| poisoned())
    }
}

fn law_of(name: &str) -> PyResult<Law> {
    name.parse().map_err(|error| PyValueError::new_err(format!("law is {error}")))
}
