//! Turns the errors of all layers into the exceptions of `voicewire.exceptions`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::IntoPyObjectExt;
use voicewire_net::session::StartError;
use voicewire_net::{ConnectError, ConnectErrorKind, ConnectFailure, Phase, SendError};
use voicewire_proto::config::ConfigError;
use voicewire_proto::{Error, Secrets, ServerError};

/// An instance of `voicewire.exceptions.<name>`.
pub(crate) fn exception<'py>(
    py: Python<'py>,
    name: &str,
    args: impl pyo3::call::PyCallArgs<'py>,
    fields: &[(&str, Bound<'py, PyAny>)],
) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = PyDict::new(py);
    for (key, value) in fields {
        kwargs.set_item(key, value)?;
    }
    py.import("voicewire.exceptions")?.getattr(name)?.call(args, Some(&kwargs))
}

/// The same, ready to be raised.
fn raised<'py>(made: PyResult<Bound<'py, PyAny>>) -> PyErr {
    made.map_or_else(|error| error, PyErr::from_value)
}

/// `ConfigError` about an option.
pub(crate) fn config_error(py: Python<'_>, error: &ConfigError) -> PyErr {
    let ConfigError { field, value, problem } = error;
    let fields = [("field", any(py, field.as_str())), ("value", any(py, value.as_str()))];
    raised(exception(py, "ConfigError", (format!("{problem}: {field}={value}"),), &fields))
}

/// `ConnectionClosed` or `BackpressureError`.
pub(crate) fn send_error(py: Python<'_>, error: &SendError) -> PyErr {
    match error {
        SendError::NotConnected(phase) => not_connected(py, *phase),
        _ => raised(exception(py, "BackpressureError", (error.to_string(),), &[])),
    }
}

/// `VoicewireError` for a session that is busy.
pub(crate) fn start_error(py: Python<'_>, error: &StartError) -> PyErr {
    raised(exception(py, "VoicewireError", (error.to_string(),), &[]))
}

fn not_connected(py: Python<'_>, phase: Phase) -> PyErr {
    let reason = match phase {
        Phase::Idle => "session is idle: call connect() first",
        Phase::Closed => "session is closed",
        _ => "session is closing",
    };
    raised(exception(py, "ConnectionClosed", (py.None(), reason), &[]))
}

/// The exception of an event or a receipt.
pub(crate) fn from_error<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    match error {
        Error::Malformed { kind, message, excerpt } => {
            let fields = [("kind", any(py, kind.as_str())), ("excerpt", any(py, excerpt.as_str()))];
            exception(py, "ProtocolError", (message.as_str(),), &fields)
        }
        Error::Server(error) => server_error(py, "ServerError", error),
        Error::Rejected(error) => server_error(py, "CommandRejected", error),
        Error::SessionExpired(error) => exception(py, "SessionExpired", (error.message.as_str(),), &[]),
        Error::ConnectionClosed { code, reason } => exception(py, "ConnectionClosed", (*code, reason.as_str()), &[]),
        Error::AckTimeout { .. } => exception(py, "AckTimeout", (error.to_string(),), &[]),
        _ => exception(py, "InternalError", (error.to_string(),), &[]),
    }
}

fn server_error<'py>(py: Python<'py>, name: &str, error: &ServerError) -> PyResult<Bound<'py, PyAny>> {
    let fields = [
        ("code", any(py, error.code.as_deref())),
        ("param", any(py, error.param.as_deref())),
        ("event_id", any(py, error.event_id.as_deref())),
        ("type", any(py, error.kind.as_deref())),
    ];
    exception(py, name, (error.message.as_str(),), &fields)
}

/// The exception that `connect` raises.
pub(crate) fn connect_failure<'py>(
    py: Python<'py>,
    failure: &ConnectFailure,
    secrets: &Secrets,
) -> PyResult<Bound<'py, PyAny>> {
    match failure {
        ConnectFailure::Connect(error) => connect_error(py, error, secrets),
        ConnectFailure::Refused(error) => refused(py, error),
        ConnectFailure::Closed { code, reason } => {
            let message = format!("server closed before the session was ready: {code} {}", secrets.mask(reason));
            exception(py, "ConnectError", (message.trim_end(),), &[("kind", any(py, "reset"))])
        }
        ConnectFailure::Cancelled => {
            exception(py, "ConnectionClosed", (py.None(), "disconnected while connecting"), &[])
        }
        ConnectFailure::Key { message, .. } => {
            exception(py, "ConnectError", (message.as_str(),), &[("kind", any(py, "timeout"))])
        }
        ConnectFailure::Internal(message) => exception(py, "InternalError", (message.as_str(),), &[]),
    }
}

fn connect_error<'py>(py: Python<'py>, error: &ConnectError, secrets: &Secrets) -> PyResult<Bound<'py, PyAny>> {
    let name = match (error.kind, error.status) {
        (ConnectErrorKind::Timeout, _) => "ConnectTimeout",
        (_, Some(401 | 403)) => "AuthenticationError",
        _ => "ConnectError",
    };
    let body = error.body.as_deref().map(|body| secrets.mask(body));
    let fields = [
        ("kind", any(py, error.kind.as_str())),
        ("status", any(py, error.status)),
        ("body", any(py, body)),
        ("retry_after", any(py, error.retry_after)),
    ];
    exception(py, name, (secrets.mask(&error.to_string()),), &fields)
}

/// The service upgraded the connection and then turned us away.
fn refused<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let code = match error {
        Error::Server(error) => error.code.as_deref().unwrap_or_default(),
        _ => "",
    };
    let name = if AUTHENTICATION_CODES.contains(&code) { "AuthenticationError" } else { "ConnectError" };
    let message = if code.is_empty() {
        format!("server refused the session: {error}")
    } else {
        format!("server refused the session: {error} ({code})")
    };
    exception(py, name, (message,), &[("kind", any(py, "http"))])
}

fn any<'py>(py: Python<'py>, value: impl IntoPyObject<'py>) -> Bound<'py, PyAny> {
    value.into_bound_py_any(py).unwrap_or_else(|_| py.None().into_bound(py))
}

/// A lock that another thread's panic has poisoned.
pub(crate) fn poisoned() -> PyErr {
    PyRuntimeError::new_err("a lock of the session was poisoned by a panic")
}

/// Codes by which OpenAI and its likes say that the key is at fault.
const AUTHENTICATION_CODES: &[&str] =
    &["invalid_api_key", "invalid_organization", "account_deactivated", "missing_api_key", "invalid_authentication"];
