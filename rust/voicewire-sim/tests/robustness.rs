//! Wrong values in every place of every client event: errors, never the end of the connection.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use tokio_tungstenite::tungstenite::Message;

/// Valid events that hold most fields.
fn templates() -> Vec<Value> {
    let content = json!([{"type": "input_audio", "audio": "AAAA", "transcript": "x"}]);
    let item = json!({"id": "i", "type": "message", "role": "user", "status": "completed", "content": content});
    let detection = json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 1, "silence_duration_ms": 1});
    let input = json!({"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": detection, "transcription": {"model": "m"}});
    let audio = json!({"input": input, "output": {"voice": "alloy", "speed": 1.0, "format": {"type": "audio/pcma"}}});
    let tool = json!({"type": "function", "name": "f", "parameters": {"required": ["a"], "properties": {"a": {"type": "string"}}}});
    let session = json!({
        "type": "realtime", "audio": audio, "tools": [tool], "tool_choice": "auto", "instructions": "x",
        "max_output_tokens": 9, "output_modalities": ["text"], "truncation": "auto", "tracing": "auto", "prompt": {"id": "p"},
    });
    let response = json!({
        "conversation": "none", "metadata": {"a": "b"}, "input": [item], "output_modalities": ["audio"],
        "max_output_tokens": 5, "tool_choice": {"type": "function", "name": "f"}, "tools": [tool],
        "audio": {"output": {"voice": {"id": "v"}, "format": {"type": "audio/pcmu"}}},
    });
    vec![
        json!({"type": "session.update", "event_id": "e", "session": session}),
        json!({"type": "input_audio_buffer.append", "audio": "AAAA"}),
        json!({"type": "input_audio_buffer.commit"}),
        json!({"type": "conversation.item.create", "previous_item_id": "root", "item": item}),
        json!({"type": "conversation.item.retrieve", "item_id": "i"}),
        json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1}),
        json!({"type": "response.create", "response": response}),
        json!({"type": "response.cancel", "response_id": "r"}),
        json!({"type": "conversation.item.delete", "item_id": "i"}),
    ]
}

fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    for (key, value) in value.as_object().into_iter().flatten() {
        paths(value, &format!("{path}/{key}"), found);
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        paths(value, &format!("{path}/{index}"), found);
    }
}

#[tokio::test]
async fn no_wrong_value_ends_a_session() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let wrong = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1e300),
        json!(i64::MAX),
        json!(""),
        json!("\u{1F600}"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"type": "message"}),
        json!({"type": 7}),
    ];

    let mut sent = 0;
    for template in templates() {
        let mut found = Vec::new();
        paths(&template, "", &mut found);
        for (path, value) in found.iter().flat_map(|path| wrong.iter().map(move |value| (path, value))) {
            let mut event = template.clone();
            *event.pointer_mut(path).unwrap() = value.clone();
            client.send(event).await;
            sent += 1;
        }
        // Whatever was answered is read here, or the simulator would stop reading us.
        client.send(json!({"type": "no.such.event", "event_id": "mark"})).await;
        while client.next().await["error"]["event_id"] != "mark" {}
    }
    futures_util::SinkExt::send(&mut client.socket, Message::text("[".repeat(100_000))).await.unwrap();
    client.send(json!({"type": "input_audio_buffer.clear"})).await;

    client.until("input_audio_buffer.cleared").await;
    assert!(sent > 700, "{sent}");
    assert_eq!(simulator.connections().len(), 1);
}
