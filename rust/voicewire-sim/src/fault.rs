//! Faults of the network and the service, by name; acted on where events leave for the socket.

use std::time::Duration;

use serde_json::{Map, Value};

/// Time that a connection has left when the service tells of its end.
const GO_AWAY_MS: u64 = 50_000;

/// A fault to inject. It strikes once, on the first connection that reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// When it happens.
    pub trigger: Trigger,
    /// Index of the connection, as in `Simulator::connections`, from 0; none: any.
    pub connection: Option<usize>,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// End the TCP connection without a close frame.
    Drop(Cut),
    /// Send half of the next event's frame, then end the TCP connection.
    CutMidMessage(Cut),
    /// Send a close frame with this code.
    Close(u16),
    /// Send one text message that is no JSON, and go on.
    Garbage,
    /// Answer the upgrade with this HTTP status.
    Http(u16),
    /// Send `error{code: session_expired}`, then close 1001.
    SessionExpired,
    /// Neither read nor write any more, and keep the TCP connection open.
    HalfOpen,
    /// Send no event any more, but read on and answer pings.
    Stall,
    /// Wait a quarter of a second before every further event.
    Slow,
    /// Fail the next response with `rate_limit_exceeded`.
    RateLimit,
    /// Gemini Live: send `goAway` with this time left, then close 1000 when it has passed.
    GoAway(Duration),
    /// Tell of a pressed telephone key: `0`–`9`, `A`–`D`, `*` or `#`.
    Dtmf(char),
}

/// How a TCP connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// In order, with FIN.
    #[default]
    Fin,
    /// With a reset.
    Rst,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// After this many events were sent on the connection.
    AfterEvents(u64),
    /// After this time since the upgrade.
    After(Duration),
}

/// A fault that cannot be understood or is not supported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// The text is no JSON.
    #[error("faults are not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A field has a value that it cannot have.
    #[error("{field}: {problem}: {value}")]
    Field {
        /// Path of the field, as `faults[0].kind`.
        field: String,
        /// What is wrong.
        problem: String,
        /// The value as JSON.
        value: String,
    },
}

impl Fault {
    /// Read a JSON list of faults.
    ///
    /// # Errors
    /// Names the field and the value that cannot be understood; an unknown key, or one that its kind does not use, is one.
    pub fn list_from_json(text: &str) -> Result<Vec<Fault>, FaultError> {
        let value: Value = serde_json::from_str(text)?;
        let Value::Array(faults) = &value else {
            return Err(wrong("faults", "expected a list of faults", &value));
        };
        let parse = |(index, fault): (usize, &Value)| parse_fault(&format!("faults[{index}]"), fault);
        faults.iter().enumerate().map(parse).collect()
    }
}

fn parse_fault(path: &str, value: &Value) -> Result<Fault, FaultError> {
    let fields = value.as_object().ok_or_else(|| wrong(path, "expected an object", value))?;
    let kind = fields.get("kind").unwrap_or(&Value::Null);
    let name = kind.as_str().unwrap_or_default();
    let allowed: &[&str] = match name {
        "drop" | "cut_mid_message" => &["after_events", "after_ms", "how"],
        "close" => &["after_events", "after_ms", "code"],
        "garbage" | "session_expired" | "half_open" | "stall" | "slow" | "rate_limit" => &["after_events", "after_ms"],
        "dtmf" => &["after_events", "after_ms", "event"],
        "http" => &["code"],
        "go_away" => &["after_events", "after_ms", "time_left_ms"],
        _ => return Err(wrong(&format!("{path}.kind"), "unknown kind of fault", kind)),
    };
    for (key, value) in fields {
        if !matches!(key.as_str(), "kind" | "connection") && !allowed.contains(&key.as_str()) {
            return Err(wrong(&format!("{path}.{key}"), &format!("unknown key for {name}"), value));
        }
    }
    Ok(Fault {
        kind: parse_kind(path, name, fields)?,
        trigger: parse_trigger(path, fields)?,
        connection: unsigned(path, fields, "connection")?.map(|index| index as usize),
    })
}

fn parse_kind(path: &str, name: &str, fields: &Map<String, Value>) -> Result<FaultKind, FaultError> {
    Ok(match name {
        "drop" => FaultKind::Drop(parse_cut(path, fields)?),
        "cut_mid_message" => FaultKind::CutMidMessage(parse_cut(path, fields)?),
        "close" => FaultKind::Close(parse_code(
            path,
            fields,
            1011,
            |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999),
        )?),
        "http" => FaultKind::Http(parse_code(path, fields, 503, |code| (300..=599).contains(&code))?),
        "garbage" => FaultKind::Garbage,
        "session_expired" => FaultKind::SessionExpired,
        "half_open" => FaultKind::HalfOpen,
        "stall" => FaultKind::Stall,
        "slow" => FaultKind::Slow,
        "go_away" => {
            FaultKind::GoAway(Duration::from_millis(unsigned(path, fields, "time_left_ms")?.unwrap_or(GO_AWAY_MS)))
        }
        "dtmf" => FaultKind::Dtmf(parse_key(path, fields)?),
        _ => FaultKind::RateLimit,
    })
}

fn parse_cut(path: &str, fields: &Map<String, Value>) -> Result<Cut, FaultError> {
    match fields.get("how") {
        None => Ok(Cut::Fin),
        Some(Value::String(how)) if how == "fin" => Ok(Cut::Fin),
        Some(Value::String(how)) if how == "rst" => Ok(Cut::Rst),
        Some(other) => Err(wrong(&format!("{path}.how"), "expected rst or fin", other)),
    }
}

fn parse_key(path: &str, fields: &Map<String, Value>) -> Result<char, FaultError> {
    let event = fields.get("event").unwrap_or(&Value::Null);
    let keys = event.as_str().unwrap_or_default();
    match (keys.chars().next(), keys.len()) {
        (Some(key @ ('0'..='9' | 'A'..='D' | '*' | '#')), 1) => Ok(key),
        _ => Err(wrong(&format!("{path}.event"), "expected one key of a telephone", event)),
    }
}

fn parse_code(
    path: &str,
    fields: &Map<String, Value>,
    default: u16,
    allowed: fn(u64) -> bool,
) -> Result<u16, FaultError> {
    match unsigned(path, fields, "code")? {
        None => Ok(default),
        Some(code) if allowed(code) => Ok(code as u16),
        Some(code) => Err(wrong(&format!("{path}.code"), "code not allowed on the wire", &code.into())),
    }
}

fn parse_trigger(path: &str, fields: &Map<String, Value>) -> Result<Trigger, FaultError> {
    match (unsigned(path, fields, "after_events")?, unsigned(path, fields, "after_ms")?) {
        (Some(_), Some(ms)) => Err(wrong(&format!("{path}.after_ms"), "after_events is given too", &ms.into())),
        (None, Some(ms)) => Ok(Trigger::After(Duration::from_millis(ms))),
        (events, None) => Ok(Trigger::AfterEvents(events.unwrap_or(0))),
    }
}

fn unsigned(path: &str, fields: &Map<String, Value>, key: &str) -> Result<Option<u64>, FaultError> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(&format!("{path}.{key}"), "expected a whole number from 0", value)),
        },
    }
}

fn wrong(field: &str, problem: &str, value: &Value) -> FaultError {
    FaultError::Field { field: field.to_owned(), problem: problem.to_owned(), value: value.to_string() }
}
