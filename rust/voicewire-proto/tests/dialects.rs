//! One configuration in the words of each service, and what a service says it made of it.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::{kinds, refusal, types, Session};
use voicewire_proto::openai::{
    encode_session, Dialect, SessionType, ALL, AZURE, AZURE_PREVIEW, BETA, GA, QWEN, VOICE_LIVE, XAI,
};
use voicewire_proto::{Body, Command, Endpoint, EndpointOptions, Event, Kind, Outcome, Protocol, SessionConfig};

fn config(options: Value) -> SessionConfig {
    let Value::Object(options) = options else { panic!("options are an object") };
    SessionConfig::from_options(options).unwrap()
}

fn encoded(dialect: &Dialect, options: Value) -> (Value, Vec<String>) {
    let encoded = encode_session(dialect, SessionType::Realtime, &config(options));
    (Value::Object(encoded.session), encoded.unexpressed)
}

fn url(dialect: &Dialect, given: Option<&str>) -> String {
    let options =
        EndpointOptions { url: given.map(str::to_owned), model: "m".to_owned(), ..EndpointOptions::default() };
    Endpoint::new(&dialect.endpoint, &options).unwrap().url.to_string()
}

fn mismatch(events: &[Event]) -> Vec<String> {
    let found = events.iter().find_map(|event| match &event.body {
        Body::ConfigMismatch(fields) => Some(fields.clone()),
        _ => None,
    });
    found.unwrap_or_default()
}

fn options() -> Value {
    json!({
        "instructions": "Be brief.", "voice": "marin", "modalities": ["audio"], "speed": 1.5,
        "turn_detection": {"type": "server_vad", "threshold": 0.6}, "input_format": "pcm16", "output_format": "pcm16",
        "input_transcription": {"model": "t"}, "language": "en", "noise_reduction": "near_field",
        "tools": [{"type": "function", "name": "f", "parameters": {}}], "tool_choice": "auto",
        "parallel_tool_calls": true, "reasoning": "low", "max_output_tokens": 100, "temperature": 0.7,
        "truncation": "auto",
    })
}

#[test]
fn ga_writes_nested_audio_and_has_no_temperature() {
    let (session, unexpressed) = encoded(&GA, options());

    assert_eq!(unexpressed, ["temperature"]);
    let tools = json!([{"type": "function", "name": "f", "parameters": {}}]);
    let input = json!({
        "turn_detection": {"type": "server_vad", "threshold": 0.6}, "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "t", "language": "en"}, "noise_reduction": {"type": "near_field"},
    });
    let output = json!({"voice": "marin", "speed": 1.5, "format": {"type": "audio/pcm", "rate": 24_000}});
    let expected = json!({
        "type": "realtime", "instructions": "Be brief.", "output_modalities": ["audio"],
        "audio": {"input": input, "output": output}, "tools": tools, "tool_choice": "auto",
        "parallel_tool_calls": true, "reasoning": {"effort": "low"}, "max_output_tokens": 100, "truncation": "auto",
    });
    assert_eq!(session, expected);
    assert_eq!(encoded(&AZURE, options()), (session, unexpressed));
}

