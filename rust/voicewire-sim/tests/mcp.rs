//! MCP servers: their tools are listed, called, approved and denied (protocol notes, section 3.6).
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::Simulator;

fn server(label: &str, approval: &str) -> Value {
    json!({"type": "mcp", "server_label": label, "server_url": "https://mcp.test", "require_approval": approval})
}

fn calling(call: Value) -> Simulator {
    start_with(|config| config.script = script(json!([{"when": {"text": "go"}, "mcp_call": call}])))
}

async fn open(simulator: &Simulator, tools: Value) -> Client {
    let mut client = Client::open_text(simulator).await;
    client.update(json!({"tools": tools})).await;
    client
}

async fn approve(client: &mut Client, request: &Value, approve: bool, reason: &str) {
    let item = json!({
        "type": "mcp_approval_response", "approval_request_id": request["id"], "approve": approve, "reason": reason,
    });
    client.send(json!({"type": "conversation.item.create", "item": item})).await;
}

#[tokio::test]
async fn a_server_lists_its_tools_after_the_update() {
    let simulator = start();
    let mut client = open(&simulator, json!([server("docs", "never")])).await;

    let events = client.until("conversation.item.done").await;

    let expected =
        ["conversation.item.added", "mcp_list_tools.in_progress", "mcp_list_tools.completed", "conversation.item.done"];
    assert_eq!(types(&events), expected);
    assert_eq!(events[0]["item"]["tools"], json!([]));
    let item = &events[3]["item"];
    assert_eq!((&item["type"], &item["server_label"]), (&json!("mcp_list_tools"), &json!("docs")));
    assert_eq!(item["tools"][0]["name"], "lookup");
    assert!(events[1..3].iter().all(|event| event["item_id"] == item["id"]));
}

#[tokio::test]
async fn scripted_lists_are_filtered_and_told_once() {
    let tools = json!([{"name": "a"}, {"name": "b", "description": "B", "input_schema": {"type": "object"}}]);
    let rules = json!([{"mcp": {"docs": tools}}, {"say": "Hi."}]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut server = server("docs", "never");
    server["allowed_tools"] = json!(["b"]);
    let mut client = open(&simulator, json!([server])).await;

    let listed = client.until("conversation.item.done").await;
    client.update(json!({"tools": [server]})).await;
    let answered = client.ask("hello").await;

    let expected = json!([{"name": "b", "input_schema": {"type": "object"}, "description": "B"}]);
    assert_eq!(listed.last().unwrap()["item"]["tools"], expected);
    assert!(of_type(&answered, "mcp_list_tools.in_progress").is_empty());
    assert_eq!(text(&answered, "response.output_text.delta"), "Hi.");
}

#[tokio::test]
async fn a_list_can_fail() {
    let simulator = start_with(|config| config.script = script(json!([{"mcp": {"docs": "failed"}}])));
    let mut client = open(&simulator, json!([server("docs", "never")])).await;

    let events = client.until("conversation.item.done").await;

    assert_eq!(types(&events)[2], "mcp_list_tools.failed");
    assert_eq!(events.last().unwrap()["item"]["tools"], json!([]));
}

#[tokio::test]
async fn a_call_is_made_by_the_service_which_goes_on_by_itself() {
    let call = json!({"server_label": "docs", "name": "lookup", "arguments": {"query": "cats"}, "output": "many cats"});
    let simulator = calling(call);
    let mut client = open(&simulator, json!([server("docs", "never")])).await;
    client.until("conversation.item.done").await;

    let called = client.ask("go").await;
    let answered = client.until("response.done").await;

    let expected = [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&called)[2..], expected);
    let item = &one(&called, "response.output_item.done")["item"];
    assert_eq!((&item["output"], &item["error"]), (&json!("many cats"), &json!(null)));
    assert_eq!(item["arguments"], text(&called, "response.mcp_call_arguments.delta"));
    assert_eq!(one(&called, "response.output_item.added")["item"]["output"], json!(null));
    assert_eq!(one(&answered, "response.created")["response"]["output_modalities"], json!(["text"]));
    assert_eq!(text(&answered, "response.output_text.delta"), "lookup answered: many cats.");
}

