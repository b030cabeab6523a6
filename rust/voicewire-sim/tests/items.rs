//! Conversation items: create, retrieve, truncate, delete, and what is wrong with a client event.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use tokio_tungstenite::tungstenite::Message;

fn message(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

async fn refused(client: &mut Client, event: Value) -> Value {
    client.send(event).await;
    client.until("error").await.pop().unwrap()["error"].clone()
}

#[tokio::test]
async fn items_keep_client_ids_and_places() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let create =
        |item, previous: Value| json!({"type": "conversation.item.create", "item": item, "previous_item_id": previous});

    client.send(create(message("one", "1"), json!(null))).await;
    client.send(create(message("three", "3"), json!(null))).await;
    client.send(create(message("two", "2"), json!("one"))).await;
    client.send(create(message("zero", "0"), json!("root"))).await;

    let mut places = Vec::new();
    for _ in 0..4 {
        let done = client.until("conversation.item.done").await.pop().unwrap();
        places.push((done["item"]["id"].clone(), done["previous_item_id"].clone()));
    }
    let expected = [("one", json!(null)), ("three", json!("one")), ("two", json!("one")), ("zero", json!(null))];
    assert_eq!(places, expected.map(|(id, previous)| (json!(id), previous)));
    let duplicate = refused(&mut client, create(message("one", "again"), json!(null))).await;
    assert_eq!(duplicate["code"], "item_create_duplicate_item_id");
    let lost = refused(&mut client, create(message("x", "x"), json!("nobody"))).await;
    assert_eq!(lost["param"], "previous_item_id");
}

#[tokio::test]
async fn audio_items_are_retrieved_with_their_audio() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let events = client.ask("hello").await;
    let item = &one(&events, "response.output_item.done")["item"];

    client.send(json!({"type": "conversation.item.retrieve", "item_id": item["id"]})).await;

    let retrieved = client.until("conversation.item.retrieved").await.pop().unwrap();
    let part = &retrieved["item"]["content"][0];
    assert_eq!(part["transcript"], item["content"][0]["transcript"]);
    let base64_length = (audio(&events).len() * 2).div_ceil(3) * 4;
    assert_eq!(part["audio"].as_str().unwrap().len(), base64_length);
}

#[tokio::test]
async fn truncation_drops_the_transcript_and_checks_the_length() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let events = client.ask("hello").await;
    let id = one(&events, "response.output_item.done")["item"]["id"].clone();
    let length_ms = audio(&events).len() / 24;
    let truncate = |ms: usize| json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0, "audio_end_ms": ms});

    let long = refused(&mut client, truncate(length_ms + 1)).await;
    client.send(truncate(500)).await;
    let truncated = client.until("conversation.item.truncated").await.pop().unwrap();
    client.send(json!({"type": "conversation.item.retrieve", "item_id": id})).await;
    let retrieved = client.until("conversation.item.retrieved").await.pop().unwrap();

    let message = format!("Audio content of {length_ms}ms is already shorter than {}ms", length_ms + 1);
    assert_eq!(long["message"], message);
    assert_eq!((&truncated["item_id"], &truncated["audio_end_ms"]), (&id, &json!(500)));
    let part = &retrieved["item"]["content"][0];
    assert!(part.get("transcript").is_none());
    assert_eq!(part["audio"].as_str().unwrap().len(), 32_000);
}

#[tokio::test]
async fn deleted_items_are_gone() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    client.send(json!({"type": "conversation.item.create", "item": message("one", "secret")})).await;

    client.send(json!({"type": "conversation.item.delete", "item_id": "one"})).await;
    let deleted = client.until("conversation.item.deleted").await.pop().unwrap();
    let again = refused(&mut client, json!({"type": "conversation.item.delete", "item_id": "one"})).await;
    let retrieve = refused(&mut client, json!({"type": "conversation.item.retrieve", "item_id": "one"})).await;
    let events = client.ask("hello").await;

    assert_eq!(deleted["item_id"], "one");
    assert_eq!(again["code"], "item_delete_invalid_item_id");
    assert_eq!(retrieve["code"], "item_retrieve_invalid_item_id");
    assert!(!text(&events, "response.output_text.delta").contains("secret"));
}

#[tokio::test]
async fn spoken_answers_are_deleted_like_others() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let events = client.ask("hello").await;
    let id = one(&events, "response.output_item.done")["item"]["id"].clone();

    client.send(json!({"type": "conversation.item.delete", "item_id": id})).await;

    client.until("conversation.item.deleted").await;
    client.ask("still there?").await;
}

