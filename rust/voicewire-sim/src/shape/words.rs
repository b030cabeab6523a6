//! One thing in the words of both: sessions, responses, items and errors between GA and beta.

use serde_json::{json, Map, Value};

use super::flavour::Flavour;
use crate::event::ErrorBody;

/// Where a beta field of a session stands in GA.
const PLACES: &[(&str, &str)] = &[
    ("input_audio_format", "/audio/input/format"),
    ("input_audio_noise_reduction", "/audio/input/noise_reduction"),
    ("input_audio_transcription", "/audio/input/transcription"),
    ("max_response_output_tokens", "/max_output_tokens"),
    ("modalities", "/output_modalities"),
    ("output_audio_format", "/audio/output/format"),
    ("speed", "/audio/output/speed"),
    ("turn_detection", "/audio/input/turn_detection"),
    ("voice", "/audio/output/voice"),
];

/// Fields of the same name and meaning in both.
const SHARED: &[&str] = &["include", "instructions", "model", "parallel_tool_calls", "tool_choice", "tools", "tracing"];

/// Names in errors, longest first where one begins another.
const NAMES: &[(&str, &str)] = &[
    ("audio.input.noise_reduction", "input_audio_noise_reduction"),
    ("audio.input.transcription", "input_audio_transcription"),
    ("audio.input.turn_detection", "turn_detection"),
    ("audio.input.format", "input_audio_format"),
    ("audio.output.format", "output_audio_format"),
    ("audio.output.speed", "speed"),
    ("audio.output.voice", "voice"),
    ("session.max_output_tokens", "session.max_response_output_tokens"),
    ("output_modalities", "modalities"),
    ("'output_text'", "'text'"),
    ("'output_audio'", "'audio'"),
];

/// A beta session as a GA update, and the fields that GA has no place for.
pub(super) fn settings_in_ga(kind: &str, session: &Value, flavour: &Flavour) -> (Value, Map<String, Value>) {
    let mut update = json!({ "type": kind });
    let mut extras = Map::new();
    for (key, value) in session.as_object().into_iter().flatten() {
        let place = PLACES.iter().find(|(name, _)| name == key).map(|(_, place)| *place);
        match place {
            // Null leaves a choice to the service; these three it switches off.
            _ if value.is_null() && !is_switch(key) => {}
            Some("/output_modalities") if kind != "realtime" => {}
            Some(place) => put(&mut update, place, value_in_ga(key, value, flavour)),
            None if SHARED.contains(&key.as_str()) => update[key] = value.clone(),
            None if key == "client_secret" => {}
            None => {
                extras.insert(key.clone(), value.clone());
            }
        }
    }
    (flavour.read_session)(session, &mut update, &mut extras);
    (update, extras)
}

/// The wishes of a beta `response.create` in GA; temperature and voice objects are kept by the caller.
pub(super) fn response_in_ga(response: &Value, flavour: &Flavour) -> Value {
    let mut wanted = json!({});
    for (key, value) in response.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "max_response_output_tokens" => wanted["max_output_tokens"] = value.clone(),
            "modalities" => wanted["output_modalities"] = value_in_ga(key, value, flavour),
            "voice" => put(&mut wanted, "/audio/output/voice", value_in_ga(key, value, flavour)),
            "output_audio_format" => put(&mut wanted, "/audio/output/format", value_in_ga(key, value, flavour)),
            "input" | "input_items" => {
                wanted["input"] = value.as_array().into_iter().flatten().map(item_in_ga).collect()
            }
            "tools" => wanted["tools"] = (flavour.read_tools)(value),
            "conversation" | "instructions" | "max_output_tokens" | "metadata" | "tool_choice" => {
                wanted[key] = value.clone();
            }
            _ => {}
        }
    }
    wanted
}

/// A beta item in GA: parts of the assistant have longer names there.
pub(super) fn item_in_ga(item: &Value) -> Value {
    rename_parts(item, &[("text", "output_text"), ("audio", "output_audio")])
}

/// A GA item in beta: with its object, parts of the assistant with shorter names.
pub(super) fn item_in_beta(item: &Value) -> Value {
    let item = rename_parts(item, &[("output_text", "text"), ("output_audio", "audio")]);
    let mut fields = Map::new();
    for (key, value) in item.as_object().into_iter().flatten() {
        fields.insert(key.clone(), value.clone());
        if key == "id" {
            fields.insert("object".to_owned(), "realtime.item".into());
        }
    }
    Value::Object(fields)
}

/// A GA session in beta; `extras` are fields that GA does not know, and win over what it tells.
pub(super) fn session_in_beta(session: &Value, extras: &Map<String, Value>, flavour: &Flavour) -> Value {
    let audio = &session["audio"];
    let mut fields = json!({
        "id": session["id"],
        "object": session["object"],
        "model": session["model"],
        "expires_at": session["expires_at"],
        "modalities": modalities_in_beta(&session["output_modalities"]),
        "instructions": session["instructions"],
        "voice": audio["output"]["voice"],
        "turn_detection": detection_in_beta(&audio["input"]["turn_detection"]),
        "input_audio_format": (flavour.format_name)(&audio["input"]["format"]),
        "output_audio_format": (flavour.format_name)(&audio["output"]["format"]),
        "input_audio_transcription": audio["input"]["transcription"],
        "input_audio_noise_reduction": audio["input"]["noise_reduction"],
        "tool_choice": session["tool_choice"],
        "max_response_output_tokens": session["max_output_tokens"],
        "speed": audio["output"]["speed"],
        "tracing": session["tracing"],
        "tools": session["tools"],
        "client_secret": null,
        "include": session["include"],
    });
    if let (Value::Object(fields), false) = (&mut fields, session["type"] == "realtime") {
        let spoken = ["model", "modalities", "instructions", "voice", "output_audio_format", "tool_choice"];
        let kept = ["max_response_output_tokens", "speed", "tracing", "tools"];
        fields.retain(|key, _| !spoken.contains(&key.as_str()) && !kept.contains(&key.as_str()));
        return Value::Object(std::mem::take(fields));
    }
    for (key, value) in extras {
        fields[key] = value.clone();
    }
    (flavour.write_session)(&mut fields);
    fields
}

