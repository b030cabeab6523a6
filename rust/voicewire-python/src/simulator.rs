//! The simulator for Python: a server on a thread of its own.

use std::time::Duration;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use serde_json::Value;
use voicewire_proto::config::ConfigError;
use voicewire_sim::{Beta, Dialect, Fault, Refusal, Script, Simulator, SimulatorConfig};

use crate::endpoint::parse;
use crate::errors::config_error;

/// A running simulator; `voicewire.Simulator` is the class for users.
#[pyclass(frozen, module = "voicewire._voicewire")]
pub struct SimulatorServer {
    inner: Simulator,
}

#[pymethods]
impl SimulatorServer {
    /// Start a server; options as JSON.
    ///
    /// Raises `ConfigError` for a script or faults that cannot be used, `OSError` where the port cannot be had.
    #[new]
    fn new(py: Python<'_>, options: &str) -> PyResult<Self> {
        let config = read_options(&parse(options)).map_err(|error| config_error(py, &error))?;
        let inner = py.detach(|| Simulator::start(config)).map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(Self { inner })
    }

    /// WebSocket base URL, ending in `/v1`.
    fn url(&self) -> String {
        self.inner.url()
    }

    /// The same with http.
    fn http_url(&self) -> String {
        self.inner.http_url()
    }

    /// Base URL of Gemini Live, without a path.
    fn gemini_url(&self) -> String {
        self.inner.gemini_url()
    }

    /// Path of the authority's PEM file, None without TLS.
    fn ca_file(&self) -> Option<String> {
        self.inner.ca_file().map(|path| path.to_string_lossy().into_owned())
    }

    /// Requests of the REST interface as JSON, in order.
    fn requests(&self, py: Python<'_>) -> Vec<String> {
        let records = py.detach(|| self.inner.requests());
        let json = |record: voicewire_sim::RequestRecord| {
            serde_json::json!({
                "method": record.method,
                "path": record.path,
                "body": parse(&record.body),
                "status": record.status,
            })
        };
        records.into_iter().map(|record| json(record).to_string()).collect()
    }

    /// Client events as JSON, in order, without the first `since`.
    #[pyo3(signature = (since=0))]
    fn received(&self, py: Python<'_>, since: usize) -> Vec<String> {
        py.detach(|| self.inner.received().split_off_from(since))
    }

    /// How many client events have come.
    fn received_count(&self) -> usize {
        self.inner.wait_received(usize::MAX, Duration::ZERO)
    }

    /// Wait until more than `known` client events have come, or `timeout` seconds; returns how many have.
    fn wait_received(&self, py: Python<'_>, known: usize, timeout: f64) -> usize {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::from_secs(3600));
        py.detach(|| self.inner.wait_received(known, timeout))
    }

    /// Connections as JSON, in order.
    fn connections(&self, py: Python<'_>) -> Vec<String> {
        let records = py.detach(|| self.inner.connections());
        let json = |record: voicewire_sim::ConnectionRecord| {
            serde_json::json!({
                "path": record.path,
                "headers": record.headers.into_iter().map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, Value>>(),
                "received": record.received,
            })
        };
        records.into_iter().map(|record| json(record).to_string()).collect()
    }

    /// Replace the script; `ConfigError` where it cannot be used.
    fn set_script(&self, py: Python<'_>, script: &str) -> PyResult<()> {
        let script = read_script(script).map_err(|error| config_error(py, &error))?;
        self.inner.set_script(script);
        Ok(())
    }

    /// Replace the faults; `ConfigError` where they cannot be used.
    fn set_faults(&self, py: Python<'_>, faults: &str) -> PyResult<()> {
        let faults = read_faults(faults).map_err(|error| config_error(py, &error))?;
        self.inner.set_faults(faults);
        Ok(())
    }

    /// CPU seconds that the server's thread has used.
    fn cpu_s(&self, py: Python<'_>) -> f64 {
        py.detach(|| self.inner.cpu_time()).as_secs_f64()
    }

    /// Stop the server; idempotent.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.inner.stop());
    }
}

trait SplitOffFrom {
    fn split_off_from(self, at: usize) -> Self;
}

impl SplitOffFrom for Vec<String> {
    fn split_off_from(mut self, at: usize) -> Self {
        if at >= self.len() {
            return Vec::new();
        }
        self.split_off(at)
    }
}

fn read_options(options: &Value) -> Result<SimulatorConfig, ConfigError> {
    let mut config = SimulatorConfig::default();
    let text = |key: &str| options[key].as_str().map(str::to_owned);
    let number = |key: &str| options[key].as_u64();
    if let Some(host) = text("host") {
        config.host = host;
    }
    config.port = number("port").unwrap_or_default() as u16;
    config.dialect = text("dialect").as_deref().and_then(Dialect::from_name);
    config.tls = options["tls"] == true;
    config.beta = if text("beta").as_deref() == Some("allow") { Beta::Allow } else { Beta::Refuse };
    config.refusal = if text("refusal").as_deref() == Some("event") { Refusal::Event } else { Refusal::Http };
    config.api_key = text("api_key");
    config.models = options["models"]
        .as_array()
        .map(|models| models.iter().filter_map(|model| model.as_str().map(str::to_owned)).collect());
    config.seed = number("seed").unwrap_or(config.seed);
    config.latency_ms = number("latency_ms").unwrap_or(config.latency_ms);
    config.pace = options["pace"].as_f64().unwrap_or(config.pace);
    config.delta_ms = number("delta_ms").map_or(config.delta_ms, |value| value as u32);
    config.stragglers = number("stragglers").map_or(config.stragglers, |value| value as u32);
    config.obfuscation = options["obfuscation"] != false;
    config.rate_limits = options["rate_limits"] != false;
    let gemini = &options["gemini"];
    config.gemini.text_frames = gemini["frames"] == "text";
    config.gemini.call_ids = gemini["call_ids"] != false;
    config.gemini.content_mid_session = gemini["content_mid_session"].as_bool();
    if !options["script"].is_null() {
        config.script = read_script(&options["script"].to_string())?;
    }
    if !options["faults"].is_null() {
        config.faults = read_faults(&options["faults"].to_string())?;
    }
    Ok(config)
}

fn read_script(text: &str) -> Result<Script, ConfigError> {
    Script::from_json(text).map_err(|error| ConfigError::new("script", shortened(text), error.to_string()))
}

fn read_faults(text: &str) -> Result<Vec<Fault>, ConfigError> {
    Fault::list_from_json(text).map_err(|error| ConfigError::new("faults", shortened(text), error.to_string()))
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
