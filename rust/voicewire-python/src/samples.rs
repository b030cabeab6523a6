//! Step "send_audio()": reads what users call audio.

use std::borrow::Cow;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicewire_audio::codec::Codec;
use voicewire_audio::g711;
use voicewire_audio::pcm16;
use voicewire_audio::resample::{MAX_RATE, MIN_RATE};

/// Reads a 1-D int16 or float32 (−1…1) array, or bytes-like int16 little-endian, into `out`.
///
/// # Errors
/// `TypeError` for anything else, `ValueError` for more dimensions, an odd byte count or NaN; `name` is the argument.
pub(crate) fn read(value: &Bound<'_, PyAny>, name: &str, out: &mut Vec<i16>) -> PyResult<()> {
    let py = value.py();
    let Ok(buffer) = PyUntypedBuffer::get(value) else { return read_foreign(value, name, out) };
    if buffer.dimensions() != 1 {
        let dimensions = buffer.dimensions();
        return Err(PyValueError::new_err(format!("{name} is not 1-D: {dimensions} dimensions")));
    }
    // pyo3 takes formats of either byte order.
    let other_order: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
    if buffer.format().to_bytes().first().is_some_and(|first| other_order.contains(first)) {
        return read_foreign(value, name, out);
    }
    if let Ok(samples) = buffer.as_typed::<i16>() {
        return copy(py, samples, out);
    }
    if let Ok(samples) = buffer.as_typed::<f32>() {
        let mut floats = Vec::new();
        copy(py, samples, &mut floats)?;
        return from_floats(&floats, name, out);
    }
    let is_array = value.hasattr("dtype")?;
    match buffer.as_typed::<u8>() {
        Ok(bytes) if !is_array => {
            let mut copied = Vec::new();
            copy(py, bytes, &mut copied)?;
            from_bytes(&copied, name, out)
        }
        _ => read_foreign(value, name, out),
    }
}

/// Reads bytes, a bytes-like object or a 1-D uint8 array: borrowed from bytes, copied from what may change.
///
/// # Errors
/// `TypeError` for anything else, `ValueError` for more dimensions; `name` is the argument.
pub(crate) fn bytes<'a>(value: &'a Bound<'_, PyAny>, name: &str) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    let buffer = PyUntypedBuffer::get(value).ok();
    let Some(bytes) = buffer.as_ref().and_then(|buffer| buffer.as_typed::<u8>().ok()) else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("{name} is not bytes-like: {kind}")));
    };
    if bytes.dimensions() != 1 {
        return Err(PyValueError::new_err(format!("{name} is not 1-D: {} dimensions", bytes.dimensions())));
    }
    let mut copied = Vec::new();
    copy(value.py(), bytes, &mut copied)?;
    Ok(Cow::Owned(copied))
}

/// Reads a sample rate in Hz.
///
/// # Errors
/// `ValueError` for one out of range; `name` is the argument.
pub(crate) fn rate(rate: i64, name: &str) -> PyResult<u32> {
    u32::try_from(rate)
        .ok()
        .filter(|rate| (MIN_RATE..=MAX_RATE).contains(rate))
        .ok_or_else(|| PyValueError::new_err(format!("{name} is not within {MIN_RATE}..{MAX_RATE} Hz: {rate}")))
}

/// Reads the name of an encoding; G.711 has a rate of its own.
///
/// # Errors
/// `ValueError` for an unknown name, and for a rate that the encoding does not have.
pub(crate) fn encoding(encoding: Option<&str>, sample_rate: Option<i64>) -> PyResult<Option<Codec>> {
    let Some(name) = encoding else { return Ok(None) };
    let Some(codec) = Codec::named(name) else {
        let problem = format!("encoding is not one of pcm16, g711_ulaw, g711_alaw: {name:?}");
        return Err(PyValueError::new_err(problem));
    };
    match (codec, sample_rate) {
        (Codec::G711(_), Some(rate)) if rate != i64::from(g711::SAMPLE_RATE) => {
            Err(PyValueError::new_err(format!("sample_rate of {name} is not {} Hz: {rate}", g711::SAMPLE_RATE)))
        }
        _ => Ok(Some(codec)),
    }
}

/// Arrays whose bytes are in the other order; everything else is an error that names what came.
fn read_foreign(value: &Bound<'_, PyAny>, name: &str, out: &mut Vec<i16>) -> PyResult<()> {
    let Ok(dtype) = value.getattr("dtype") else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "{name} is neither an int16 or float32 array nor bytes-like: {kind}"
        )));
    };
    if value.getattr("ndim")?.extract::<usize>()? != 1 {
        return Err(PyValueError::new_err(format!("{name} is not 1-D: {} dimensions", value.getattr("ndim")?)));
    }
    let kind: String = dtype.getattr("kind")?.extract()?;
    let size: usize = dtype.getattr("itemsize")?.extract()?;
    if !matches!((kind.as_str(), size), ("i", 2) | ("f", 4)) {
        return Err(PyTypeError::new_err(format!("{name} is neither int16 nor float32: {dtype}")));
    }
    let native = value.call_method1("astype", (dtype.call_method1("newbyteorder", ("=",))?,))?;
    if native.getattr("dtype")?.getattr("isnative")?.is_truthy()? {
        return read(&native, name, out);
    }
    Err(PyTypeError::new_err(format!("{name} has a byte order that cannot be read: {dtype}")))
}

fn copy<T: pyo3::buffer::Element + Default>(
    py: Python<'_>,
    buffer: &pyo3::buffer::PyBuffer<T>,
    out: &mut Vec<T>,
) -> PyResult<()> {
    let start = out.len();
    out.resize(start + buffer.item_count(), T::default());
    buffer.copy_to_slice(py, &mut out[start..])
}

fn from_floats(floats: &[f32], name: &str, out: &mut Vec<i16>) -> PyResult<()> {
    pcm16::float_to_pcm16(floats, out).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

fn from_bytes(bytes: &[u8], name: &str, out: &mut Vec<i16>) -> PyResult<()> {
    let samples = pcm16::from_le_bytes(bytes).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))?;
    out.extend_from_slice(&samples);
    Ok(())
}