#[tokio::test]
async fn a_call_fails_in_each_of_three_shapes() {
    for error in [
        json!({"type": "protocol_error", "code": -32600, "message": "bad request"}),
        json!({"type": "tool_execution_error", "message": "no cats"}),
        json!({"type": "http_error", "code": 503, "message": "busy"}),
    ] {
        let simulator = calling(json!({"server_label": "docs", "name": "lookup", "error": error}));
        let mut client = open(&simulator, json!([server("docs", "never")])).await;

        let called = client.ask("go").await;
        let answered = client.until("response.done").await;

        let failed = one(&called, "response.mcp_call.failed");
        let item = &one(&called, "response.output_item.done")["item"];
        assert_eq!((&failed["item_id"], &item["error"]), (&item["id"], &error));
        let said = text(&answered, "response.output_text.delta");
        assert_eq!(said, format!("lookup failed: {}.", error["message"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn an_approved_call_is_made() {
    let simulator = calling(json!({"server_label": "docs", "name": "lookup", "output": "cats"}));
    let mut client = open(&simulator, json!([server("docs", "always")])).await;
    let asked = client.ask("go").await;
    let request = one(&asked, "response.output_item.done")["item"].clone();

    approve(&mut client, &request, true, "fine").await;
    let called = client.until("response.done").await;
    let answered = client.until("response.done").await;

    assert_eq!((&request["type"], &request["name"]), (&json!("mcp_approval_request"), &json!("lookup")));
    assert_eq!(one(&asked, "response.done")["response"]["output"], json!([request]));
    let item = &one(&called, "response.output_item.done")["item"];
    assert_eq!((&item["approval_request_id"], &item["output"]), (&request["id"], &json!("cats")));
    assert_eq!(text(&answered, "response.output_text.delta"), "lookup answered: cats.");
}

#[tokio::test]
async fn a_denied_call_is_told_and_cannot_be_decided_twice() {
    let simulator = calling(json!({"server_label": "docs", "name": "lookup"}));
    let mut client = open(&simulator, json!([server("docs", "always")])).await;
    let asked = client.ask("go").await;
    let request = one(&asked, "response.output_item.done")["item"].clone();

    approve(&mut client, &request, false, "too private").await;
    let denied = client.until("response.done").await;
    approve(&mut client, &request, true, "").await;
    let again = client.until("error").await.pop().unwrap();

    assert_eq!(text(&denied, "response.output_text.delta"), "I may not call lookup: too private.");
    assert_eq!(again["error"]["param"], "item.approval_request_id");
}

#[tokio::test]
async fn approval_can_depend_on_the_tool() {
    let calls = json!([{"server_label": "docs", "name": "read"}, {"server_label": "docs", "name": "write"}]);
    let simulator = calling(calls);
    let mut server = server("docs", "never");
    server["require_approval"] = json!({"never": {"tool_names": ["read"]}});
    let mut client = open(&simulator, json!([server])).await;

    let events = client.ask("go").await;

    let output = &one(&events, "response.done")["response"]["output"];
    assert_eq!((&output[0]["type"], &output[1]["type"]), (&json!("mcp_call"), &json!("mcp_approval_request")));
}

#[tokio::test]
async fn tool_choice_forces_a_call_of_a_server() {
    let simulator = start();
    let mut client = open(&simulator, json!([server("docs", "never")])).await;
    client.say("cats").await;
    let response = json!({"tool_choice": {"type": "mcp", "server_label": "docs", "name": "lookup"}});

    client.send(json!({"type": "response.create", "response": response})).await;
    let called = client.until("response.done").await;
    let answered = client.until("response.done").await;

    assert_eq!(one(&called, "response.mcp_call_arguments.done")["arguments"], r#"{"query":"cats"}"#);
    assert_eq!(text(&answered, "response.output_text.delta"), "lookup answered: found cats.");
}

#[tokio::test]
async fn approvals_that_come_together_are_taken_one_by_one() {
    let calls = json!([{"server_label": "docs", "name": "a"}, {"server_label": "docs", "name": "b"}]);
    let simulator = calling(calls);
    let mut client = open(&simulator, json!([server("docs", "always")])).await;
    let asked = client.ask("go").await;

    for request in of_type(&asked, "response.output_item.done") {
        approve(&mut client, &request["item"], true, "").await;
    }

    let mut outputs = Vec::new();
    for _ in 0..4 {
        let events = client.until("response.done").await;
        assert!(of_type(&events, "error").is_empty());
        let item = &one(&events, "response.output_item.done")["item"];
        outputs.push((item["type"].clone(), item["name"].clone()));
    }
    let call = |name: &str| (json!("mcp_call"), json!(name));
    let answer = (json!("message"), json!(null));
    assert_eq!(outputs, [call("a"), answer.clone(), call("b"), answer]);
}

#[tokio::test]
async fn a_function_and_a_server_in_one_response_wait_for_the_client() {
    let call = json!({"server_label": "docs", "name": "lookup", "output": "cats"});
    let rules = json!([{"when": {"text": "go"}, "tools": [{"name": "f"}], "mcp_call": call}]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = open(&simulator, json!([])).await;
    let called = client.ask("go").await;

    let call_id = &one(&called, "response.function_call_arguments.done")["call_id"];
    let item = json!({"type": "function_call_output", "call_id": call_id, "output": "one"});
    client.send(json!({"type": "conversation.item.create", "item": item})).await;
    let answered = client.ask_nothing().await;

    assert_eq!(of_type(&answered, "response.created").len(), 1);
    assert_eq!(text(&answered, "response.output_text.delta"), "lookup answered: cats. f answered: one.");
}
