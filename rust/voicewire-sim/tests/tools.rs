//! Function calls: scripted, parallel, broken, forced and forbidden, and the answers to their outputs.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::Simulator;

const DONE: &str = "response.function_call_arguments.done";

fn calling(rule: Value) -> Simulator {
    start_with(|config| config.script = script(json!([rule])))
}

fn output(call_id: &Value, output: &str) -> Value {
    let item = json!({"type": "function_call_output", "call_id": call_id, "output": output});
    json!({"type": "conversation.item.create", "item": item})
}

#[tokio::test]
async fn a_message_and_two_calls_share_one_response() {
    let tools = json!([
        {"name": "weather", "arguments": {"city": "Oslo", "unit": "C"}, "call_id": "call_a"},
        {"name": "clock", "arguments": "{  \n  \"zone\": \"CET\"}", "call_id": "call_b"},
    ]);
    let simulator = calling(json!({"say": "Let me check.", "tools": tools}));
    let mut client = Client::open_text(&simulator).await;

    let events = client.ask("go").await;

    let added = of_type(&events, "response.output_item.added");
    let places: Vec<_> =
        added.iter().map(|event| (event["output_index"].as_u64().unwrap(), event["item"]["type"].clone())).collect();
    assert_eq!(places, [(0, json!("message")), (1, json!("function_call")), (2, json!("function_call"))]);
    assert_eq!(added[1]["item"]["arguments"], "");
    let done = of_type(&events, DONE);
    assert_eq!((&done[0]["call_id"], &done[0]["name"]), (&json!("call_a"), &json!("weather")));
    assert_eq!(done[1]["arguments"], "{  \n  \"zone\": \"CET\"}");
    let deltas = of_type(&events, "response.function_call_arguments.delta");
    assert!(deltas.iter().filter(|delta| delta["call_id"] == "call_a").count() > 1, "{deltas:?}");
}

#[tokio::test]
async fn parallel_outputs_are_answered_together() {
    let simulator = calling(json!({"tools": [{"name": "a"}, {"name": "b"}]}));
    let mut client = Client::open_text(&simulator).await;
    let events = client.ask("go").await;
    for (done, text) in of_type(&events, DONE).into_iter().zip(["one", "two"]) {
        client.send(output(&done["call_id"], text)).await;
    }

    client.send(json!({"type": "response.create"})).await;

    let events = client.until("response.done").await;
    assert_eq!(text(&events, "response.output_text.delta"), "a answered: one. b answered: two.");
}

#[tokio::test]
async fn an_output_is_taken_before_the_response_is_done() {
    let simulator = start_with(|config| {
        config.pace = 2.0;
        config.script = script(json!([{"when": {"turn": 1}, "tools": [{"name": "a"}, {"name": "b"}]}]));
    });
    let mut client = Client::open_text(&simulator).await;
    client.say("go").await;
    client.send(json!({"type": "response.create"})).await;
    let call_id = client.until(DONE).await.pop().unwrap()["call_id"].clone();

    client.send(output(&call_id, "early")).await;

    let events = client.until("response.done").await;
    let early = of_type(&events, "conversation.item.done");
    assert!(early.iter().any(|event| event["item"]["output"] == "early"), "{early:?}");
    assert!(of_type(&events, "error").is_empty());
}

#[tokio::test]
async fn broken_arguments_and_equal_ids_are_sent_as_scripted() {
    let call = |arguments: &str| json!({"name": "a", "arguments": arguments, "call_id": "same"});
    let calls = json!([call("{broken"), call("[1]")]);
    let simulator = calling(json!({"tools": calls}));
    let mut client = Client::open_text(&simulator).await;

    let events = client.ask("go").await;

    let done = of_type(&events, DONE);
    assert!(done.iter().all(|call| call["call_id"] == "same"));
    assert_eq!((&done[0]["arguments"], &done[1]["arguments"]), (&json!("{broken"), &json!("[1]")));
}

#[tokio::test]
async fn tool_choice_none_and_no_parallel_calls_are_obeyed() {
    let simulator = calling(json!({"tools": [{"name": "a"}, {"name": "b"}]}));
    let mut client = Client::open_text(&simulator).await;

    client.update(json!({"parallel_tool_calls": false})).await;
    let single = client.ask("go").await;
    client.send(json!({"type": "response.create", "response": {"tool_choice": "none"}})).await;
    let none = client.until("response.done").await;

    assert_eq!(one(&single, DONE)["name"], "a");
    assert_eq!(one(&none, "response.output_item.done")["item"]["type"], "message");
}

#[tokio::test]
async fn tool_choice_names_a_function() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let tool = |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let response = json!({"tools": [tool("a"), tool("b")], "tool_choice": {"type": "function", "name": "b"}});

    client.send(json!({"type": "response.create", "response": response})).await;

    let events = client.until("response.done").await;
    assert_eq!(one(&events, DONE)["name"], "b");
}
