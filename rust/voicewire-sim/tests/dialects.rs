//! The other services: their paths, and what each does in its own way.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::*;
use tokio_tungstenite::tungstenite::Error;
use voicewire_sim::{Beta, Dialect, Simulator};

const AZURE: &str = "/openai/v1/realtime?model=my-deployment";
const AZURE_PREVIEW: &str = "/openai/realtime?api-version=2025-04-01-preview&deployment=my-deployment";
const VOICE_LIVE: &str = "/voice-live/realtime?api-version=2026-04-10&model=gpt-realtime";
const QWEN: &str = "/api-ws/v1/realtime?model=qwen3-omni-flash-realtime";

fn speaking(dialect: Option<Dialect>) -> Simulator {
    start_with(|config| {
        config.dialect = dialect;
        config.script = script(json!([
            {"when": {"text": "weather"}, "tools": [{"name": "weather", "arguments": {"city": "Oslo"}}], "say": "I look."},
            {"say": "Hello there."},
        ]));
    })
}

async fn open(simulator: &Simulator, path: &str) -> (Client, Value) {
    let mut client = Client::at(simulator, path, &[]).await.unwrap();
    let created = client.next().await;
    assert_eq!(created["type"], "session.created");
    (client, created["session"].clone())
}

async fn xai() -> (Simulator, Client) {
    let simulator = speaking(Some(Dialect::Xai));
    let mut client = Client::open(&simulator).await;
    client.until("ping").await;
    (simulator, client)
}

#[test]
fn every_dialect_has_a_name() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::from_name(dialect.name()), Some(dialect));
    }
    assert_eq!(Dialect::from_name("gemini"), None);
}

#[tokio::test]
async fn each_path_speaks_its_dialect() {
    let simulator = start();
    let (_, session) = open(&simulator, AZURE).await;
    assert_eq!((&session["type"], &session["model"]), (&json!("realtime"), &json!("my-deployment")));
    let (_, session) = open(&simulator, AZURE_PREVIEW).await;
    assert_eq!((&session["modalities"], &session["model"]), (&json!(["text", "audio"]), &json!("my-deployment")));
    let (_, session) = open(&simulator, VOICE_LIVE).await;
    assert_eq!(session["voice"], json!({"name": "alloy", "type": "openai"}));
    let (_, session) = open(&simulator, QWEN).await;
    assert_eq!((&session["voice"], &session["input_audio_format"]), (&json!("Cherry"), &json!("pcm")));
}

#[tokio::test]
async fn a_dialect_can_be_forced_on_every_path() {
    for (dialect, key) in [(Dialect::Beta, "modalities"), (Dialect::Ga, "output_modalities"), (Dialect::Xai, "voice")] {
        let simulator = speaking(Some(dialect));
        for path in ["/v1/realtime?model=m", AZURE] {
            let (_, session) = open(&simulator, path).await;
            assert!(session.get(key).is_some(), "{session}");
        }
    }
}

#[tokio::test]
async fn azures_dated_paths_want_their_parameters() {
    let simulator = start();
    for path in [
        "/openai/realtime?deployment=d",
        "/voice-live/realtime?model=m",
        "/openai/realtime?api-version=2025-04-01-preview",
    ] {
        let refused = Client::at(&simulator, path, &[]).await.map(|_| ());
        assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 400), "{path}");
    }
    let agent = "/voice-live/realtime?api-version=2026-04-10&agent-id=a";
    open(&simulator, agent).await;
}

#[tokio::test]
async fn azure_takes_its_key_from_three_places() {
    let simulator = start_with(|config| config.api_key = Some("azure-key".to_owned()));
    for header in [("api-key", "azure-key"), ("authorization", "Bearer azure-key")] {
        Client::at(&simulator, AZURE, &[header]).await.unwrap();
    }
    Client::at(&simulator, &format!("{AZURE_PREVIEW}&api-key=azure-key"), &[]).await.unwrap();
    let query = Client::at(&simulator, "/v1/realtime?model=m&api-key=azure-key", &[]).await;
    assert!(matches!(query, Err(Error::Http(_))), "OpenAI has no key in its query");
    assert!(!format!("{:?}", simulator.connections()).contains("azure-key"));
}

