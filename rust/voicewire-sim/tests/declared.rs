//! The simulator against the table of the GA dialect: every event it sends, and every event it should take.
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/table.rs"]
mod table;

use serde_json::{json, Value};
use support::*;
use table::Table;
use voicewire_sim::Simulator;

/// Not sent over a WebSocket, or not by the service at all; a timeout needs five seconds of silence.
const NOT_SENT: &[&str] = &[
    "conversation.created",
    "conversation.item.created",
    "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
];

/// The table is not shipped; without it there is nothing to hold against.
macro_rules! table_or_skip {
    () => {
        match Table::read() {
            Some(table) => table,
            None => return eprintln!("skipped: no protocol/openai_realtime.json in VOICEWIRE_SHARED"),
        }
    };
}

fn simulator() -> Simulator {
    let tool = json!({"name": "look", "description": "Looks.", "annotations": {"readOnlyHint": true}});
    let functions = json!([{"name": "f", "arguments": {"a": 1}}, {"name": "g"}]);
    let call = |words: &str, label: &str, key: &str, value: Value| json!({"when": {"text": words}, "mcp_call": {"server_label": label, "name": "look", key: value}});
    let rules = json!([
        {"mcp": {"good": [tool], "bad": "failed"}},
        {"when": {"text": "^speak"}, "say": "A few words. And some more of them."},
        {"when": {"text": "^call"}, "say": "One moment.", "tools": functions},
        call("^look", "good", "output", json!("seen")),
        call("^http", "good", "error", json!({"type": "http_error", "code": 500, "message": "m"})),
        call("^protocol", "good", "error", json!({"type": "protocol_error", "code": 1, "message": "m"})),
        call("^tool", "good", "error", json!("m")),
        call("^ask", "careful", "output", json!("seen")),
        {"when": {"text": "^fail"}, "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "m"}},
        {"when": {"text": "^part"}, "say": "Half of this is cut.", "reason": "content_filter"},
    ]);
    start_with(|config| {
        config.script = script(rules);
        config.faults = faults(json!([{"kind": "dtmf", "event": "1", "after_events": 2}]));
    })
}

/// Says something and gathers all up to the `count`-th end of a response.
async fn turn(client: &mut Client, words: &str, count: usize) -> Vec<Value> {
    let mut events = client.ask(words).await;
    for _ in 1..count {
        events.extend(client.until("response.done").await);
    }
    events
}

async fn configure(client: &mut Client) -> Vec<Value> {
    let server = |label: &str, approval: &str| json!({"type": "mcp", "server_label": label, "server_url": "https://x.test", "require_approval": approval});
    let function = json!({"type": "function", "name": "f", "description": "F", "parameters": {"type": "object"}});
    let session = json!({
        "type": "realtime",
        "reasoning": {"effort": "low"},
        "include": ["item.input_audio_transcription.logprobs"],
        "tools": [function, server("good", "never"), server("bad", "never"), server("careful", "always")],
        "prompt": {"id": "p", "variables": {"a": "b"}},
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
        "tracing": {"group_id": "g"},
        "audio": {"input": {"noise_reduction": {"type": "near_field"}, "turn_detection": {"type": "semantic_vad"}}},
    });
    client.send(json!({"type": "session.update", "session": session})).await;
    let mut events = Vec::new();
    for _ in 0..3 {
        events.extend(client.until("conversation.item.done").await);
    }
    events
}

async fn hear(client: &mut Client, model: &str) -> Vec<Value> {
    let detection = json!({"type": "server_vad", "create_response": false});
    let input = json!({"transcription": {"model": model}, "turn_detection": detection});
    client.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": input}}})).await;
    client.append(&[voice(1000), silence(400)].concat()).await;
    client.until("conversation.item.input_audio_transcription.completed").await
}

async fn hear_nothing(simulator: &Simulator, client: &mut Client) -> Vec<Value> {
    simulator.set_script(script(json!([{"transcription": "failed"}])));
    client.append(&[voice(1000), silence(400)].concat()).await;
    client.until("conversation.item.input_audio_transcription.failed").await
}

async fn approve(client: &mut Client) -> Vec<Value> {
    let mut events = turn(client, "ask", 1).await;
    let id = one(&events, "response.output_item.done")["item"]["id"].clone();
    let item = json!({"type": "mcp_approval_response", "approval_request_id": id, "approve": true, "reason": "yes"});
    client.send(json!({"type": "conversation.item.create", "item": item})).await;
    events.extend(client.until("response.done").await);
    events.extend(client.until("response.done").await);
    events
}

async fn change(client: &mut Client) -> Vec<Value> {
    let mut events = turn(client, "speak", 1).await;
    let id = one(&events, "response.output_item.done")["item"]["id"].clone();
    client
        .send(json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0, "audio_end_ms": 100}))
        .await;
    client.send(json!({"type": "conversation.item.retrieve", "item_id": id})).await;
    client.send(json!({"type": "conversation.item.delete", "item_id": id})).await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    events.extend(client.until("error").await);
    events
}

#[tokio::test]
async fn every_event_that_is_sent_has_the_declared_fields_and_no_others() {
    let table = table_or_skip!();
    let simulator = simulator();
    let mut client = Client::open(&simulator).await;

    let mut events = configure(&mut client).await;
    for (words, count) in
        [("speak", 1), ("call", 1), ("look", 2), ("http", 2), ("protocol", 2), ("tool", 2), ("fail", 1), ("part", 1)]
    {
        events.extend(turn(&mut client, words, count).await);
    }
    events.extend(approve(&mut client).await);
    events.extend(change(&mut client).await);
    client.update(json!({"output_modalities": ["text"]})).await;
    events.extend(turn(&mut client, "speak", 1).await);
    for model in ["gpt-realtime-whisper", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize"] {
        events.extend(hear(&mut client, model).await);
    }
    events.extend(hear_nothing(&simulator, &mut client).await);

    let problems: Vec<_> = events.iter().flat_map(|event| table.problems(event)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let sent = |kind: &str| NOT_SENT.contains(&kind) || !of_type(&events, kind).is_empty();
    let missing: Vec<_> = table.server_events().filter(|kind| !sent(kind)).collect();
    assert!(missing.is_empty(), "never sent: {missing:?}");
}

#[tokio::test]
async fn what_is_missing_or_undeclared_is_found() {
    let table = table_or_skip!();
    let event = json!({"type": "input_audio_buffer.committed", "event_id": 1, "extra": true});

    let problems = table.problems(&event).join("; ");

    for expected in ["item_id: missing", "extra: not declared", "event_id: 1 is no"] {
        assert!(problems.contains(expected), "{problems}");
    }
    assert!(table.client_events().len() > 30);
}

#[tokio::test]
async fn every_declared_field_of_a_client_event_is_known() {
    let table = table_or_skip!();
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;

    for event in table.client_events() {
        client.send(event.clone()).await;
        client.send(json!({"type": "conversation.item.delete", "item_id": "nobody", "event_id": "mark"})).await;

        let answers = client.until_mark("mark").await;

        let strange = ["unknown_parameter", "missing_required_parameter", "invalid_type"];
        let refused = answers.iter().find(|answer| strange.iter().any(|code| answer["error"]["code"] == *code));
        assert!(refused.is_none(), "{event}\n{refused:?}");
    }
}
