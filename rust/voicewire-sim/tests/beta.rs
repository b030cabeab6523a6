//! The beta shape: every rename of the table, in and out.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use voicewire_sim::{Beta, Simulator};

fn allowing() -> Simulator {
    start_with(|config| config.beta = Beta::Allow)
}

fn answering(reply: Value) -> Simulator {
    start_with(|config| {
        config.beta = Beta::Allow;
        config.script = script(json!([reply]));
    })
}

async fn text_session(simulator: &Simulator) -> Client {
    let mut client = Client::open_beta(simulator).await;
    client.update_as_is(json!({"modalities": ["text"]})).await;
    client
}

#[tokio::test]
async fn the_greeting_is_the_session_then_the_conversation() {
    let simulator = allowing();
    let header = [("openai-beta", "realtime=v1")];
    let mut client = Client::with(&simulator, "/realtime?model=gpt-4o-realtime-preview", &header).await.unwrap();

    let (created, conversation) = (client.next().await, client.next().await);

    let session = &created["session"];
    assert_eq!((&created["type"], &session["object"]), (&json!("session.created"), &json!("realtime.session")));
    assert_eq!(session["model"], "gpt-4o-realtime-preview");
    assert_eq!((&session["voice"], &session["speed"]), (&json!("alloy"), &json!(1.0)));
    assert_eq!(session["input_audio_format"], "pcm16");
    assert_eq!(session["output_audio_format"], "pcm16");
    assert_eq!(session["turn_detection"]["type"], "server_vad");
    assert_eq!(session["temperature"], 0.8);
    assert_eq!(session["max_response_output_tokens"], "inf");
    assert!(["type", "audio", "output_modalities", "max_output_tokens"].iter().all(|key| session.get(key).is_none()));
    assert_eq!(conversation["type"], "conversation.created");
    assert_eq!(conversation["conversation"]["object"], "realtime.conversation");
    assert!(conversation["event_id"].as_str().unwrap().starts_with("event_"));
    let events = client.ask("Hi").await;
    assert_eq!(one(&events, "response.created")["response"]["conversation_id"], conversation["conversation"]["id"]);
}

#[tokio::test]
async fn a_flat_session_update_is_taken_and_echoed() {
    let simulator = allowing();
    let mut client = Client::open_beta(&simulator).await;
    let update = json!({
        "modalities": ["text", "audio"],
        "instructions": "Be brief.",
        "voice": "verse",
        "speed": 1.25,
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_alaw",
        "turn_detection": {"type": "semantic_vad", "eagerness": "low", "create_response": true, "interrupt_response": false},
        "input_audio_transcription": {"model": "whisper-1", "language": "de", "prompt": null},
        "input_audio_noise_reduction": {"type": "near_field"},
        "max_response_output_tokens": 100,
        "temperature": 0.6,
        "tool_choice": "none",
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {}}],
    });

    let session = client.update_as_is(update.clone()).await;

    for (key, value) in update.as_object().unwrap() {
        assert_eq!(&session[key], value, "{key}");
    }
}

#[tokio::test]
async fn null_switches_turn_detection_off() {
    let simulator = allowing();
    let mut client = Client::open_beta(&simulator).await;

    let session = client.update_as_is(json!({"turn_detection": null, "input_audio_transcription": null})).await;

    assert_eq!(session["turn_detection"], Value::Null);
}

#[tokio::test]
async fn a_text_answer_has_the_beta_names_in_order() {
    let simulator = answering(json!({"say": "Hello."}));
    let mut client = text_session(&simulator).await;

    let events = client.ask("Hi").await;

    let expected = [
        "conversation.item.created",
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ];
    assert_eq!(types(&events), expected);
    assert_eq!(text(&events, "response.text.delta"), "Hello.");
    assert_eq!(one(&events, "response.text.done")["text"], "Hello.");
    assert!(events.iter().all(|event| event.get("obfuscation").is_none()));
}

#[tokio::test]
async fn a_spoken_answer_has_the_beta_names_in_order() {
    let simulator = answering(json!({"say": "Hello."}));
    let mut client = Client::open_beta(&simulator).await;

    let events = client.ask("Hi").await;

    let mut kinds = types(&events);
    kinds.retain(|kind| kind.starts_with("response.audio"));
    assert_eq!(kinds.first(), Some(&"response.audio_transcript.delta"));
    assert_eq!(kinds[kinds.len() - 2..], ["response.audio.done", "response.audio_transcript.done"]);
    assert!(kinds.contains(&"response.audio.delta"));
    let delta = of_type(&events, "response.audio.delta")[0];
    assert!(!delta["delta"].as_str().unwrap().is_empty());
    assert_eq!(delta["output_index"], 0);
    assert!(events.iter().all(|event| !event["type"].as_str().unwrap().contains("output_audio")));
}

