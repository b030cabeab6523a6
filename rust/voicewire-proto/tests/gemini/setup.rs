//! How each neutral option is written as `setup`.

use serde_json::{json, Value};
use voicewire_proto::gemini::{encode_setup, Profile, GEMINI};
use voicewire_proto::Body;

use crate::support::{config, kinds, newest, oldest, realtime_only};

fn generation(options: Value) -> Value {
    oldest().with(options).setup()["generationConfig"].take()
}

fn detection(options: Value) -> Value {
    oldest().with(json!({"turn_detection": options})).setup()["realtimeInputConfig"].take()
}

fn unexpressed(options: Value) -> Vec<String> {
    encode_setup(&Profile::read(&json!({"thinking": "budget"})), &config(options)).unexpressed
}

fn thinking(style: &str, effort: Value) -> Value {
    let encoded = encode_setup(&Profile::read(&json!({"thinking": style})), &config(json!({"reasoning": effort})));
    Value::Object(encoded.setup)["generationConfig"]["thinkingConfig"].take()
}

#[test]
fn a_session_without_options_speaks_transcribes_and_can_be_resumed() {
    let expected = json!({
        "model": "models/test-live",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "outputAudioTranscription": {},
        "contextWindowCompression": {"slidingWindow": {}},
        "sessionResumption": {},
    });

    assert_eq!(oldest().setup(), expected);
}

#[test]
fn a_session_that_never_reconnects_asks_for_no_handles() {
    assert!(oldest().for_good().setup().get("sessionResumption").is_none());
}

#[test]
fn a_handle_of_the_user_s_own_goes_out_without_reconnects() {
    let own = json!({"extra": {"sessionResumption": {"handle": "mine"}}});

    assert_eq!(oldest().for_good().with(own).setup()["sessionResumption"], json!({"handle": "mine"}));
}

#[test]
fn instructions_are_a_system_instruction() {
    let setup = oldest().with(json!({"instructions": "Be brief."})).setup();

    assert_eq!(setup["systemInstruction"], json!({"parts": [{"text": "Be brief."}]}));
}

#[test]
fn a_voice_is_a_name_or_gemini_s_own_object() {
    let named = generation(json!({"voice": "Kore"}));
    let own = generation(json!({"voice": {"replicatedVoiceConfig": {"mimeType": "audio/wav"}}}));

    let expected = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}});
    assert_eq!(named["speechConfig"], expected);
    assert_eq!(own["speechConfig"]["voiceConfig"], json!({"replicatedVoiceConfig": {"mimeType": "audio/wav"}}));
}

#[test]
fn voice_and_language_share_the_speech_config() {
    let speech = generation(json!({"voice": "Puck", "language": "de-DE"}))["speechConfig"].take();

    assert_eq!(speech["languageCode"], "de-DE");
    assert_eq!(speech["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"], "Puck");
}

#[test]
fn temperature_and_the_limit_of_output_belong_to_the_generation() {
    let limited = generation(json!({"temperature": 0.4, "max_output_tokens": 512}));

    assert_eq!((&limited["temperature"], &limited["maxOutputTokens"]), (&json!(0.4), &json!(512)));
    assert!(generation(json!({"max_output_tokens": "inf"})).get("maxOutputTokens").is_none());
}

#[test]
fn text_alone_needs_no_transcript() {
    let setup = oldest().with(json!({"modalities": ["text"]})).setup();

    assert_eq!(setup["generationConfig"]["responseModalities"], json!(["TEXT"]));
    assert!(setup.get("outputAudioTranscription").is_none());
}

#[test]
fn text_and_audio_together_are_audio_with_a_transcript() {
    let setup = oldest().with(json!({"modalities": ["text", "audio"]})).setup();

    assert_eq!(setup["generationConfig"]["responseModalities"], json!(["AUDIO"]));
    assert_eq!(setup["outputAudioTranscription"], json!({}));
}

#[test]
fn turns_by_hand_switch_the_detection_off() {
    assert_eq!(detection(Value::Null), json!({"automaticActivityDetection": {"disabled": true}}));
}

#[test]
fn server_vad_is_written_in_gemini_s_words() {
    let options = json!({
        "type": "server_vad", "threshold": 0.8, "prefix_padding_ms": 200, "silence_duration_ms": 700,
        "create_response": true,
    });

    let expected = json!({"automaticActivityDetection": {
        "startOfSpeechSensitivity": "START_SENSITIVITY_LOW", "prefixPaddingMs": 200, "silenceDurationMs": 700,
    }});
    assert_eq!(detection(options), expected);
}

