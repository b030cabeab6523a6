//! What a client asks of one response: context, words, limits and tools of its own; how it ends, and what it cost.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::Simulator;

const TEXT: &str = "response.output_text.delta";

fn scripted(rules: Value) -> Simulator {
    start_with(|config| config.script = script(rules))
}

async fn respond(client: &mut Client, response: Value) -> Vec<Value> {
    client.send(json!({"type": "response.create", "response": response})).await;
    client.until("response.done").await
}

fn message(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn end(events: &[Value]) -> Value {
    events.last().unwrap()["response"].clone()
}

#[tokio::test]
async fn input_replaces_the_conversation_and_may_refer_to_it() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    client.send(json!({"type": "conversation.item.create", "item": message("known", "the first")})).await;
    client.send(json!({"type": "conversation.item.create", "item": message("other", "the second")})).await;
    let reference = json!({"type": "item_reference", "id": "known"});

    let input = json!([message("new", "and this"), reference]);
    let referring = respond(&mut client, json!({"conversation": "none", "input": input})).await;
    let empty = respond(&mut client, json!({"conversation": "none", "input": []})).await;

    assert_eq!(text(&referring, TEXT), "You said: the first. Before that you said: and this.");
    assert_eq!(text(&empty, TEXT), "Hello, this is the simulator.");
}

#[tokio::test]
async fn an_out_of_band_response_runs_beside_the_default_one() {
    let simulator = start_with(|config| {
        config.pace = 4.0;
        config.script = script(json!([{"when": {"turn": 1}, "say": "A long answer that takes its time to be told."}]));
    });
    let mut client = Client::open_text(&simulator).await;
    client.send(json!({"type": "response.create"})).await;
    let first = client.until("response.created").await.pop().unwrap();
    let aside = json!({"conversation": "none", "metadata": {"topic": "aside"}});

    client.send(json!({"type": "response.create", "response": aside})).await;

    let events = client.until("response.done").await;
    let done = end(&events);
    let created = one(&events, "response.created");
    assert_eq!((&done["metadata"], &done["conversation_id"]), (&json!({"topic": "aside"}), &json!(null)));
    assert_eq!(created["response"]["metadata"], json!({"topic": "aside"}));
    assert!(of_type(&events, TEXT).iter().any(|delta| delta["response_id"] == first["response"]["id"]));
    let last = end(&client.until("response.done").await);
    assert_eq!((&last["id"], &last["status"]), (&first["response"]["id"], &json!("completed")));
}

#[tokio::test]
async fn one_response_has_modalities_voice_and_instructions_of_its_own() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let audio = json!({"output": {"voice": "cedar", "format": {"type": "audio/pcmu"}}});
    let wanted = json!({"output_modalities": ["audio"], "audio": audio, "instructions": "Be brief"});

    let own = respond(&mut client, wanted).await;
    let plain = respond(&mut client, json!({})).await;

    let created = &one(&own, "response.created")["response"];
    assert_eq!(created["audio"], json!({"output": {"voice": "cedar", "format": {"type": "audio/pcmu"}}}));
    assert_eq!(created["output_modalities"], json!(["audio"]));
    assert!(text(&own, "response.output_audio_transcript.delta").contains("Be brief"));
    assert_eq!(end(&plain)["output_modalities"], json!(["text"]));
    assert!(!text(&plain, TEXT).contains("Be brief"));
}

#[tokio::test]
async fn a_token_limit_cuts_calls_too() {
    let tools = json!([{"name": "a", "arguments": {"text": "x".repeat(100)}}, {"name": "b"}]);
    let simulator = scripted(json!([{"tools": tools}]));
    let mut client = Client::open_text(&simulator).await;

    let events = respond(&mut client, json!({"max_output_tokens": 10})).await;

    let done = end(&events);
    assert_eq!(done["status_details"], json!({"type": "incomplete", "reason": "max_output_tokens"}));
    assert_eq!(done["output"].as_array().unwrap().len(), 1);
    assert_eq!(done["output"][0]["status"], "incomplete");
    assert_eq!((&done["max_output_tokens"], &done["usage"]["output_tokens"]), (&json!(10), &json!(10)));
}