#[tokio::test]
async fn items_and_responses_have_the_beta_words() {
    let simulator = answering(json!({"say": "Hello."}));
    let mut client = Client::open_beta(&simulator).await;

    let events = client.ask("Hi").await;

    let items: Vec<_> = of_type(&events, "conversation.item.created").iter().map(|event| &event["item"]).collect();
    assert!(items.iter().all(|item| item["object"] == "realtime.item"));
    assert_eq!(items[0]["content"][0]["type"], "input_text");
    let part = &one(&events, "response.content_part.added")["part"];
    assert_eq!(part, &json!({"type": "audio", "transcript": ""}));
    let item = &one(&events, "response.output_item.done")["item"];
    assert_eq!(item["content"], json!([{"type": "audio", "transcript": "Hello."}]));
    let response = &one(&events, "response.done")["response"];
    assert_eq!(response["object"], "realtime.response");
    assert_eq!(response["modalities"], json!(["text", "audio"]));
    assert_eq!((&response["voice"], &response["temperature"]), (&json!("alloy"), &json!(0.8)));
    assert_eq!(response["output_audio_format"], "pcm16");
    assert_eq!(&response["output"][0], item);
    assert!(["output_modalities", "audio"].iter().all(|key| response.get(key).is_none()));
    assert!(of_type(&events, "conversation.item.done").is_empty());
}