#[test]
fn beta_writes_a_flat_session_without_a_type() {
    let (session, unexpressed) = encoded(&BETA, options());

    assert_eq!(unexpressed, ["parallel_tool_calls", "reasoning", "truncation"]);
    let expected = json!({
        "instructions": "Be brief.", "voice": "marin", "modalities": ["text", "audio"], "speed": 1.5,
        "turn_detection": {"type": "server_vad", "threshold": 0.6},
        "input_audio_format": "pcm16", "output_audio_format": "pcm16",
        "input_audio_transcription": {"model": "t", "language": "en"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "tools": [{"type": "function", "name": "f", "parameters": {}}], "tool_choice": "auto",
        "max_response_output_tokens": 100, "temperature": 0.7,
    });
    assert_eq!(session, expected);
    assert_eq!(encoded(&AZURE_PREVIEW, options()), (session, unexpressed));
}

#[test]
fn voice_live_tells_the_input_rate_beside_the_format() {
    let given = json!({"input_format": {"type": "pcm16", "rate": 16_000},
        "output_format": {"type": "pcm16", "rate": 8_000}, "reasoning": {"effort": "low"}});

    let (session, unexpressed) = encoded(&VOICE_LIVE, given.clone());

    let expected = json!({"input_audio_format": "pcm16", "input_audio_sampling_rate": 16_000,
        "output_audio_format": "pcm16_8000hz", "reasoning_effort": "low"});
    assert_eq!((session, unexpressed), (expected, vec![]));
    assert_eq!(VOICE_LIVE.audio_encoder(&config(given.clone())).sample_rate, 16_000);
    assert_eq!(VOICE_LIVE.output_sample_rate(&config(given)), 8_000);
}

#[test]
fn xai_has_voice_and_turns_at_the_top_and_takes_many_rates() {
    let given = json!({"voice": "ara", "turn_detection": null, "input_format": {"type": "pcm16", "rate": 16_000},
        "input_transcription": {"model": "grok-transcribe"}});

    let (session, unexpressed) = encoded(&XAI, given.clone());

    let input = json!({"format": {"type": "audio/pcm", "rate": 16_000}, "transcription": {"model": "grok-transcribe"}});
    let expected = json!({"voice": "ara", "turn_detection": null, "audio": {"input": input}});
    assert_eq!((session, unexpressed), (expected, vec![]));
    assert_eq!(XAI.audio_encoder(&config(given)).sample_rate, 16_000);
}

#[test]
fn qwen_listens_at_16_khz_and_nests_its_tools() {
    let given = json!({"input_format": "pcm16", "tools": [{"type": "function", "name": "f", "description": "d"}]});

    let (session, _) = encoded(&QWEN, given);

    let expected = json!({"input_audio_format": "pcm",
        "tools": [{"type": "function", "function": {"name": "f", "description": "d"}}]});
    assert_eq!(session, expected);
    assert_eq!(QWEN.audio_encoder(&SessionConfig::default()).sample_rate, 16_000);
    assert_eq!(QWEN.output_sample_rate(&SessionConfig::default()), 24_000);
}

#[test]
fn a_rate_that_a_service_does_not_take_is_told() {
    let given = json!({"input_format": {"type": "pcm16", "rate": 16_000}});

    let told: Vec<bool> = ALL.iter().map(|dialect| encoded(dialect, given.clone()).1.is_empty()).collect();

    assert_eq!(told, [false, false, false, false, true, true, true]);
}

#[test]
fn a_transcription_session_has_the_options_of_listening_only() {
    let config = config(json!({"instructions": "x", "input_transcription": {"model": "t"}, "turn_detection": null}));

    let encoded = encode_session(&GA, SessionType::Transcription, &config);

    let input = json!({"transcription": {"model": "t"}, "turn_detection": null});
    assert_eq!(Value::Object(encoded.session), json!({"type": "transcription", "audio": {"input": input}}));
    assert_eq!(encoded.unexpressed, ["instructions"]);
}

#[test]
fn transcription_without_a_model_gets_the_dialect_s() {
    let model = |dialect: &Dialect, path: &str| {
        let (session, _) = encoded(dialect, json!({"input_transcription": {"language": "de"}}));
        session.pointer(path).cloned().unwrap()
    };
    assert_eq!(model(&GA, "/audio/input/transcription"), json!({"model": "gpt-4o-mini-transcribe", "language": "de"}));
    assert_eq!(model(&XAI, "/audio/input/transcription/model"), "grok-transcribe");
    assert_eq!(model(&VOICE_LIVE, "/input_audio_transcription/model"), "whisper-1");
}

#[test]
fn a_voice_told_as_an_object_is_the_voice() {
    let mut session = Session::of(&VOICE_LIVE, json!({"voice": "alloy"}));
    session.receive(0, json!({"type": "session.created", "session": {"id": "s"}}));
    session.written(0);

    let told = json!({"voice": {"type": "openai", "name": "alloy"}});
    assert_eq!(kinds(&session.receive(1, json!({"type": "session.updated", "session": told}))), ["server"]);
}

#[test]
fn extras_pass_as_they_are() {
    let given = json!({"extra": {"tracing": "auto", "audio": {"output": {"x": 1}}}, "voice": "marin"});

    let (session, _) = encoded(&GA, given);

    let output = json!({"voice": "marin", "x": 1});
    assert_eq!(session, json!({"type": "realtime", "tracing": "auto", "audio": {"output": output}}));
}

#[test]
fn each_service_is_reached_at_its_own_path() {
    let azure = Some("https://res.openai.azure.com");
    assert_eq!(url(&GA, None), "wss://api.openai.com/v1/realtime?model=m");
    assert_eq!(url(&XAI, None), "wss://api.x.ai/v1/realtime?model=m");
    assert_eq!(url(&QWEN, None), "wss://dashscope.aliyuncs.com/api-ws/v1/realtime?model=m");
    assert_eq!(url(&AZURE, azure), "wss://res.openai.azure.com/openai/v1/realtime?model=m");
    let dated = "wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=m";
    assert_eq!(url(&AZURE_PREVIEW, azure), dated);
    let live = "wss://res.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01&model=m";
    assert_eq!(url(&VOICE_LIVE, Some("https://res.services.ai.azure.com/")), live);
}

#[test]
fn a_version_in_the_url_wins_over_the_default() {
    let given = Some("wss://res.openai.azure.com/openai/realtime?api-version=2024-10-01-preview");

    let expected = "wss://res.openai.azure.com/openai/realtime?api-version=2024-10-01-preview&deployment=m";
    assert_eq!(url(&AZURE_PREVIEW, given), expected);
}

#[test]
fn a_dialect_without_an_address_asks_for_one() {
    for dialect in [&BETA, &AZURE, &AZURE_PREVIEW, &VOICE_LIVE] {
        let error = Endpoint::new(&dialect.endpoint, &EndpointOptions::default()).unwrap_err();

        assert_eq!(error.field, "url");
    }
}

#[test]
fn keys_travel_as_each_service_wants_them() {
    let header = |dialect: &Dialect, is_token: bool| {
        let options = EndpointOptions {
            url: Some("wss://host/v1".into()),
            api_key: Some("secret-key".into()),
            is_token,
            ..EndpointOptions::default()
        };
        Endpoint::new(&dialect.endpoint, &options).unwrap().headers
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(header(&GA, false), [pair("Authorization", "Bearer secret-key")]);
    assert_eq!(header(&AZURE, false), [pair("api-key", "secret-key")]);
    assert_eq!(header(&AZURE, true), [pair("Authorization", "Bearer secret-key")]);
    let beta = [pair("OpenAI-Beta", "realtime=v1"), pair("Authorization", "Bearer secret-key")];
    assert_eq!(header(&BETA, false), beta);
}

#[test]
fn a_call_is_joined_without_a_model() {
    let options = EndpointOptions { model: "m".into(), call_id: Some("rtc_1".into()), ..EndpointOptions::default() };

    let url = Endpoint::new(&GA.endpoint, &options).unwrap().url;

    assert_eq!(url.as_str(), "wss://api.openai.com/v1/realtime?call_id=rtc_1");
}

#[test]
fn an_update_tells_what_the_server_made_of_it() {
    let mut session = Session::open();
    let given = json!({"voice": "marin", "temperature": 0.5, "speed": 1.1,
        "turn_detection": {"type": "server_vad", "threshold": 0.6}});
    let (receipt, _) = session.send(Command::UpdateSession(Box::new(config(given))));
    session.written(0);
    let output = json!({"voice": "alloy", "speed": 1.100000023841858});
    let detection = json!({"type": "server_vad", "threshold": 0.6000000238418579, "silence_duration_ms": 200});
    let audio = json!({"output": output, "input": {"turn_detection": detection}});

    let events =
        session.receive(1, json!({"type": "session.updated", "session": {"type": "realtime", "audio": audio}}));

    assert_eq!(kinds(&events), ["server", "config_mismatch"]);
    assert_eq!(mismatch(&events), ["voice", "temperature"]);
    let settled = session.protocol.poll_settled().unwrap();
    assert_eq!((settled.receipt, settled.ignored), (receipt, vec!["voice".to_owned(), "temperature".to_owned()]));
}

#[test]
fn what_a_server_shows_in_its_own_way_is_no_mismatch() {
    let mut session = Session::of(
        &XAI,
        json!({"turn_detection": null,
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}]}),
    );
    session.receive(0, json!({"type": "session.created", "session": {"id": "s"}}));
    session.written(0);
    let function = json!({"name": "f", "description": "d", "parameters": {"type": "object"}});
    let tools = json!([{"type": "function", "function": function}]);

    let events = session.receive(
        1,
        json!({"type": "session.updated", "session":
        {"tools": tools, "turn_detection": {"type": null}}}),
    );

    assert_eq!(kinds(&events), ["server"]);
}

