//! The part of a script about MCP servers: what they list, and the calls that the model makes; read with the rules.

use serde_json::{json, Map, Value};

use crate::script::{arguments, name_of, object, string, wrong};
use crate::ScriptError;

/// Answer of a server that is asked for its tools.
#[derive(Clone, Debug)]
pub(crate) enum Listing {
    /// A list of `{name, description?, input_schema, annotations?}`.
    Tools(Value),
    Failed,
}

/// A call of a server's tool.
#[derive(Clone, Debug)]
pub(crate) struct McpCall {
    pub(crate) server_label: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
    pub(crate) outcome: Outcome,
}

/// What a server's tool gives.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Output(String),
    /// One of the protocol's three error objects.
    Error(Value),
}

/// `{server_label: [tool, …] | "failed"}`.
pub(crate) fn parse_listings(path: &str, value: &Value) -> Result<Vec<(String, Listing)>, ScriptError> {
    let parse = |(label, value): (&String, &Value)| {
        let field = format!("{path}.{label}");
        let listing = match value {
            Value::Array(tools) => Listing::Tools(parse_tools(&field, tools)?),
            Value::String(text) if text == "failed" => Listing::Failed,
            _ => return Err(wrong(&field, "expected a list of tools or \"failed\"", value)),
        };
        Ok((label.clone(), listing))
    };
    object(path, value)?.iter().map(parse).collect()
}

/// One call, or a list of them.
pub(crate) fn parse_mcp_calls(path: &str, value: &Value) -> Result<Vec<McpCall>, ScriptError> {
    match value {
        Value::Array(calls) => {
            let parse = |(index, call): (usize, &Value)| parse_mcp_call(&format!("{path}[{index}]"), call);
            calls.iter().enumerate().map(parse).collect()
        }
        call => Ok(vec![parse_mcp_call(path, call)?]),
    }
}

/// The tool that every server has where the script does not say otherwise.
pub(crate) fn default_tools() -> Value {
    let properties = json!({"query": {"type": "string"}});
    json!([{
        "name": "lookup",
        "description": "Looks something up.",
        "input_schema": {"type": "object", "properties": properties, "required": ["query"]},
    }])
}

fn parse_tools(path: &str, tools: &[Value]) -> Result<Value, ScriptError> {
    let parse = |(index, tool): (usize, &Value)| parse_tool(&format!("{path}[{index}]"), tool);
    tools.iter().enumerate().map(parse).collect()
}

fn parse_tool(path: &str, value: &Value) -> Result<Value, ScriptError> {
    let mut tool = Map::new();
    tool.insert("name".to_owned(), name_of(path, value)?.into());
    tool.insert("input_schema".to_owned(), json!({"type": "object", "properties": {}}));
    for (key, value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "name" => {}
            "description" => drop(tool.insert(key.clone(), string(&field, value)?.into())),
            "input_schema" | "annotations" => {
                drop(tool.insert(key.clone(), Value::Object(object(&field, value)?.clone())))
            }
            _ => return Err(wrong(&field, "unknown key", value)),
        }
    }
    Ok(Value::Object(tool))
}

fn parse_mcp_call(path: &str, value: &Value) -> Result<McpCall, ScriptError> {
    let Some(label) = object(path, value)?.get("server_label") else {
        return Err(wrong(&format!("{path}.server_label"), "missing", value));
    };
    let mut call = McpCall {
        server_label: string(&format!("{path}.server_label"), label)?,
        name: name_of(path, value)?,
        arguments: "{}".to_owned(),
        outcome: Outcome::Output("done".to_owned()),
    };
    for (key, field_value) in object(path, value)? {
        let field = format!("{path}.{key}");
        match key.as_str() {
            "name" | "server_label" => {}
            "arguments" => call.arguments = arguments(&field, field_value)?,
            "output" => call.outcome = Outcome::Output(string(&field, field_value)?),
            "error" if value["output"].is_null() => call.outcome = Outcome::Error(parse_error(&field, field_value)?),
            "error" => return Err(wrong(&field, "output is given too", field_value)),
            _ => return Err(wrong(&field, "unknown key", field_value)),
        }
    }
    Ok(call)
}

/// A text is the message of a tool's own error; an object is one of the three shapes, its parts checked.
fn parse_error(path: &str, value: &Value) -> Result<Value, ScriptError> {
    if let Value::String(message) = value {
        return Ok(json!({"type": "tool_execution_error", "message": message}));
    }
    let fields = object(path, value)?;
    let keys: &[&str] = match value["type"].as_str() {
        Some("protocol_error" | "http_error") => &["type", "code", "message"],
        Some("tool_execution_error") => &["type", "message"],
        _ => {
            let expected = "expected protocol_error, tool_execution_error or http_error";
            return Err(wrong(&format!("{path}.type"), expected, &value["type"]));
        }
    };
    for (key, value) in fields {
        let field = format!("{path}.{key}");
        match key.as_str() {
            key if !keys.contains(&key) => return Err(wrong(&field, "unknown key", value)),
            "code" if !value.is_i64() => return Err(wrong(&field, "expected a whole number", value)),
            "message" => drop(string(&field, value)?),
            _ => {}
        }
    }
    let missing = keys.iter().find(|key| !fields.contains_key(**key));
    missing.map_or_else(|| Ok(value.clone()), |key| Err(wrong(&format!("{path}.{key}"), "missing", value)))
}
