//! Reads the connection options that Python hands over as JSON.

use std::time::Duration;

use pyo3::prelude::*;
use serde_json::Value;
use voicewire_net::{Limits, Reconnect, ReplayAudio, Target, Timeouts, TlsOptions};
use voicewire_proto::config::ConfigError;
use voicewire_proto::endpoint::is_loopback;
use voicewire_proto::openai::canonical;
use voicewire_proto::openai::SessionType;
use voicewire_proto::{Endpoint, EndpointOptions};

use crate::dialects::{read_service, read_session_type};
use crate::errors::config_error;

/// Checks connection options; returns the URL without secrets, and whether it names this machine.
///
/// Raises `ConfigError` naming the option.
#[pyfunction]
pub(crate) fn check_endpoint(py: Python<'_>, options: &str) -> PyResult<(String, bool)> {
    let endpoint = read_endpoint(&parse(options)).map_err(|error| config_error(py, &error))?;
    Ok((endpoint.shown_url(), is_loopback(&endpoint.url)))
}

/// The GA spelling of a wire name.
#[pyfunction]
pub(crate) fn canonical_name(name: &str) -> String {
    canonical(name).to_owned()
}

/// JSON that our own Python has written.
pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

pub(crate) fn read_endpoint(options: &Value) -> Result<Endpoint, ConfigError> {
    let text = |key: &str| options[key].as_str().map(str::to_owned);
    let headers = options["headers"].as_array().into_iter().flatten();
    let service = read_service(options["dialect"].as_str().unwrap_or_default());
    let is_transcription = read_session_type(options) == SessionType::Transcription;
    let endpoint_options = EndpointOptions {
        url: text("url"),
        // A transcription session names its model in the configuration.
        model: text("model").filter(|_| !is_transcription).unwrap_or_default(),
        api_key: text("api_key"),
        is_token: options["is_token"].as_bool().unwrap_or_default(),
        call_id: text("call_id"),
        query: is_transcription.then(|| ("intent".to_owned(), "transcription".to_owned())).into_iter().collect(),
        headers: headers
            .filter_map(|pair| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned())))
            .collect(),
        subprotocol_auth: options["subprotocol_auth"].as_bool().unwrap_or_default(),
        allow_insecure: options["allow_insecure"].as_bool().unwrap_or_default(),
    };
    Endpoint::new(service.endpoint(), &endpoint_options)
}

/// Where to connect, from a checked endpoint.
pub(crate) fn target(endpoint: &Endpoint, options: &Value, max_message_bytes: usize) -> Target {
    let url = &endpoint.url;
    let host = url.host_str().unwrap_or_default().to_owned();
    let host_header = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let text = |key: &str| options[key].as_str().map(str::to_owned);
    let client_cert = Option::zip(text("client_cert"), text("client_key"));
    Target {
        port: url.port_or_known_default().unwrap_or(443),
        tls: url.scheme() == "wss",
        path_and_query: format!("{}{query}", url.path()),
        host,
        host_header,
        headers: endpoint.headers.clone(),
        subprotocols: endpoint.subprotocols.clone(),
        tls_options: TlsOptions { ca: text("ca"), client_cert },
        max_message_bytes,
    }
}

pub(crate) fn read_limits(options: &Value) -> Limits {
    let bytes = |key: &str, default: usize| options[key].as_u64().map_or(default, |value| value as usize);
    Limits {
        max_message_bytes: bytes("max_message_bytes", 16 << 20),
        inbox_bytes: bytes("inbox_bytes", 16 << 20),
        outbox_bytes: bytes("outbox_bytes", 1 << 20),
        input_ring_ms: bytes("input_ring_ms", 30_000) as u32,
        json_depth: bytes("json_depth", 128),
    }
}

/// How a lost connection is replaced; None where the user switched that off.
pub(crate) fn read_reconnect(options: &Value) -> Option<Reconnect> {
    let options = options.as_object()?;
    let number = |key: &str| options.get(key).and_then(Value::as_f64);
    let seconds = |key: &str, default| number(key).and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or(default);
    let usual = Reconnect::default();
    Some(Reconnect {
        initial: options.get("initial").and_then(Value::as_bool).unwrap_or(usual.initial),
        max_attempts: number("max_attempts").map_or(usual.max_attempts, |count| count as u32),
        max_elapsed: seconds("max_elapsed", usual.max_elapsed),
        initial_delay: seconds("initial_delay", usual.initial_delay),
        min_delay: seconds("min_delay", usual.min_delay),
        max_delay: seconds("max_delay", usual.max_delay),
        jitter: number("jitter").unwrap_or(usual.jitter),
        min_session: seconds("min_session", usual.min_session),
        replay_audio: match options.get("replay_audio").and_then(Value::as_str) {
            Some("unproved") => ReplayAudio::Unproved,
            Some("none") => ReplayAudio::None,
            _ => ReplayAudio::Turn,
        },
    })
}

pub(crate) fn read_timeouts(options: &Value) -> (Timeouts, Duration) {
    let seconds = |key: &str, default: f64| {
        Duration::try_from_secs_f64(options[key].as_f64().unwrap_or(default)).unwrap_or(Duration::MAX)
    };
    let timeouts = Timeouts {
        connect: seconds("connect", 10.0),
        close: seconds("close", 2.0),
        ping_interval: match options.get("ping_interval") {
            Some(Value::Null) => Duration::ZERO,
            _ => seconds("ping_interval", 5.0),
        },
        ping_timeout: seconds("ping_timeout", 5.0),
    };
    (timeouts, seconds("ack", 10.0))
}