#[test]
fn credentials_that_are_not_echoed_are_no_mismatch() {
    let mut session = Session::of(&GA, json!({"tools": [{"type": "mcp", "server_label": "x", "authorization": "t"}]}));
    session.receive(0, json!({"type": "session.created", "session": {"id": "s"}}));
    session.written(0);

    let echo = json!({"tools": [{"type": "mcp", "server_label": "x", "server_url": "u"}]});
    let events = session.receive(1, json!({"type": "session.updated", "session": echo}));

    assert_eq!(kinds(&events), ["server"]);
}

#[test]
fn a_server_without_a_session_object_is_not_compared() {
    let mut session = Session::of(&GA, json!({"voice": "marin"}));
    session.receive(0, json!({"type": "session.created"}));
    session.written(0);

    assert_eq!(kinds(&session.receive(1, json!({"type": "session.updated"}))), ["server"]);
}

#[test]
fn a_refused_update_tells_no_mismatch() {
    let mut session = Session::open();
    let (receipt, event_id) = session.send(Command::UpdateSession(Box::new(config(json!({"temperature": 1})))));
    session.written(0);

    let events = session.receive(1, refusal("unknown_parameter", &event_id));

    assert_eq!(kinds(&events), ["error"]);
    assert!(matches!(session.settled()[..], [(settled, Outcome::Failed(_))] if settled == receipt));
}

