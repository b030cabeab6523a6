//! Azure Voice Live: beta names, a voice object, and a session of its own.

use serde_json::{json, Map, Value};

use super::beta_schema::{
    APPEND, CANCEL, CLEAR, CLEAR_OUTPUT, COMMIT, CREATE_ITEM, DELETE, EVENT_ID, FUNCTION, INPUT_ITEM, MAX_TOKENS,
    RETRIEVE, TRUNCATE, TYPE,
};
use super::flavour;
use super::words::{self, put};
use crate::schema::Shape::{
    Any, Boolean, Either, Integer, List, Map as MapOf, Nullable, Number, Object, Tagged, Text, Word,
};
use crate::schema::{optional, required, Field, Shape};

/// Client events by type; those about avatars and turns of raw audio are left out.
pub(super) const EVENTS: &[(&str, &[Field])] = &[
    ("session.update", &[TYPE, EVENT_ID, required("session", Object(SESSION))]),
    APPEND,
    COMMIT,
    CLEAR,
    ("input_audio.clear", &[TYPE, EVENT_ID]),
    CREATE_ITEM,
    RETRIEVE,
    TRUNCATE,
    DELETE,
    (
        "response.create",
        &[
            TYPE,
            EVENT_ID,
            optional("response", Nullable(&Object(RESPONSE))),
            optional("additional_instructions", Nullable(&Text)),
        ],
    ),
    CANCEL,
    CLEAR_OUTPUT,
];

const SESSION: &[Field] = &[
    optional("animation", Nullable(&Any)),
    optional("avatar", Nullable(&Any)),
    optional("include", Nullable(&List(&Text))),
    optional("input_audio_echo_cancellation", Nullable(&Object(ECHO_CANCELLATION))),
    optional("input_audio_format", Nullable(&Word(&["pcm16", "g711_ulaw", "g711_alaw"]))),
    optional("input_audio_noise_reduction", Nullable(&Object(&[required("type", Word(NOISE_REDUCTIONS))]))),
    optional("input_audio_sampling_rate", Nullable(&Integer(8_000, 24_000))),
    optional("input_audio_transcription", Nullable(&Object(TRANSCRIPTION))),
    optional("instructions", Nullable(&Text)),
    optional("interim_response", Nullable(&Any)),
    optional("max_response_output_tokens", Nullable(&MAX_TOKENS)),
    optional("metadata", Nullable(&MapOf(&Text))),
    optional("modalities", Nullable(&MODALITIES)),
    optional("model", Nullable(&Text)),
    optional("output_audio_format", Nullable(&Word(OUTPUT_FORMATS))),
    optional("output_audio_timestamp_types", Nullable(&List(&Word(&["word"])))),
    optional("parallel_tool_calls", Nullable(&Boolean)),
    optional("reasoning_effort", Nullable(&Text)),
    optional("temperature", Nullable(&Number(0.0, 2.0))),
    optional("tool_choice", Nullable(&TOOL_CHOICE)),
    optional("tools", Nullable(&TOOLS)),
    optional("turn_detection", Nullable(&TURN_DETECTION)),
    optional("voice", Nullable(&VOICE)),
];

const RESPONSE: &[Field] = &[
    optional("append_input_items", Nullable(&List(&INPUT_ITEM))),
    optional("cancel_previous", Nullable(&Boolean)),
    optional("commit", Nullable(&Boolean)),
    optional("input_items", Nullable(&List(&INPUT_ITEM))),
    optional("instructions", Nullable(&Text)),
    optional("max_output_tokens", Nullable(&MAX_TOKENS)),
    optional("metadata", Nullable(&MapOf(&Text))),
    optional("modalities", Nullable(&MODALITIES)),
    optional("output_audio_format", Nullable(&Word(OUTPUT_FORMATS))),
    optional("reasoning_effort", Nullable(&Text)),
    optional("temperature", Nullable(&Number(0.0, 2.0))),
    optional("tool_choice", Nullable(&TOOL_CHOICE)),
    optional("tools", Nullable(&TOOLS)),
    optional("voice", Nullable(&VOICE)),
];