#[test]
fn a_low_threshold_is_a_high_sensitivity_and_the_middle_the_default() {
    let low = detection(json!({"threshold": 0.3}));

    assert_eq!(low["automaticActivityDetection"]["startOfSpeechSensitivity"], "START_SENSITIVITY_HIGH");
    assert_eq!(detection(json!({"threshold": 0.5})), Value::Null);
}

#[test]
fn eagerness_is_the_sensitivity_for_the_end_of_speech() {
    let sensitivity = |eagerness: &str| {
        let mut written = detection(json!({"type": "semantic_vad", "eagerness": eagerness}));
        written["automaticActivityDetection"]["endOfSpeechSensitivity"].take()
    };

    assert_eq!(sensitivity("low"), "END_SENSITIVITY_LOW");
    assert_eq!(sensitivity("high"), "END_SENSITIVITY_HIGH");
    assert_eq!(detection(json!({"type": "semantic_vad", "eagerness": "auto"})), Value::Null);
}

#[test]
fn detection_takes_gemini_s_own_words() {
    let own = json!({"startOfSpeechSensitivity": "START_SENSITIVITY_HIGH", "disabled": false});

    assert_eq!(detection(own.clone()), json!({"automaticActivityDetection": own}));
}

#[test]
fn an_answer_that_is_not_to_be_interrupted_says_so() {
    let quiet = detection(json!({"type": "server_vad", "interrupt_response": false}));

    assert_eq!(quiet, json!({"activityHandling": "NO_INTERRUPTION"}));
    assert_eq!(detection(json!({"type": "server_vad", "interrupt_response": true})), Value::Null);
}

#[test]
fn functions_are_declared_with_their_json_schema() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let weather =
        json!({"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": schema});
    let clock = json!({"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}});

    let setup = oldest().with(json!({"tools": [weather, clock]})).setup();

    let declarations = json!([
        {"name": "weather", "description": "Tells the weather.", "parametersJsonSchema": schema},
        {"name": "clock"},
    ]);
    assert_eq!(setup["tools"], json!([{"functionDeclarations": declarations}]));
}

#[test]
fn tools_of_the_service_stand_beside_the_functions() {
    let tools = json!([
        {"type": "google_search"},
        {"type": "function", "name": "clock", "behavior": "NON_BLOCKING"},
        {"codeExecution": {}},
    ]);

    let setup = oldest().with(json!({"tools": tools})).setup();

    let declared = json!({"functionDeclarations": [{"name": "clock", "behavior": "NON_BLOCKING"}]});
    assert_eq!(setup["tools"], json!([declared, {"googleSearch": {}}, {"codeExecution": {}}]));
}

#[test]
fn a_choice_of_no_tool_declares_none() {
    let tools = json!([{"type": "function", "name": "clock"}]);

    assert!(oldest().with(json!({"tools": tools, "tool_choice": "none"})).setup().get("tools").is_none());
    assert!(oldest().with(json!({"tools": tools, "tool_choice": "auto"})).setup().get("tools").is_some());
}

#[test]
fn reasoning_is_a_budget_for_models_that_count_tokens() {
    assert_eq!(thinking("budget", json!("minimal")), json!({"thinkingBudget": 0}));
    assert_eq!(thinking("budget", json!({"effort": "low"})), json!({"thinkingBudget": 1024}));
    assert_eq!(thinking("budget", json!("high")), json!({"thinkingBudget": -1}));
    assert_eq!(thinking("budget", json!({"includeThoughts": true})), json!({"includeThoughts": true}));
}

#[test]
fn reasoning_is_a_level_for_models_that_have_levels() {
    assert_eq!(thinking("level", json!("low")), json!({"thinkingLevel": "LOW"}));
    assert_eq!(thinking("level", json!({"effort": "xhigh"})), json!({"thinkingLevel": "XHIGH"}));
    assert_eq!(thinking("level", json!("none")), json!({"thinkingLevel": "MINIMAL"}));
}

#[test]
fn reasoning_is_left_out_where_the_model_refuses_it() {
    let encoded = encode_setup(&Profile::read(&Value::Null), &config(json!({"reasoning": "low"})));

    assert_eq!(encoded.unexpressed, ["reasoning"]);
    assert!(encoded.setup["generationConfig"].get("thinkingConfig").is_none());
}

#[test]
fn truncation_is_the_compression_of_the_context() {
    let compression =
        |value: Value| oldest().with(json!({"truncation": value})).setup()["contextWindowCompression"].take();

    assert_eq!(compression(json!("auto")), json!({"slidingWindow": {}}));
    assert_eq!(compression(json!("disabled")), Value::Null);
    assert_eq!(compression(json!({"triggerTokens": 9000})), json!({"triggerTokens": 9000}));
}

#[test]
fn transcription_of_the_input_takes_a_language_and_no_model() {
    let setup = oldest().with(json!({"input_transcription": {"language": "de", "model": null}})).setup();

    assert_eq!(setup["inputAudioTranscription"], json!({"languageCodes": ["de"]}));
    assert_eq!(unexpressed(json!({"input_transcription": {"language": "de", "model": null}})), [""; 0]);
    assert_eq!(unexpressed(json!({"input_transcription": {"model": "whisper-1"}})), ["input_transcription.model"]);
    assert_eq!(unexpressed(json!({"input_transcription": {"prompt": "Names"}})), ["input_transcription.prompt"]);
}

#[test]
fn an_input_format_is_pcm16_at_a_rate_that_the_service_takes() {
    let options = config(json!({"input_format": {"type": "pcm16", "rate": 24_000}}));
    let mut message = Vec::new();

    GEMINI.audio_encoder(&options).encode(&[1], &mut message);

    let message: Value = serde_json::from_slice(&message).unwrap();
    let expected = json!({"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=24000", "data": "AQA="}}});
    assert_eq!(message, expected);
    assert_eq!(unexpressed(json!({"input_format": {"type": "pcm16", "rate": 11_111}})), ["input_format"]);
    assert_eq!(unexpressed(json!({"input_format": "g711_ulaw", "output_format": "g711_ulaw"})).len(), 2);
}