#[tokio::test]
async fn usage_has_the_beta_keys() {
    let simulator = allowing();
    let mut client = text_session(&simulator).await;

    let events = client.ask("Hi").await;

    let usage = &one(&events, "response.done")["response"]["usage"];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&usage["input_token_details"]), ["text_tokens", "audio_tokens", "cached_tokens"]);
    assert_eq!(keys(&usage["output_token_details"]), ["text_tokens", "audio_tokens"]);
    assert!(usage["total_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn rate_limits_come_once_and_before_the_first_item() {
    let simulator = allowing();
    let mut client = text_session(&simulator).await;

    let mut events = client.ask("One").await;
    events.extend(client.ask("Two").await);

    assert_eq!(of_type(&events, "rate_limits.updated").len(), 2);
    let limits = events.iter().position(|event| event["type"] == "rate_limits.updated").unwrap();
    assert_eq!(events[limits - 1]["type"], "response.created");
    assert_eq!(events[limits]["rate_limits"][0]["name"], "requests");
}

#[tokio::test]
async fn a_response_takes_its_own_beta_wishes() {
    let simulator = answering(json!({"say": "Hello."}));
    let mut client = Client::open_beta(&simulator).await;
    client.say("Hi").await;
    let wanted = json!({
        "modalities": ["audio", "text"],
        "voice": "sage",
        "output_audio_format": "g711_ulaw",
        "temperature": 1.2,
        "max_output_tokens": 200,
        "instructions": "Whisper.",
        "metadata": {"topic": "x"},
    });

    client.send(json!({"type": "response.create", "response": wanted})).await;
    let events = client.until("response.done").await;

    for kind in ["response.created", "response.done"] {
        let response = &one(&events, kind)["response"];
        assert_eq!((&response["voice"], &response["temperature"]), (&json!("sage"), &json!(1.2)));
        assert_eq!(response["output_audio_format"], "g711_ulaw");
        assert_eq!(response["max_output_tokens"], 200);
        assert_eq!(response["metadata"], json!({"topic": "x"}));
    }
    let next = client.ask("Again").await;
    assert_eq!(one(&next, "response.created")["response"]["temperature"], 0.8);
}

#[tokio::test]
async fn both_names_of_a_responses_token_limit_are_taken() {
    let simulator = answering(json!({"say": "One two three four five six seven eight nine ten."}));
    let mut client = text_session(&simulator).await;
    client.say("Count").await;

    client.send(json!({"type": "response.create", "response": {"max_response_output_tokens": 2}})).await;
    let events = client.until("response.done").await;

    assert_eq!(one(&events, "response.done")["response"]["status"], "incomplete");
}

#[tokio::test]
async fn an_assistants_words_are_taken_under_beta_names() {
    let simulator = allowing();
    let mut client = text_session(&simulator).await;
    let content = json!([{"type": "text", "text": "I said so."}]);
    let item = json!({"id": "item_a", "type": "message", "role": "assistant", "content": content});

    client.send(json!({"type": "conversation.item.create", "item": item})).await;
    client.send(json!({"type": "conversation.item.retrieve", "item_id": "item_a"})).await;
    let events = client.until("conversation.item.retrieved").await;

    assert_eq!(one(&events, "conversation.item.created")["item"]["content"], content);
    assert_eq!(events.last().unwrap()["item"]["content"], content);
    let audio = json!({"type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "Aloud."}]});
    client.send(json!({"type": "conversation.item.create", "item": audio})).await;
    let created = client.until("conversation.item.created").await.pop().unwrap();
    assert_eq!(created["item"]["content"], json!([{"type": "audio", "transcript": "Aloud."}]));
}

#[tokio::test]
async fn a_calls_arguments_end_without_its_name() {
    let tools = json!([{"name": "weather", "arguments": {"city": "Oslo"}}]);
    let simulator = answering(json!({"tools": tools}));
    let mut client = text_session(&simulator).await;

    let events = client.ask("Weather?").await;

    let done = one(&events, "response.function_call_arguments.done");
    assert!(done.get("name").is_none());
    assert!(done["arguments"].as_str().unwrap().contains("Oslo"));
    let item = &one(&events, "response.output_item.done")["item"];
    assert_eq!((&item["object"], &item["name"]), (&json!("realtime.item"), &json!("weather")));
    let output = json!({"type": "function_call_output", "call_id": item["call_id"], "output": "Rain"});
    client.send(json!({"type": "conversation.item.create", "item": output})).await;
    let created = client.until("conversation.item.created").await.pop().unwrap();
    assert_eq!(created["item"]["output"], "Rain");
}

#[tokio::test]
async fn a_spoken_turn_is_heard_in_beta() {
    let simulator = allowing();
    let mut client = Client::open_beta(&simulator).await;
    client.update_as_is(json!({"input_audio_transcription": {"model": "whisper-1"}})).await;

    client.append(&voice(600)).await;
    client.append(&silence(600)).await;
    let events = client.until("conversation.item.input_audio_transcription.completed").await;

    let expected = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "response.created",
        "rate_limits.updated",
    ];
    assert_eq!(types(&events)[..6], expected);
    assert_eq!(one(&events[..4], "conversation.item.created")["item"]["object"], "realtime.item");
}

#[tokio::test]
async fn a_transcription_session_has_its_own_events() {
    let simulator = allowing();
    let header = [("openai-beta", "realtime=v1")];
    let mut client = Client::with(&simulator, "/realtime?intent=transcription", &header).await.unwrap();
    let created = client.next().await;

    let session = json!({"input_audio_format": "pcm16", "input_audio_transcription": {"model": "gpt-4o-transcribe"}});
    client.send(json!({"type": "transcription_session.update", "session": session})).await;
    let updated = client.until("transcription_session.updated").await.pop().unwrap();

    assert_eq!(created["type"], "transcription_session.created");
    assert_eq!(created["session"]["object"], "realtime.transcription_session");
    assert_eq!(updated["session"]["input_audio_transcription"]["model"], "gpt-4o-transcribe");
    assert!(updated["session"].get("voice").is_none());
    client.append(&voice(300)).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    client.until("conversation.item.input_audio_transcription.completed").await;
    assert_eq!(client.refused(json!({"type": "response.create"})).await["code"], "invalid_value");
}

#[tokio::test]
async fn a_cancelled_response_ends_in_beta() {
    let simulator = start_with(|config| {
        config.beta = Beta::Allow;
        config.pace = 12.0;
    });
    let mut client = Client::open_beta(&simulator).await;
    client.say("Tell me a long story about a simulator and its many clients.").await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.audio.delta").await;

    client.send(json!({"type": "response.cancel"})).await;
    let events = client.until("response.done").await;

    let response = &one(&events, "response.done")["response"];
    assert_eq!((&response["status"], &response["temperature"]), (&json!("cancelled"), &json!(0.8)));
    assert_eq!(response["status_details"]["reason"], "client_cancelled");
    assert_eq!(one(&events, "response.output_item.done")["item"]["status"], "incomplete");
}

#[tokio::test]
async fn equal_seeds_give_equal_ids_in_beta() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let simulator = allowing();
        let mut client = text_session(&simulator).await;
        let events = client.ask("Hi").await;
        let ids: Vec<_> = events.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
        seen.push(ids);
    }

    assert_eq!(seen[0], seen[1]);
    let mut ids = seen[0].clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), seen[0].len(), "no id comes twice");
}