#[test]
fn the_rate_that_a_server_tells_is_the_rate_of_its_audio() {
    let mut session = Session::open();
    let format = json!({"type": "audio/pcm", "rate": 16_000});
    session.receive(0, json!({"type": "session.updated", "session": {"audio": {"output": {"format": format}}}}));

    let events = session.audio(1, "r", "a", 160);

    assert!(matches!(events[0].body, Body::Audio { sample_rate: 16_000, .. }));
}

#[test]
fn history_follows_the_configuration_in_the_dialect_s_words() {
    let user = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]});
    let model = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]});
    let mut session = Session::of(&BETA, json!({"voice": "ash", "history": [user, model]}));

    session.receive(0, json!({"type": "session.created", "session": {"id": "s"}}));

    let sent = session.written(0);
    assert_eq!(types(&sent), ["session.update", "conversation.item.create", "conversation.item.create"]);
    assert_eq!(sent[0]["session"], json!({"voice": "ash"}));
    assert_eq!(sent[2]["item"]["content"], json!([{"type": "text", "text": "Hello."}]));
}

#[test]
fn a_refused_item_of_the_history_is_told() {
    let item = json!({"type": "message", "role": "user", "content": []});
    let mut session = Session::of(&GA, json!({"history": [item]}));
    session.receive(0, json!({"type": "session.created", "session": {"id": "s"}}));
    let id = session.written(0)[0]["event_id"].as_str().unwrap().to_owned();

    let events = session.receive(1, refusal("invalid_value", &id));

    assert_eq!(events[0].kind(), Kind::Error);
}