const OUTPUT_FORMATS: &[&str] = &["pcm16", "pcm16_8000hz", "pcm16_16000hz", "g711_ulaw", "g711_alaw"];
const NOISE_REDUCTIONS: &[&str] = &["azure_deep_noise_suppression", "near_field", "far_field"];
const MODALITIES: Shape = List(&Word(&["text", "audio", "animation", "avatar"]));
const TOOL_CHOICE: Shape = Either(&[Text, MapOf(&Any)]);
const TOOLS: Shape = List(&Tagged("type", &[("function", FUNCTION)]));
const ECHO_CANCELLATION: &[Field] = &[
    required("type", Word(&["server_echo_cancellation"])),
    optional("channels", Nullable(&Integer(1, 2))),
    optional("reference_source", Nullable(&Word(&["server", "client"]))),
];
const TRANSCRIPTION: &[Field] = &[
    required("model", Text),
    optional("custom_speech", Nullable(&MapOf(&Text))),
    optional("language", Nullable(&Text)),
    optional("phrase_list", Nullable(&List(&Text))),
];

const VOICE: Shape = Either(&[
    Text,
    Tagged(
        "type",
        &[
            ("openai", &[TYPE, required("name", Text)]),
            ("azure-standard", AZURE_VOICE),
            ("azure-custom", CUSTOM_VOICE),
            ("azure-personal", PERSONAL_VOICE),
        ],
    ),
]);

const NAME: Field = required("name", Text);
const TEMPERATURE: Field = optional("temperature", Nullable(&Number(0.0, 1.0)));
const LEXICON: Field = optional("custom_lexicon_url", Nullable(&Text));
const NORMALIZATION: Field = optional("custom_text_normalization_url", Nullable(&Text));
const PREFER_LOCALES: Field = optional("prefer_locales", Nullable(&List(&Text)));
const LOCALE: Field = optional("locale", Nullable(&Text));
const STYLE: Field = optional("style", Nullable(&Text));
const PITCH: Field = optional("pitch", Nullable(&Text));
const RATE: Field = optional("rate", Nullable(&Text));
const VOLUME: Field = optional("volume", Nullable(&Text));

const AZURE_VOICE: &[Field] =
    &[TYPE, NAME, TEMPERATURE, LEXICON, NORMALIZATION, PREFER_LOCALES, LOCALE, STYLE, PITCH, RATE, VOLUME];
const CUSTOM_VOICE: &[Field] = &[
    TYPE,
    NAME,
    required("endpoint_id", Text),
    TEMPERATURE,
    LEXICON,
    NORMALIZATION,
    PREFER_LOCALES,
    LOCALE,
    STYLE,
    PITCH,
    RATE,
    VOLUME,
];
const PERSONAL_VOICE: &[Field] = &[
    TYPE,
    NAME,
    required("model", Text),
    TEMPERATURE,
    LEXICON,
    NORMALIZATION,
    PREFER_LOCALES,
    LOCALE,
    STYLE,
    PITCH,
    RATE,
    VOLUME,
];

const TURN_DETECTION: Shape = Tagged(
    "type",
    &[
        ("server_vad", DETECTION),
        ("azure_semantic_vad", DETECTION),
        ("azure_semantic_vad_en", DETECTION),
        ("azure_semantic_vad_multilingual", DETECTION),
    ],
);

const DETECTION: &[Field] = &[
    TYPE,
    optional("auto_truncate", Nullable(&Boolean)),
    optional("create_response", Nullable(&Boolean)),
    optional("end_of_utterance_detection", Nullable(&Any)),
    optional("interrupt_response", Nullable(&Boolean)),
    optional("languages", Nullable(&List(&Text))),
    optional("prefix_padding_ms", Nullable(&Integer(0, 60_000))),
    optional("remove_filler_words", Nullable(&Boolean)),
    optional("silence_duration_ms", Nullable(&Integer(0, 60_000))),
    optional("speech_duration_ms", Nullable(&Integer(0, 60_000))),
    optional("threshold", Nullable(&Number(0.0, 1.0))),
];

/// Session fields that GA does not know, with their defaults.
pub(super) fn extras() -> Value {
    json!({
        "voice": {"name": "alloy", "type": "openai"},
        "output_audio_format": null,
        "temperature": null,
        "input_audio_sampling_rate": 24_000,
        "animation": null,
        "input_audio_echo_cancellation": null,
        "avatar": null,
        "output_audio_timestamp_types": null,
        "truncation_strategy": null,
        "turn_detection": detection(&json!({"type": "server_vad"}), 300, 200),
    })
}