#[test]
fn extra_is_merged_deep_and_wins() {
    let extra = json!({"generationConfig": {"topP": 0.9, "temperature": 1.0}, "proactivity": {"proactiveAudio": true}});

    let setup = oldest().with(json!({"temperature": 0.4, "extra": extra})).setup();

    let generation = json!({"responseModalities": ["AUDIO"], "temperature": 1.0, "topP": 0.9});
    assert_eq!(setup["generationConfig"], generation);
    assert_eq!(setup["proactivity"], json!({"proactiveAudio": true}));
}

#[test]
fn options_without_words_are_told_behind_the_opening() {
    let options = json!({
        "speed": 1.5, "noise_reduction": "near_field", "tool_choice": "required", "metadata": null,
        "turn_detection": {"type": "server_vad", "idle_timeout_ms": 5},
    });
    let mut session = oldest().with(options).session();

    let (_, events, _) = session.greet();

    assert_eq!(kinds(&events), ["open", "config_mismatch"]);
    let Body::ConfigMismatch(options) = &events[1].body else { panic!("{:?}", events[1]) };
    assert_eq!(options, &["turn_detection.idle_timeout_ms", "noise_reduction", "tool_choice", "speed"]);
}

fn history() -> Value {
    json!([
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Hello."}]},
        {"type": "function_call", "name": "clock", "arguments": "{}"},
        {"type": "function_call_output", "output": "noon"},
        {"type": "message", "role": "user", "content": []},
    ])
}

#[test]
fn history_goes_out_as_turns_of_context_without_empty_ones() {
    let mut session = oldest().with(json!({"history": history()})).session();

    let (setup, events, sent) = session.greet();

    assert!(setup.get("historyConfig").is_none());
    assert_eq!(kinds(&events), ["open", "wire", "wire", "wire", "wire"]);
    let turns = json!([
        {"role": "user", "parts": [{"text": "Hi."}]},
        {"role": "model", "parts": [{"text": "Hello."}]},
        {"role": "model", "parts": [{"text": "[called clock with {}]"}]},
        {"role": "user", "parts": [{"text": "[tool gave noon]"}]},
    ]);
    assert_eq!(sent, [json!({"clientContent": {"turns": turns, "turnComplete": false}})]);
}

#[test]
fn models_that_want_it_are_told_that_history_follows() {
    let config = json!({"initialHistoryInClientContent": true});

    assert_eq!(realtime_only().with(json!({"history": history()})).setup()["historyConfig"], config);
    assert!(newest().with(json!({"history": []})).setup().get("historyConfig").is_none());
}
