//! Reads what Python hands over as text: handler keys, commands, configuration.

use pyo3::prelude::*;
use serde_json::{Map, Value};
use voicewire_proto::{Command, Kind, SessionConfig};

use crate::dispatch::Topic;
use crate::endpoint::parse;
use crate::errors::config_error;

pub(crate) fn read_topic(key: &str) -> Topic {
    match key.split_once(':') {
        Some(("wire", "*")) => Topic::AnyWire,
        Some(("sent", "*")) => Topic::AnySent,
        Some(("sent", name)) => Topic::Sent(name.to_owned()),
        Some(("neutral", name)) => Kind::named(name).map_or_else(|| Topic::Wire(name.to_owned()), Topic::Kind),
        Some((_, name)) => Topic::Wire(voicewire_proto::openai::canonical(name).to_owned()),
        None => Topic::Wire(key.to_owned()),
    }
}

pub(crate) fn read_config(py: Python<'_>, config: &str) -> PyResult<SessionConfig> {
    SessionConfig::from_options(object(parse(config))).map_err(|error| config_error(py, &error))
}

pub(crate) fn read_command(py: Python<'_>, kind: &str, payload: Value) -> PyResult<Command> {
    let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
    Ok(match kind {
        "update_session" => Command::UpdateSession(Box::new(
            SessionConfig::from_options(object(payload)).map_err(|error| config_error(py, &error))?,
        )),
        "send_text" => Command::SendText { text: text("text"), respond: payload["respond"].as_bool().unwrap_or(true) },
        "commit_audio" => Command::CommitAudio,
        "clear_audio" => Command::ClearAudio,
        "create_response" => Command::CreateResponse(object(payload)),
        "cancel_response" => {
            let heard = payload["samples"].as_u64();
            Command::CancelResponse { truncate: heard.map(|heard| (text("item_id"), heard)) }
        }
        "send_content" => Command::SendContent {
            parts: payload["parts"].as_array().cloned().unwrap_or_default(),
            respond: payload["respond"].as_bool().unwrap_or(true),
        },
        "tool_output" => Command::ToolOutput {
            call_id: text("call_id"),
            output: text("output"),
            name: payload["name"].as_str().map(str::to_owned),
            scheduling: payload["scheduling"].as_str().map(str::to_owned),
        },
        "interrupt" => Command::Interrupt,
        "report_played" => {
            Command::ReportPlayed { item_id: text("item_id"), samples: payload["samples"].as_u64().unwrap_or_default() }
        }
        _ => Command::Raw { kind: text("type"), payload: object(payload["payload"].clone()) },
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