#[tokio::test]
async fn endings_are_scripted_with_their_details() {
    let limit = json!({"code": "rate_limit_exceeded", "message": "Slow down."});
    let simulator = scripted(json!([
        {"when": {"turn": 1}, "status": "failed", "error": limit},
        {"when": {"turn": 2}, "say": "Words that are filtered out", "status": "incomplete", "reason": "content_filter"},
        {"when": {"turn": 3}, "say": "Words that are talked over", "reason": "turn_detected"},
    ]));
    let mut client = Client::open_text(&simulator).await;

    let failed = end(&respond(&mut client, json!({})).await);
    let filtered = end(&respond(&mut client, json!({})).await);
    let cancelled = end(&respond(&mut client, json!({})).await);

    let error = json!({"type": "server_error", "code": "rate_limit_exceeded", "message": "Slow down."});
    assert_eq!(failed["status_details"], json!({"type": "failed", "error": error}));
    assert_eq!(failed["output"], json!([]));
    assert_eq!(filtered["status_details"], json!({"type": "incomplete", "reason": "content_filter"}));
    assert_eq!(cancelled["status_details"], json!({"type": "cancelled", "reason": "turn_detected"}));
}

#[tokio::test]
async fn a_prompt_that_was_sent_before_is_cached() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    client.update(json!({"instructions": "x".repeat(400)})).await;

    let first = end(&client.ask("one").await)["usage"].clone();
    let second = end(&client.ask("two").await)["usage"].clone();

    assert_eq!(first["input_token_details"]["cached_tokens"], 0);
    let details = &second["input_token_details"];
    assert_eq!(details["cached_tokens"], 64);
    assert_eq!(details["cached_tokens_details"], json!({"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}));
    assert_eq!(
        second["total_tokens"],
        second["input_tokens"].as_u64().unwrap() + second["output_tokens"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn images_and_thoughts_are_counted() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    client.update(json!({"reasoning": {"effort": "low"}})).await;
    let content = json!([
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
    ]);
    let item = json!({"type": "message", "role": "user", "content": content});
    client.send(json!({"type": "conversation.item.create", "item": item})).await;

    let done = end(&respond(&mut client, json!({})).await);

    assert_eq!(done["usage"]["input_token_details"]["image_tokens"], 85);
    let output = &done["usage"]["output_token_details"];
    assert_eq!(output["reasoning_tokens"], 32);
    assert_eq!(done["usage"]["output_tokens"], output["text_tokens"].as_u64().unwrap() + 32);
    assert_eq!(done["output"][0]["phase"], "final_answer");
}

#[tokio::test]
async fn padding_and_rate_limits_can_be_left_out() {
    let simulator = start_with(|config| {
        config.obfuscation = false;
        config.rate_limits = false;
    });
    let mut client = Client::open_text(&simulator).await;

    let mut events = client.ask("one").await;
    events.extend(client.ask("two").await);

    assert!(of_type(&events, TEXT).iter().all(|delta| delta.get("obfuscation").is_none()));
    assert!(of_type(&events, "rate_limits.updated").is_empty());
}

#[test]
fn wrong_rules_are_told_with_their_field() {
    for (rule, expected) in [
        (json!({"error": {"kode": 1}}), "rules[0].error.kode: unknown key: 1"),
        (json!({"status": "completed", "error": {}}), "rules[0].error: only with status failed: {}"),
        (
            json!({"status": "failed", "reason": "content_filter"}),
            "rules[0].reason: not a reason of this status: \"content_filter\"",
        ),
        (json!({"transcription": "off"}), "rules[0].transcription: expected \"failed\" or {\"error\": …}: \"off\""),
        (json!({"tools": [{"name": "a", "id": "x"}]}), "rules[0].tools[0].id: unknown key: \"x\""),
        (json!({"mcp": {"docs": "down"}}), "rules[0].mcp.docs: expected a list of tools or \"failed\": \"down\""),
        (json!({"mcp_call": {"name": "a"}}), "rules[0].mcp_call.server_label: missing: {\"name\":\"a\"}"),
        (
            json!({"mcp_call": {"server_label": "s", "name": "a", "error": {"type": "x"}}}),
            "rules[0].mcp_call.error.type: expected protocol_error, tool_execution_error or http_error: \"x\"",
        ),
    ] {
        let error = voicewire_sim::Script::from_json(&json!([rule]).to_string()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