#[tokio::test]
async fn azure_tells_a_content_part_twice() {
    let simulator = speaking(None);
    let (mut client, _) = open(&simulator, AZURE).await;

    let events = client.ask("Hi").await;

    for kind in ["response.content_part.added", "response.content_part.done"] {
        let event = one(&events, kind);
        assert_eq!(event["part"], event["content"]);
        assert_eq!(event["part"]["type"], "audio");
    }
    assert!(events.iter().any(|event| event["type"] == "response.output_audio.delta"));
}

#[tokio::test]
async fn azure_preview_speaks_beta_without_its_header() {
    let simulator = start_with(|config| config.beta = Beta::Refuse);
    let (mut client, _) = open(&simulator, AZURE_PREVIEW).await;
    assert_eq!(client.next().await["type"], "conversation.created");

    let events = client.ask("Hi").await;

    assert!(types(&events).contains(&"response.audio.delta"));
    assert!(types(&events).contains(&"conversation.item.created"));
}

#[tokio::test]
async fn voice_live_echoes_what_is_its_own() {
    let simulator = speaking(None);
    let (mut client, _) = open(&simulator, VOICE_LIVE).await;
    let voice = json!({"type": "azure-standard", "name": "en-US-Ava", "temperature": 0.8});
    let update = json!({
        "modalities": ["text", "audio"],
        "voice": voice,
        "input_audio_sampling_rate": 16_000,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16_16000hz",
        "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
        "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
        "turn_detection": {"type": "azure_semantic_vad", "remove_filler_words": true},
        "input_audio_transcription": {"model": "azure-speech", "phrase_list": ["voicewire"]},
    });

    let session = client.update_as_is(update).await;

    assert_eq!(session["voice"], voice);
    assert_eq!(session["input_audio_sampling_rate"], 16_000);
    assert_eq!(
        (&session["input_audio_format"], &session["output_audio_format"]),
        (&json!("pcm16"), &json!("pcm16_16000hz"))
    );
    assert_eq!(session["input_audio_echo_cancellation"]["type"], "server_echo_cancellation");
    assert_eq!(session["turn_detection"]["type"], "azure_semantic_vad");
    assert_eq!(session["turn_detection"]["silence_duration_ms"], 500);
    assert_eq!(session["input_audio_transcription"]["phrase_list"], json!(["voicewire"]));
    let events = client.ask("Hi").await;
    assert_eq!(one(&events, "response.created")["response"]["voice"], voice);
    assert_eq!(one(&events, "response.done")["response"]["output_audio_format"], "pcm16_16000hz");
    assert!(!types(&events).contains(&"rate_limits.updated"));
    let error = client.refused(json!({"type": "session.update", "session": {"input_audio_gain": 2}})).await;
    assert_eq!(error["param"], "session.input_audio_gain");
}

#[tokio::test]
async fn voice_live_hears_at_its_sampling_rate() {
    let simulator = speaking(None);
    let (mut client, _) = open(&simulator, VOICE_LIVE).await;
    let update = json!({"input_audio_sampling_rate": 16_000, "turn_detection": null, "input_audio_transcription": {"model": "whisper-1"}});
    client.update_as_is(update).await;

    client.append(&vec![0; 16_000]).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    let events = client.until("conversation.item.input_audio_transcription.completed").await;

    let completed = events.last().unwrap();
    assert_eq!(completed["transcript"], "(speech, 1.0 s)");
    assert!(completed.get("usage").is_none());
}

