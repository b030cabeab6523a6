//! The order of events in each kind of turn (protocol notes, section 3).
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::*;

#[tokio::test]
async fn session_created_comes_first_with_the_defaults() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;

    let created = client.next().await;

    assert_eq!(created["type"], "session.created");
    assert_eq!(created["session"]["model"], "gpt-realtime");
    assert_eq!(created["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"], 200);
    assert_eq!(created["event_id"].as_str().unwrap().len(), "event_".len() + 21);
}

#[tokio::test]
async fn text_turn_keeps_the_order_of_section_3_1() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;

    let events = client.ask("hello there").await;

    let expected = [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&events), expected);
    assert_eq!(client.next().await["type"], "rate_limits.updated");
    let said = text(&events, "response.output_text.delta");
    assert_eq!(said, one(&events, "response.output_text.done")["text"]);
    assert!(said.contains("hello there"), "{said}");
    let done = &one(&events, "response.done")["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"][0]["content"][0]["type"], "output_text");
    assert!(done["usage"]["output_tokens"].as_u64().unwrap() > 0);
    assert!(of_type(&events, "response.output_text.delta").iter().all(|delta| delta["obfuscation"].is_string()));
}

#[tokio::test]
async fn audio_turn_by_text_leads_with_the_transcript() {
    let simulator = start_with(|config| config.script = script(json!([{"say": "Good morning to you, how are you?"}])));
    let mut client = Client::open(&simulator).await;

    let events = client.ask("hello").await;

    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let place = |kind| kinds.iter().position(|other| *other == kind).unwrap();
    assert!(place("response.output_audio_transcript.delta") < place("response.output_audio.delta"));
    let tail = [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(kinds[kinds.len() - 6..], tail);
    assert_eq!(one(&events, "response.content_part.added")["part"], json!({"type": "audio", "transcript": ""}));
    let done = one(&events, "response.done");
    assert_eq!(done["response"]["output"][0]["content"][0]["transcript"], "Good morning to you, how are you?");
    let tokens = done["response"]["usage"]["output_token_details"]["audio_tokens"].as_u64().unwrap();
    assert_eq!(tokens, (audio(&events).len() as u64).div_ceil(1200));
}

#[tokio::test]
async fn vad_turn_keeps_the_order_of_section_3_2() {
    let simulator = start_with(|config| {
        config.script =
            script(json!([{"when": {"audio": true}, "say": "Fine thanks and you?", "transcript": "How are you?"}]));
    });
    let mut client = Client::open(&simulator).await;
    client.update(json!({"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}})).await;
    for chunk in [silence(500), voice(1000), silence(500)].concat().chunks(2400) {
        client.append(chunk).await;
    }

    let events = client.until("response.done").await;

    let order = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ];
    assert_eq!(types(&events)[..6], order);
    let item_id = &events[0]["item_id"];
    assert!(events[..3].iter().all(|event| event["item_id"] == *item_id));
    assert_eq!(events[3]["item"]["content"][0]["transcript"], json!(null));
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let completed = kinds.iter().position(|kind| kind.ends_with("transcription.completed")).unwrap();
    let first_audio = kinds.iter().position(|kind| *kind == "response.output_audio.delta").unwrap();
    let last_audio = kinds.iter().rposition(|kind| *kind == "response.output_audio.delta").unwrap();
    assert!(first_audio < completed && completed < last_audio, "the transcript ends in the middle of the audio");
    assert_eq!(events[completed]["transcript"], "How are you?");
    assert_eq!(text(&events, "conversation.item.input_audio_transcription.delta"), "How are you?");
}

#[tokio::test]
async fn manual_turn_commits_and_waits_for_response_create() {
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    let updated = client.update(json!({"audio": {"input": {"turn_detection": null}}})).await;
    assert!(updated["session"]["audio"]["input"]["turn_detection"].is_null());

    client.append(&voice(1700)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    let committed = client.until("conversation.item.done").await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;
    client.send(json!({"type": "input_audio_buffer.clear"})).await;

    let expected = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"];
    assert_eq!(types(&committed), expected);
    let transcript = one(&events, "response.output_audio_transcript.done");
    assert!(transcript["transcript"].as_str().unwrap().contains("(speech, 1.7 s)"), "{transcript}");
    client.until("input_audio_buffer.cleared").await;
}

#[tokio::test]
async fn tool_round_keeps_the_order_of_section_3_4() {
    let call = json!({"name": "weather", "arguments": {"city": "Oslo"}});
    let rules = json!([{"when": {"text": "weather"}, "tools": [call]}]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = Client::open_text(&simulator).await;

    let events = client.ask("weather?").await;

    let expected = [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&events)[2..], expected);
    let done = one(&events, "response.function_call_arguments.done");
    assert_eq!((&done["name"], &done["arguments"]), (&json!("weather"), &json!(r#"{"city":"Oslo"}"#)));
    let item = json!({"type": "function_call_output", "call_id": done["call_id"], "output": "rain, weather as ever"});
    client.send(json!({"type": "conversation.item.create", "item": item})).await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;
    let output = &of_type(&events, "conversation.item.added")[0]["item"];
    assert!(output.get("status").is_none(), "{output}");
    let said = text(&events, "response.output_text.delta");
    assert_eq!(said, "weather answered: rain, weather as ever.");
}

#[tokio::test]
async fn parallel_calls_are_items_of_one_response() {
    let rules = json!([{"say": "One moment.", "tools": [{"name": "a"}, {"name": "b", "arguments": "{broken"}]}]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut client = Client::open_text(&simulator).await;

    let events = client.ask("go").await;

    let added = of_type(&events, "response.output_item.added");
    let indices: Vec<_> = added.iter().map(|event| event["output_index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2]);
    let output = &one(&events, "response.done")["response"]["output"];
    assert_eq!(output[0]["type"], "message");
    assert_eq!(output[2]["arguments"], "{broken");
}

#[tokio::test]
async fn out_of_band_responses_leave_the_conversation_alone() {
    let simulator = start();
    let mut client = Client::open_text(&simulator).await;
    let response = json!({"conversation": "none", "metadata": {"topic": "x"}, "instructions": "Classify"});

    client.send(json!({"type": "response.create", "response": response})).await;
    let events = client.until("response.done").await;

    assert!(!types(&events).iter().any(|kind| kind.starts_with("conversation.")));
    let done = &events.last().unwrap()["response"];
    assert_eq!(done["conversation_id"], json!(null));
    assert_eq!(done["metadata"], json!({"topic": "x"}));
    assert!(done["output"][0]["content"][0]["text"].as_str().unwrap().contains("Classify"));
}
