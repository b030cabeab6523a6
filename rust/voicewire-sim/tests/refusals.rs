//! What is wrong with a client event is told by its code, its path and the client's event id (protocol notes, 3.11).
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;

async fn refused(client: &mut Client, mut event: Value) -> Value {
    event["event_id"] = "mine".into();
    client.send(event).await;
    let error = client.until("error").await.pop().unwrap()["error"].clone();
    assert_eq!((&error["type"], &error["event_id"]), (&json!("invalid_request_error"), &json!("mine")), "{error}");
    error
}

fn update(session: Value) -> Value {
    let mut session = session;
    session["type"] = "realtime".into();
    json!({"type": "session.update", "session": session})
}

fn respond(response: Value) -> Value {
    json!({"type": "response.create", "response": response})
}

fn create(item: Value) -> Value {
    json!({"type": "conversation.item.create", "item": item})
}

fn user(part: Value) -> Value {
    create(json!({"type": "message", "role": "user", "content": [part]}))
}

fn truncate(audio_end_ms: i64) -> Value {
    json!({"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": audio_end_ms})
}

#[tokio::test]
async fn unknown_parameters_are_named_with_their_path() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let function = json!({"type": "function", "name": "a", "strict": true});
    for (event, param) in [
        (json!({"type": "input_audio_buffer.commit", "final": true}), "final"),
        (json!({"type": "response.cancel", "reason": "x"}), "reason"),
        (update(json!({"temperature": 0.8})), "session.temperature"),
        (update(json!({"audio": {"output": {"modalities": []}}})), "session.audio.output.modalities"),
        (update(json!({"tools": [function]})), "session.tools[0].strict"),
        (respond(json!({"modalities": ["text"]})), "response.modalities"),
        (respond(json!({"audio": {"output": {"speed": 1.0}}})), "response.audio.output.speed"),
        (user(json!({"type": "input_text", "text": "x", "language": "en"})), "item.content[0].language"),
        (create(json!({"type": "function_call_output", "call_id": "c", "output": "", "name": "f"})), "item.name"),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!((&error["code"], &error["param"]), (&json!("unknown_parameter"), &json!(param)), "{error}");
    }
}

#[tokio::test]
async fn missing_parameters_are_named_with_their_path() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    for (event, param) in [
        (json!({"type": "session.update"}), "session"),
        (json!({"type": "session.update", "session": {}}), "session.type"),
        (json!({"type": "input_audio_buffer.append"}), "audio"),
        (json!({"type": "conversation.item.delete"}), "item_id"),
        (json!({"type": "conversation.item.retrieve"}), "item_id"),
        (json!({"type": "conversation.item.truncate", "item_id": "x", "content_index": 0}), "audio_end_ms"),
        (create(json!({"type": "message", "content": []})), "item.role"),
        (user(json!({"type": "input_text"})), "item.content[0].text"),
        (create(json!({"type": "function_call_output", "output": ""})), "item.call_id"),
        (create(json!({"type": "mcp_approval_response", "approve": true})), "item.approval_request_id"),
        (update(json!({"tools": [{"type": "mcp", "server_url": "https://x.test"}]})), "session.tools[0].server_label"),
        (update(json!({"tools": [{"type": "mcp", "server_label": "x"}]})), "session.tools[0].server_url"),
        (update(json!({"tool_choice": {"type": "function"}})), "session.tool_choice.name"),
        (respond(json!({"input": [{"type": "item_reference"}]})), "response.input[0].id"),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!((&error["code"], &error["param"]), (&json!("missing_required_parameter"), &json!(param)), "{error}");
    }
}

#[tokio::test]
async fn wrong_types_are_named_with_their_path() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    for (event, param) in [
        (update(json!({"instructions": 1})), "session.instructions"),
        (update(json!({"audio": []})), "session.audio"),
        (update(json!({"tools": {}})), "session.tools"),
        (json!({"type": "input_audio_buffer.append", "audio": [1, 2]}), "audio"),
        (respond(json!({"metadata": {"a": 1}})), "response.metadata.a"),
        (respond(json!({"max_output_tokens": true})), "response.max_output_tokens"),
        (create(json!({"type": "message", "role": "user", "content": "x"})), "item.content"),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_type"), &json!(param)), "{error}");
    }
}

