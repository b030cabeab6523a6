//! What a session's tools say about MCP servers: which tools they show and which calls need approval; beside the reply.

use serde_json::Value;

use crate::reply::sample_arguments;
use crate::script_mcp::{Listing, McpCall, Outcome};
use crate::stage::Stage;

/// Whether a call has to be approved. Of a server that does not tell, or is not among the tools, it need not.
pub(crate) fn needs_approval(tools: &Value, call: &McpCall) -> bool {
    let mut servers = servers(tools);
    let Some(server) = servers.find(|server| server["server_label"] == *call.server_label) else {
        return false;
    };
    let policy = &server["require_approval"];
    let names = |filter: &Value| {
        filter["tool_names"].as_array().is_some_and(|names| names.contains(&call.name.as_str().into()))
    };
    match policy {
        Value::String(word) => word == "always",
        Value::Object(_) if names(&policy["never"]) => false,
        Value::Object(_) => names(&policy["always"]) || !policy["always"].is_object(),
        _ => false,
    }
}

/// The tools that a server lists, without those that the client does not allow.
pub(crate) fn allowed(server: &Value, mut tools: Value) -> Value {
    let filter = &server["allowed_tools"];
    let names = filter.as_array().or_else(|| filter["tool_names"].as_array());
    if let (Some(names), Some(tools)) = (names, tools.as_array_mut()) {
        tools.retain(|tool| names.contains(&tool["name"]));
    }
    tools
}

/// A call that a client demands by `tool_choice`; None if the server has no such tool.
pub(crate) fn sample_call(stage: &Stage, server: &Value, name: Option<&str>, words: &str) -> Option<McpCall> {
    let label = server["server_label"].as_str()?;
    let Listing::Tools(tools) = stage.listing(label) else {
        return None;
    };
    let tools = allowed(server, tools);
    let tool = tools.as_array()?.iter().find(|tool| name.is_none_or(|name| tool["name"] == name))?;
    Some(McpCall {
        server_label: label.to_owned(),
        name: tool["name"].as_str()?.to_owned(),
        arguments: sample_arguments(&tool["input_schema"], words),
        outcome: Outcome::Output(format!("found {words}")),
    })
}

pub(crate) fn servers(tools: &Value) -> impl Iterator<Item = &Value> {
    tools.as_array().into_iter().flatten().filter(|tool| tool["type"] == "mcp")
}