#[tokio::test]
async fn wrong_events_are_errors_and_the_session_goes_on() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let wrong_part = json!({"type": "message", "role": "user", "content": [{"type": "output_text", "text": "x"}]});
    let orphan = json!({"type": "function_call_output", "call_id": "call_x", "output": "1"});
    let create = |item: Value| json!({"type": "conversation.item.create", "event_id": "e", "item": item});
    for (event, code, param) in [
        (json!({"type": "no.such.event", "event_id": "e"}), "invalid_value", "type"),
        (json!({"event_id": "e"}), "missing_required_parameter", "type"),
        (json!({"type": "conversation.item.create", "event_id": "e"}), "missing_required_parameter", "item"),
        (json!({"type": "response.create", "event_id": "e", "foo": 1}), "unknown_parameter", "foo"),
        (
            json!({"type": "response.create", "event_id": "e", "response": {"voice": "x"}}),
            "unknown_parameter",
            "response.voice",
        ),
        (create(wrong_part), "invalid_value", "item.content[0].type"),
        (create(message(&"x".repeat(33), "long id")), "invalid_value", "item.id"),
        (create(orphan), "invalid_tool_call_id", "item.call_id"),
    ] {
        let error = refused(&mut client, event).await;
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{error}");
        assert_eq!(error["event_id"], "e");
    }
    futures_util::SinkExt::send(&mut client.socket, Message::text("{not json")).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], "invalid_json");
    futures_util::SinkExt::send(&mut client.socket, Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(client.next().await["type"], "error");
    client.ask("still there?").await;
}

#[tokio::test]
async fn large_messages_are_taken() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    client.update(json!({"audio": {"input": {"turn_detection": null}}})).await;

    client.append(&silence(300_000)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;

    client.until("input_audio_buffer.committed").await;
}

async fn create(client: &mut Client, item: Value) -> Vec<Value> {
    client.send(json!({"type": "conversation.item.create", "item": item})).await;
    client.until("conversation.item.done").await
}

#[tokio::test]
async fn every_kind_of_item_is_added_then_done() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let assistant = json!([{"type": "output_text", "text": "Hi"}, {"type": "output_audio", "transcript": "there"}]);
    for (item, status) in [
        (
            json!({"type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}),
            json!("completed"),
        ),
        (json!({"type": "message", "role": "assistant", "content": assistant}), json!("completed")),
        (json!({"type": "function_call", "name": "f", "call_id": "c1", "arguments": "{}"}), json!("completed")),
        (json!({"type": "function_call_output", "call_id": "c1", "output": "1"}), json!(null)),
        (json!({"type": "mcp_list_tools", "server_label": "s", "tools": []}), json!(null)),
        (
            json!({"type": "mcp_approval_request", "id": "r", "server_label": "s", "name": "f", "arguments": "{}"}),
            json!(null),
        ),
        (
            json!({"type": "mcp_call", "id": "m", "server_label": "s", "name": "f", "arguments": "{}", "output": "1"}),
            json!(null),
        ),
    ] {
        let events = create(&mut client, item.clone()).await;

        let expected = ["conversation.item.added", "conversation.item.done"];
        assert_eq!(types(&events)[events.len() - 2..], expected);
        let done = &events.last().unwrap()["item"];
        assert_eq!((&done["type"], &done["status"]), (&item["type"], &status));
        assert_eq!((&done["content"], &done["arguments"]), (&item["content"], &item["arguments"]));
        assert!(done["id"].is_string());
    }
}

#[tokio::test]
async fn audio_of_the_client_is_heard_kept_and_hidden() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let audio = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, vec![1u8; 48_000]);
    let content = json!([
        {"type": "input_text", "text": "Listen"},
        {"type": "input_audio", "audio": audio, "transcript": "good morning"},
    ]);

    let events = create(&mut client, json!({"type": "message", "role": "user", "content": content})).await;
    let item = events.last().unwrap()["item"].clone();
    client.send(json!({"type": "conversation.item.retrieve", "item_id": item["id"]})).await;
    let retrieved = client.until("conversation.item.retrieved").await.pop().unwrap();
    let answered = client.ask_nothing().await;

    assert_eq!(item["content"][1], json!({"type": "input_audio", "transcript": "good morning"}));
    assert_eq!(retrieved["item"]["content"][1]["audio"], audio);
    assert!(text(&answered, "response.output_text.delta").contains("good morning"));
    let usage = &answered.last().unwrap()["response"]["usage"]["input_token_details"];
    assert_eq!(usage["audio_tokens"], 10);
}

#[tokio::test]
async fn only_spoken_answers_are_truncated() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let events = client.ask("hello").await;
    let written = one(&events, "response.output_item.done")["item"]["id"].clone();
    let asked = events[0]["item"]["id"].clone();
    for (id, param) in [(written, "content_index"), (asked, "item_id")] {
        let event =
            json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0, "audio_end_ms": 100});

        let error = refused(&mut client, event).await;

        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_value"), &json!(param)));
    }
}
