//! Which interpreter of the process the extension serves: the first that loads it. The one file here with `unsafe`.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Interpreter that has loaded the extension; ids begin at 0 and are not used twice.
static LOADED_BY: AtomicI64 = AtomicI64::new(-1);

/// Refuses a second interpreter: classes and caches of PyO3 are statics that belong to one.
pub(crate) fn claim(py: Python<'_>) -> PyResult<()> {
    let current = current(py);
    match LOADED_BY.compare_exchange(-1, current, Ordering::SeqCst, Ordering::SeqCst) {
        Err(other) if other != current => Err(PyImportError::new_err(format!(
            "voicewire serves one interpreter of a process and was loaded by interpreter {other}; this is \
             interpreter {current}: use threads or processes in place of sub-interpreters"
        ))),
        _ => Ok(()),
    }
}

fn current(_attached: Python<'_>) -> i64 {
    // SAFETY: the thread is attached, as the token proves; so there is a current interpreter, and it has an id.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) }
}