#[tokio::test]
async fn qwen_hears_16_khz_and_nests_its_tools() {
    let simulator = speaking(None);
    let (mut client, _) = open(&simulator, QWEN).await;
    let tools = json!([{"type": "function", "function": {"name": "weather", "description": "d", "parameters": {}}}]);
    let update = json!({
        "tools": tools,
        "modalities": ["text"],
        "enable_search": true,
        "input_audio_transcription": {"model": "gummy-realtime-v1"},
        "turn_detection": null,
    });

    let session = client.update_as_is(update).await;
    client.append(&vec![0; 16_000]).await;
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    let heard = client.until("conversation.item.input_audio_transcription.completed").await;

    assert_eq!((&session["tools"], &session["enable_search"]), (&tools, &json!(true)));
    assert_eq!(heard.last().unwrap()["transcript"], "(speech, 1.0 s)");
    let deltas = of_type(&heard, "conversation.item.input_audio_transcription.delta");
    let last = deltas.last().unwrap();
    assert_eq!((&last["text"], &last["stash"]), (&json!("(speech, 1.0 s)"), &json!("")));
    assert!(last.get("delta").is_none());
    let events = client.ask("weather").await;
    let usage = &one(&events, "response.done")["response"]["usage"];
    assert!(usage["input_tokens_details"]["text_tokens"].is_u64() && usage.get("input_token_details").is_none());
    assert_eq!(one(&events, "response.function_call_arguments.done")["arguments"], r#"{"city":"Oslo"}"#);
    let error = client.refused(json!({"type": "response.cancel", "event_id": "mine"})).await;
    assert!(error.get("event_id").is_none());
}

#[tokio::test]
async fn qwen_sees_pictures_and_says_nothing_about_them() {
    let simulator = speaking(None);
    let (mut client, _) = open(&simulator, QWEN).await;

    client.send(json!({"type": "input_image_buffer.append", "image": "AAAA"})).await;
    let session = client.update_as_is(json!({"turn_detection": {"type": "semantic_vad", "threshold": 0.4}})).await;

    assert_eq!(session["turn_detection"], json!({"type": "semantic_vad", "threshold": 0.4}));
}

#[tokio::test]
async fn xai_greets_with_a_conversation_and_a_ping() {
    let simulator = speaking(Some(Dialect::Xai));
    let (mut client, session) = open(&simulator, "/v1/realtime?model=grok-voice-latest").await;

    let (conversation, ping) = (client.next().await, client.next().await);

    assert_eq!((&session["voice"], &session["turn_detection"]), (&json!("ara"), &json!({"type": null})));
    assert_eq!(session["model"], "grok-voice-latest");
    assert_eq!(session["id"].as_str().unwrap().len(), 32);
    assert_eq!(conversation["type"], "conversation.created");
    assert_eq!((&ping["type"], ping["timestamp"].is_u64()), (&json!("ping"), true));
}

#[tokio::test]
async fn xais_session_is_half_beta() {
    let (_simulator, mut client) = xai().await;
    let format = |rate: u32| json!({"format": {"type": "audio/pcm", "rate": rate}});
    let update = json!({
        "instructions": "Be brief.",
        "voice": "eve",
        "turn_detection": {"type": "server_vad"},
        "audio": {"input": format(8_000), "output": format(48_000)},
        "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "web_search"}],
    });

    let session = client.update_as_is(update).await;

    assert_eq!((&session["voice"], &session["instructions"]), (&json!("eve"), &json!("Be brief.")));
    assert_eq!(session["turn_detection"], json!({"type": "server_vad"}));
    assert_eq!(session["audio"]["input"]["format"]["rate"], 8_000);
    assert_eq!(session["audio"]["output"]["format"]["rate"], 48_000);
    assert_eq!(session["tools"][0]["function"]["name"], "f");
    let wrong = json!({"audio": {"input": format(96_000)}});
    let error = client.refused(json!({"type": "session.update", "session": wrong})).await;
    assert_eq!(error["param"], "session.audio.input.format.rate");
}

#[tokio::test]
async fn xais_answer_has_an_order_and_fields_of_its_own() {
    let (_simulator, mut client) = xai().await;

    let events = client.ask("Hi").await;

    let kinds = types(&events);
    let place = |kind: &str| kinds.iter().position(|other| *other == kind).unwrap();
    assert!(place("response.content_part.done") < place("response.output_audio.done"));
    assert!(place("response.output_audio.done") < place("response.output_item.done"));
    assert!(!kinds.contains(&"conversation.item.done") && !kinds.contains(&"rate_limits.updated"));
    assert!(one(&events, "response.content_part.done").get("part").is_none());
    let deltas = of_type(&events, "response.output_audio.delta");
    assert_eq!(deltas[0]["audio_duration_ms"], 250);
    assert!(deltas[0]["latency"].is_string() && deltas[1].get("latency").is_none());
    let created = &one(&events, "response.created")["response"];
    assert_eq!((&created["status_details"], &created["usage"]), (&json!("unimplemented"), &json!({})));
    let done = one(&events, "response.done");
    assert_eq!(
        (&done["response"]["status_details"], &done["response"]["usage"]),
        (&json!("unimplemented"), &json!({}))
    );
    assert_eq!(done["response_id"], done["response"]["id"]);
    assert!(done["usage"]["output_tokens"].as_u64().unwrap() > 0);
    assert_eq!(done["response"]["output"][0]["content"][0]["type"], "audio");
    let item_id = of_type(&events, "response.output_item.added")[0]["item"]["id"].as_str().unwrap();
    assert_eq!((item_id.len(), item_id.matches('-').count()), (36, 4));
    assert_eq!(client.next().await["type"], "ping");
}

#[tokio::test]
async fn xais_calls_have_no_index_and_a_role() {
    let (_simulator, mut client) = xai().await;

    let events = client.ask("weather").await;

    assert!(of_type(&events, "response.function_call_arguments.delta")
        .iter()
        .all(|event| event.get("output_index").is_none()));
    let done = one(&events, "response.function_call_arguments.done");
    assert_eq!((&done["name"], &done["output_index"]), (&json!("weather"), &json!(0)));
    assert!(done["call_id"].as_str().unwrap().starts_with("call-"));
    let call = of_type(&events, "response.output_item.done").last().unwrap()["item"].clone();
    assert_eq!((&call["type"], &call["role"]), (&json!("function_call"), &json!("user")));
    let output = json!({"type": "function_call_output", "call_id": done["call_id"], "output": "Rain"});
    client.send(json!({"type": "conversation.item.create", "item": output})).await;
    let added = client.until("conversation.item.added").await.pop().unwrap();
    assert_eq!((&added["item"]["role"], &added["item"]["status"]), (&json!("tool"), &json!("completed")));
}

#[tokio::test]
async fn xais_transcripts_grow_and_have_a_status() {
    let (_simulator, mut client) = xai().await;
    client.update_as_is(json!({"audio": {"input": {"transcription": {"model": "grok-transcribe"}}}})).await;

    client.append(&voice(1_000)).await;
    client.send(json!({"type": "conversation.item.commit"})).await;
    let events = client.until("conversation.item.input_audio_transcription.completed").await;

    let updated = of_type(&events, "conversation.item.input_audio_transcription.updated");
    assert_eq!(updated.last().unwrap()["transcript"], "(speech, 1.0 s)");
    assert!(updated.len() > 1);
    assert_eq!(events.last().unwrap()["status"], "completed");
    assert!(events.iter().all(|event| event["type"] != "conversation.item.input_audio_transcription.delta"));
}

#[tokio::test]
async fn xais_key_is_taken_from_its_subprotocol() {
    let simulator = start_with(|config| {
        config.api_key = Some("xai-right".to_owned());
        config.dialect = Some(Dialect::Xai);
    });
    let header = ("sec-websocket-protocol", "xai-client-secret.xai-right, realtime");

    let mut client = Client::with(&simulator, "/realtime?model=grok", &[header]).await.unwrap();

    assert_eq!(client.next().await["type"], "session.created");
    assert!(!format!("{:?}", simulator.connections()).contains("xai-right"));
}