/// A GA response in beta. Temperature and a voice object are not known in GA.
pub(super) fn response_in_beta(response: &Value, notes: &Value, flavour: &Flavour) -> Value {
    let output = &response["audio"]["output"];
    let voice = if notes["voice"].is_null() { &output["voice"] } else { &notes["voice"] };
    json!({
        "object": response["object"],
        "id": response["id"],
        "status": response["status"],
        "status_details": response["status_details"],
        "output": response["output"].as_array().into_iter().flatten().map(item_in_beta).collect::<Value>(),
        "conversation_id": response["conversation_id"],
        "modalities": modalities_in_beta(&response["output_modalities"]),
        "voice": voice,
        "output_audio_format": (flavour.format_name)(&output["format"]),
        "temperature": notes["temperature"],
        "max_output_tokens": response["max_output_tokens"],
        "usage": (flavour.write_usage)(&response["usage"]),
        "metadata": response["metadata"],
    })
}

/// An error with beta's names of what it blames.
pub(super) fn error_in_beta(mut error: ErrorBody) -> ErrorBody {
    error.message = name_in_beta(error.message);
    error.param = error.param.map(name_in_beta);
    error
}

/// Usage without the counts that came with GA.
pub(super) fn usage_in_beta(usage: &Value) -> Value {
    let mut usage = usage.clone();
    if let Some(details) = usage.get_mut("input_token_details").and_then(Value::as_object_mut) {
        details.shift_remove("image_tokens");
        details.shift_remove("cached_tokens_details");
    }
    if let Some(details) = usage.get_mut("output_token_details").and_then(Value::as_object_mut) {
        details.shift_remove("reasoning_tokens");
    }
    usage
}

/// Beta's name of a GA format; the names of Voice Live's lower rates are among them.
pub(super) fn format_name(format: &Value) -> Value {
    match (format["type"].as_str(), format["rate"].as_u64()) {
        (Some("audio/pcmu"), _) => "g711_ulaw".into(),
        (Some("audio/pcma"), _) => "g711_alaw".into(),
        (None, _) => Value::Null,
        _ => "pcm16".into(),
    }
}

/// Text alone, or text and audio: in beta audio does not stand alone.
pub(super) fn check_modalities(path: &str, modalities: &Value) -> Result<(), ErrorBody> {
    let Some(list) = modalities.as_array() else {
        return Ok(());
    };
    let has = |word: &str| list.iter().filter(|entry| *entry == word).count() == 1;
    if has("text") && (list.len() == 1 || (list.len() == 2 && has("audio"))) {
        return Ok(());
    }
    let message =
        format!("Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio', 'text'].");
    Err(ErrorBody::invalid("invalid_value", &message).about(path))
}

fn name_in_beta(text: String) -> String {
    NAMES.iter().fold(text, |text, (ga, beta)| text.replace(ga, beta))
}

fn value_in_ga(key: &str, value: &Value, flavour: &Flavour) -> Value {
    match key {
        "modalities" => {
            let spoken = value.as_array().into_iter().flatten().any(|word| word != "text");
            json!([if spoken { "audio" } else { "text" }])
        }
        "voice" if value.is_object() => value["name"].clone(),
        "input_audio_format" => (flavour.read_format)(value, true),
        "output_audio_format" => (flavour.read_format)(value, false),
        "input_audio_transcription" if value.is_object() && value["model"].is_null() => {
            let mut named = value.clone();
            named["model"] = "whisper-1".into();
            named
        }
        "turn_detection" if value.is_object() && value["type"].is_null() => {
            let mut named = value.clone();
            named["type"] = "server_vad".into();
            named
        }
        _ => value.clone(),
    }
}

fn is_switch(key: &str) -> bool {
    matches!(key, "turn_detection" | "input_audio_transcription" | "input_audio_noise_reduction")
}

/// Set a value at a JSON pointer, making the objects on the way.
pub(super) fn put(target: &mut Value, place: &str, value: Value) {
    let mut at = target;
    for key in place.split('/').skip(1) {
        at = &mut at[key];
    }
    *at = value;
}

fn modalities_in_beta(modalities: &Value) -> Value {
    match modalities[0].as_str() {
        Some("audio") => json!(["text", "audio"]),
        _ => modalities.clone(),
    }
}

fn detection_in_beta(detection: &Value) -> Value {
    let mut detection = detection.clone();
    if let Value::Object(fields) = &mut detection {
        fields.shift_remove("idle_timeout_ms");
    }
    detection
}

fn rename_parts(item: &Value, names: &[(&str, &str)]) -> Value {
    let mut item = item.clone();
    for part in item.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some((_, name)) = names.iter().find(|(name, _)| part["type"] == *name) {
            part["type"] = (*name).into();
        }
    }
    item
}