#[tokio::test]
async fn wrong_values_of_sessions_are_named_with_their_path() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let detection = |detection: Value| update(json!({"audio": {"input": {"turn_detection": detection}}}));
    let server = json!({"type": "mcp", "server_label": "x", "server_url": "https://x.test"});
    for (event, param) in [
        (json!({"type": "no.such.event"}), "type"),
        (json!({"type": "session.update", "session": {"type": "video"}}), "session.type"),
        (update(json!({"max_output_tokens": 0})), "session.max_output_tokens"),
        (update(json!({"max_output_tokens": 4097})), "session.max_output_tokens"),
        (update(json!({"max_output_tokens": "all"})), "session.max_output_tokens"),
        (update(json!({"audio": {"output": {"speed": 0.2}}})), "session.audio.output.speed"),
        (
            update(json!({"truncation": {"type": "retention_ratio", "retention_ratio": 2.0}})),
            "session.truncation.retention_ratio",
        ),
        (update(json!({"output_modalities": ["text", "audio"]})), "session.output_modalities"),
        (
            update(json!({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}})),
            "session.audio.input.format.rate",
        ),
        (update(json!({"reasoning": {"effort": "extreme"}})), "session.reasoning.effort"),
        (update(json!({"model": "another"})), "session.model"),
        (update(json!({"tools": [server, server]})), "session.tools[1].server_label"),
        (
            detection(json!({"type": "server_vad", "idle_timeout_ms": 4999})),
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            detection(json!({"type": "semantic_vad", "eagerness": "keen"})),
            "session.audio.input.turn_detection.eagerness",
        ),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!(param)), "{error}");
    }
}

#[tokio::test]
async fn wrong_values_of_items_and_responses_are_named_with_their_path() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let pairs: serde_json::Map<_, _> = (0..17).map(|index| (format!("k{index}"), json!("v"))).collect();
    for (event, param) in [
        (respond(json!({"metadata": pairs})), "response.metadata"),
        (respond(json!({"metadata": {"k".repeat(65): "v"}})), "response.metadata"),
        (respond(json!({"conversation": "other"})), "response.conversation"),
        (respond(json!({"input": [{"type": "item_reference", "id": "nobody"}]})), "response.input[0].id"),
        (
            create(json!({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c".repeat(33)})),
            "item.call_id",
        ),
        (create(json!({"type": "message", "id": "i".repeat(33), "role": "user", "content": []})), "item.id"),
        (
            create(json!({"type": "mcp_approval_response", "approval_request_id": "x", "approve": true})),
            "item.approval_request_id",
        ),
        (user(json!({"type": "output_text", "text": "x"})), "item.content[0].type"),
        (user(json!({"type": "input_audio", "audio": "???"})), "item.content[0].audio"),
        (user(json!({"type": "input_image", "image_url": "https://x.test/a.png"})), "item.content[0].image_url"),
        (json!({"type": "input_audio_buffer.append", "audio": "A".repeat((15 << 20) / 3 * 4 + 8)}), "audio"),
        (truncate(0), "audio_end_ms"),
        (truncate(-1), "audio_end_ms"),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!(param)), "{error}");
    }
}

#[tokio::test]
async fn unknown_items_and_idle_commands_have_codes_of_their_own() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    for (event, code) in [
        (json!({"type": "conversation.item.retrieve", "item_id": "x"}), "item_retrieve_invalid_item_id"),
        (json!({"type": "conversation.item.delete", "item_id": "x"}), "item_delete_invalid_item_id"),
        (truncate(100), "item_truncate_invalid_item_id"),
        (json!({"type": "response.cancel"}), "response_cancel_not_active"),
        (json!({"type": "response.cancel", "response_id": "resp_x"}), "response_cancel_not_active"),
        (json!({"type": "input_audio_buffer.commit"}), "input_audio_buffer_commit_empty"),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!(error["code"], code, "{error}");
    }
}

#[tokio::test]
async fn a_long_event_id_is_refused() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;

    client.send(json!({"type": "response.create", "event_id": "e".repeat(513)})).await;
    let long = client.until("error").await.pop().unwrap();
    client.send(json!({"type": "response.create", "event_id": "e".repeat(512)})).await;

    assert_eq!(long["error"]["param"], "event_id");
    client.until("response.created").await;
}

#[tokio::test]
async fn clearing_output_audio_is_for_webrtc() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;

    let error = refused(&mut client, json!({"type": "output_audio_buffer.clear"})).await;

    assert_eq!(error["code"], "invalid_value");
}
