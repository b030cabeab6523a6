//! Responses that are cancelled, refused, scripted or limited.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::Simulator;

const STORY: &str = "A long story that takes its time to be told, word by word by word, until nobody listens any more.";

fn slow() -> Simulator {
    start_with(|config| {
        config.pace = 0.5;
        config.script = script(json!([{"say": STORY}]));
    })
}

#[tokio::test]
async fn cancel_lets_stragglers_through_then_ends_incomplete() {
    let simulator = slow();
    let mut client = Client::open_text(&simulator).await;
    client.say("tell me").await;
    client.send(json!({"type": "response.create"})).await;
    let mut before = client.until("response.output_text.delta").await;

    client.send(json!({"type": "response.cancel"})).await;

    let events = client.until("response.done").await;
    assert_eq!(of_type(&events, "response.output_text.delta").len(), 3);
    let expected = [
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&events), expected);
    before.extend(events);
    let response = &before.last().unwrap()["response"];
    assert_eq!(response["status"], "cancelled");
    assert_eq!(response["status_details"], json!({"type": "cancelled", "reason": "client_cancelled"}));
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert_eq!(response["output"][0]["content"][0]["text"], text(&before, "response.output_text.delta"));
}

#[tokio::test]
async fn cancel_before_the_first_item_gives_no_items() {
    let simulator = slow();
    let mut client = Client::open_text(&simulator).await;
    client.send(json!({"type": "response.create"})).await;
    client.send(json!({"type": "response.cancel"})).await;

    let events = client.until("response.done").await;

    assert_eq!(types(&events), ["response.created", "response.done"]);
    assert_eq!(events[1]["response"]["output"], json!([]));
}

#[tokio::test]
async fn nothing_to_cancel_is_an_error_and_no_end() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;

    client.send(json!({"type": "response.cancel", "event_id": "x"})).await;

    let error = client.next().await;
    assert_eq!(error["error"]["code"], "response_cancel_not_active");
    assert_eq!(error["error"]["event_id"], "x");
}

#[tokio::test]
async fn one_response_at_a_time_in_the_conversation() {
    let simulator = slow();
    let mut client = Client::open_text(&simulator).await;
    client.send(json!({"type": "response.create"})).await;
    let created = client.until("response.created").await.pop().unwrap();

    client.send(json!({"type": "response.create", "event_id": "second"})).await;
    client.send(json!({"type": "response.create", "response": {"conversation": "none"}})).await;

    let events = client.until("response.created").await;
    let error = one(&events, "error");
    assert_eq!(error["error"]["code"], "conversation_already_has_active_response");
    assert!(error["error"]["message"].as_str().unwrap().contains(created["response"]["id"].as_str().unwrap()));
}

#[tokio::test]
async fn scripted_endings_are_told_in_response_done() {
    let rules = json!([
        {"when": {"turn": 1}, "say": STORY, "status": "failed"},
        {"when": {"turn": 2}, "say": STORY, "status": "incomplete"},
        {"when": {"turn": 3}, "say": STORY, "status": "cancelled"},
    ]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = Client::open(&simulator).await;
    client.next().await;

    let failed = client.ask("one").await;
    let incomplete = client.ask("two").await;
    let cancelled = client.ask("three").await;

    let end = |events: &[Value]| events.last().unwrap()["response"].clone();
    assert_eq!(end(&failed)["status"], "failed");
    assert_eq!(end(&failed)["output"], json!([]));
    assert_eq!(end(&incomplete)["status_details"]["type"], "incomplete");
    assert_eq!(end(&incomplete)["output"][0]["status"], "incomplete");
    assert_eq!(end(&cancelled)["status"], "cancelled");
}

#[tokio::test]
async fn max_output_tokens_cuts_the_answer() {
    let simulator = start_with(|config| config.script = script(json!([{"say": STORY}])));
    let mut client = Client::open_text(&simulator).await;

    client.send(json!({"type": "response.create", "response": {"max_output_tokens": 5}})).await;

    let done = client.until("response.done").await.pop().unwrap();
    assert_eq!(done["response"]["status_details"], json!({"type": "incomplete", "reason": "max_output_tokens"}));
    assert_eq!(done["response"]["usage"]["output_tokens"], 5);
}

#[tokio::test]
async fn rules_are_used_in_order_and_once() {
    let rules = json!([
        {"when": {"text": "(?i)hello"}, "say": "Hi!", "once": true},
        {"when": {"text": "(?i)hello"}, "say": "Again?"},
    ]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = Client::open_text(&simulator).await;

    let first = client.ask("Hello").await;
    let second = client.ask("hello").await;
    let third = client.ask("bye").await;
    simulator.set_script(script(json!([{"say": "New."}])));
    let fourth = client.ask("bye").await;

    let said = |events: &[Value]| text(events, "response.output_text.delta");
    assert_eq!((said(&first).as_str(), said(&second).as_str()), ("Hi!", "Again?"));
    assert_eq!(said(&third), "You said: bye. Before that you said: hello.");
    assert_eq!(said(&fourth), "New.");
}

#[tokio::test]
async fn tool_choice_forces_a_call() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let parameters = json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
    let tools = json!([{"type": "function", "name": "find", "parameters": parameters}]);
    client.update(json!({"tools": tools, "tool_choice": "required"})).await;

    let events = client.ask("cats").await;

    assert_eq!(one(&events, "response.function_call_arguments.done")["arguments"], r#"{"q":"cats"}"#);
}

#[tokio::test]
async fn equal_seeds_give_equal_events() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let simulator = start_with(|config| config.seed = seed);
        let mut client = Client::open(&simulator).await;
        let mut events = vec![client.next().await];
        events[0]["session"]["expires_at"] = json!(0);
        events.extend(client.ask("same").await);
        runs.push(events);
    }

    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0][0]["event_id"], runs[2][0]["event_id"]);
}
