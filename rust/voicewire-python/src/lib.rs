//! The Python boundary: the only crate that names pyo3 and numpy.
#[pyo3::pymodule]
mod _voicewire {}