/// Read the sampling rate, the voice object and the detectors that GA does not have.
pub(super) fn read_session(session: &Value, update: &mut Value, extras: &mut Map<String, Value>) {
    let rate = session["input_audio_sampling_rate"].as_u64();
    if rate.is_some() || session["input_audio_format"].is_string() {
        let format = flavour::ga_format(&session["input_audio_format"], rate.unwrap_or(24_000) as u32);
        put(update, "/audio/input/format", format);
    }
    if session["output_audio_format"].is_string() {
        extras.insert("output_audio_format".to_owned(), session["output_audio_format"].clone());
    }
    match &session["voice"] {
        Value::String(name) => {
            extras.insert("voice".to_owned(), json!({"name": name, "type": "openai"}));
        }
        voice @ Value::Object(_) => {
            extras.insert("voice".to_owned(), voice.clone());
        }
        _ => {}
    }
    if let Some(given) = session.get("turn_detection") {
        let told = if given.is_null() { Value::Null } else { detection(given, 400, 500) };
        put(update, "/audio/input/turn_detection", detection_in_ga(&told));
        extras.insert("turn_detection".to_owned(), told);
    }
    if let Some(Value::Object(transcription)) = update.pointer_mut("/audio/input/transcription") {
        let own = ["custom_speech", "phrase_list"].map(|key| (key, transcription.shift_remove(key)));
        let mut told = json!({"model": transcription["model"], "language": null, "prompt": null});
        told["language"] = transcription.get("language").cloned().unwrap_or_default();
        own.into_iter().for_each(|(key, value)| told[key] = value.unwrap_or_default());
        extras.insert("input_audio_transcription".to_owned(), told);
    } else if session.get("input_audio_transcription").is_some() {
        extras.insert("input_audio_transcription".to_owned(), Value::Null);
    }
}

pub(super) fn ga_format(name: &Value) -> Value {
    match name.as_str() {
        Some("pcm16_8000hz") => json!({"type": "audio/pcm", "rate": 8_000}),
        Some("pcm16_16000hz") => json!({"type": "audio/pcm", "rate": 16_000}),
        _ => flavour::ga_format(name, 24_000),
    }
}

pub(super) fn format_name(format: &Value) -> Value {
    match (format["type"].as_str(), format["rate"].as_u64()) {
        (Some("audio/pcm"), Some(8_000)) => "pcm16_8000hz".into(),
        (Some("audio/pcm"), Some(16_000)) => "pcm16_16000hz".into(),
        _ => words::format_name(format),
    }
}

/// The order and names of Voice Live; the input's name tells no rate, which stands beside it.
pub(super) fn write_session(session: &mut Value) {
    if session["input_audio_format"].as_str().is_some_and(|name| name.starts_with("pcm16")) {
        session["input_audio_format"] = "pcm16".into();
    }
    if let Value::Object(fields) = session {
        let absent = ["client_secret", "speed", "tracing"];
        fields.retain(|key, value| !(absent.contains(&key.as_str()) || key == "temperature" && value.is_null()));
    }
}

/// A transcription is not billed to the user.
pub(super) fn write_event(kind: &str, fields: &mut Map<String, Value>) {
    if kind == "conversation.item.input_audio_transcription.completed" {
        fields.shift_remove("usage");
    }
}

/// A detector as the service tells it, with its defaults.
fn detection(given: &Value, padding_ms: u32, silence_ms: u32) -> Value {
    let mut told = json!({
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": padding_ms,
        "silence_duration_ms": silence_ms,
        "create_response": true,
        "interrupt_response": true,
        "idle_timeout_ms": null,
        "speech_duration_ms": null,
        "end_of_utterance_detection": null,
        "auto_truncate": false,
        "appended_text_after_truncation": null,
    });
    for (key, value) in given.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        told[key] = value.clone();
    }
    told
}

/// The simulator has one detector for all of them.
fn detection_in_ga(told: &Value) -> Value {
    if told.is_null() {
        return Value::Null;
    }
    json!({
        "type": "server_vad",
        "threshold": told["threshold"],
        "prefix_padding_ms": told["prefix_padding_ms"],
        "silence_duration_ms": told["silence_duration_ms"],
        "create_response": told["create_response"],
        "interrupt_response": told["interrupt_response"],
    })
}
