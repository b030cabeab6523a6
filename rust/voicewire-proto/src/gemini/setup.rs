//! Step "configuration → message": writes the neutral configuration as the `setup` of a session.

use serde_json::{json, Map, Value};

use super::backend::takes_rate;
use super::content::context_of;
use super::profile::Profile;
use crate::config::SessionConfig;
use crate::merge::merge;

/// A configuration in Gemini's words.
#[derive(Clone, Debug, Default)]
pub struct EncodedSetup {
    /// The `setup` object, without model and resumption.
    pub setup: Map<String, Value>,
    /// Options that Gemini has no words for.
    pub unexpressed: Vec<String>,
}

/// The `setup` for `config`.
pub fn encode_setup(profile: &Profile, config: &SessionConfig) -> EncodedSetup {
    let mut encoded = EncodedSetup::default();
    place(&mut encoded.setup, "generationConfig.responseModalities", json!(["AUDIO"]));
    place(&mut encoded.setup, "outputAudioTranscription", json!({}));
    // Without it a session ends when its context is full, after a quarter of an hour of talk.
    place(&mut encoded.setup, "contextWindowCompression", json!({"slidingWindow": {}}));
    let no_tools = config.get("tool_choice").is_some_and(|choice| choice == "none");
    for (name, value) in config.iter().filter(|(name, _)| *name != "extra") {
        if name == "tools" && no_tools {
            continue;
        }
        if !encoded.option(profile, name, value) {
            encoded.unexpressed.push(name.to_owned());
        }
    }
    if profile.history_config && history_of(config).next().is_some() {
        place(&mut encoded.setup, "historyConfig.initialHistoryInClientContent", true.into());
    }
    if let Some(Value::Object(extra)) = config.get("extra") {
        merge(&mut encoded.setup, extra);
    }
    encoded
}

/// `systemInstruction` of a text.
pub(super) fn instruction(text: &str) -> Value {
    json!({"parts": [{"text": text}]})
}

/// `tools` of neutral definitions.
pub(super) fn encode_tools(tools: &Value) -> Vec<Value> {
    let mut functions = Vec::new();
    let mut others = Vec::new();
    for tool in tools.as_array().into_iter().flatten() {
        match tool["type"].as_str() {
            Some("function") => functions.push(function(tool)),
            Some(kind) => {
                let mut options = tool.as_object().cloned().unwrap_or_default();
                options.remove("type");
                others.push(json!({camel(kind): options}));
            }
            None => others.push(tool.clone()),
        }
    }
    if !functions.is_empty() {
        others.insert(0, json!({"functionDeclarations": functions}));
    }
    others
}

/// The conversation that a session begins with, as turns.
pub(super) fn history_of(config: &SessionConfig) -> impl Iterator<Item = Value> + '_ {
    config.get("history").and_then(Value::as_array).into_iter().flatten().filter_map(context_of)
}

impl EncodedSetup {
    /// Writes one option; false where Gemini has no words for it.
    fn option(&mut self, profile: &Profile, name: &str, value: &Value) -> bool {
        let setup = &mut self.setup;
        match name {
            "instructions" => optional(setup, "systemInstruction", value, |text| Some(instruction(text.as_str()?))),
            "voice" => {
                optional(setup, "generationConfig.speechConfig.voiceConfig", value, |voice| Some(encode_voice(voice)))
            }
            "language" => {
                optional(setup, "generationConfig.speechConfig.languageCode", value, |name| Some(name.clone()))
            }
            "temperature" => optional(setup, "generationConfig.temperature", value, |value| Some(value.clone())),
            "max_output_tokens" => optional(setup, "generationConfig.maxOutputTokens", value, |value| {
                (value != "inf").then(|| value.clone())
            }),
            "modalities" => modalities(setup, profile, value),
            "turn_detection" => self.turn_detection(value),
            "input_format" => is_pcm16(value) && value["rate"].as_u64().is_none_or(takes_rate),
            "output_format" => is_pcm16(value) && value["rate"].as_u64().is_none_or(|rate| rate == 24_000),
            "input_transcription" => self.transcription(value),
            "tools" => optional(setup, "tools", value, |tools| Some(encode_tools(tools).into())),
            "tool_choice" => value.is_null() || value == "auto" || value == "none",
            "reasoning" => reasoning(setup, profile, value),
            "truncation" => truncation(setup, value),
            "history" => true,
            _ => value.is_null(),
        }
    }

    fn transcription(&mut self, value: &Value) -> bool {
        let Some(options) = value.as_object() else { return value.is_null() };
        let mut written = json!({});
        for (name, value) in options.iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                "language" => written["languageCodes"] = json!([value]),
                // There is one transcriber, and it takes no advice.
                "model" | "prompt" => self.unexpressed.push(format!("input_transcription.{name}")),
                _ => written[name] = value.clone(),
            }
        }
        place(&mut self.setup, "inputAudioTranscription", written);
        true
    }

    fn turn_detection(&mut self, value: &Value) -> bool {
        const DETECTION: &str = "realtimeInputConfig.automaticActivityDetection";
        if value.is_null() {
            place(&mut self.setup, &format!("{DETECTION}.disabled"), true.into());
            return true;
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            let (path, value) = match (name.as_str(), value) {
                ("type" | "create_response", Value::String(_) | Value::Bool(true)) => continue,
                ("interrupt_response", Value::Bool(interrupts)) => {
                    let handling = if *interrupts { "START_OF_ACTIVITY_INTERRUPTS" } else { "NO_INTERRUPTION" };
                    if !*interrupts {
                        place(&mut self.setup, "realtimeInputConfig.activityHandling", handling.into());
                    }
                    continue;
                }
                ("prefix_padding_ms", value) => ("prefixPaddingMs", value.clone()),
                ("silence_duration_ms", value) => ("silenceDurationMs", value.clone()),
                ("threshold", value) => match start_sensitivity(value) {
                    Some(sensitivity) => ("startOfSpeechSensitivity", sensitivity.into()),
                    None => continue,
                },
                ("eagerness", Value::String(eagerness)) => match eagerness.as_str() {
                    "low" => ("endOfSpeechSensitivity", "END_SENSITIVITY_LOW".into()),
                    "high" => ("endOfSpeechSensitivity", "END_SENSITIVITY_HIGH".into()),
                    _ => continue,
                },
                // In Gemini's own words.
                (name, value) if name.chars().any(char::is_uppercase) || name == "disabled" => (name, value.clone()),
                (name, _) => {
                    self.unexpressed.push(format!("turn_detection.{name}"));
                    continue;
                }
            };
            place(&mut self.setup, &format!("{DETECTION}.{path}"), value);
        }
        true
    }
}

/// Louder speech than OpenAI's default counts sooner, quieter later.
fn start_sensitivity(threshold: &Value) -> Option<&'static str> {
    let threshold = threshold.as_f64()?;
    if threshold < 0.5 {
        Some("START_SENSITIVITY_HIGH")
    } else if threshold > 0.5 {
        Some("START_SENSITIVITY_LOW")
    } else {
        None
    }
}

fn modalities(setup: &mut Map<String, Value>, profile: &Profile, value: &Value) -> bool {
    let wants = |name: &str| value.as_array().is_some_and(|names| names.iter().any(|known| known == name));
    if wants("text") && !wants("audio") {
        if !profile.text_output {
            // It speaks, and its words come as the transcript.
            return false;
        }
        place(setup, "generationConfig.responseModalities", json!(["TEXT"]));
        setup.remove("outputAudioTranscription");
    }
    true
}

fn reasoning(setup: &mut Map<String, Value>, profile: &Profile, value: &Value) -> bool {
    const THINKING: &str = "generationConfig.thinkingConfig";
    if value.is_null() {
        return true;
    }
    let effort = value.as_str().or_else(|| value["effort"].as_str());
    match (profile.thinking.as_str(), effort) {
        ("", _) => return false,
        (_, None) => place(setup, THINKING, value.clone()),
        ("level", Some("none")) => place(setup, &format!("{THINKING}.thinkingLevel"), "MINIMAL".into()),
        ("level", Some(effort)) => place(setup, &format!("{THINKING}.thinkingLevel"), effort.to_uppercase().into()),
        (_, Some("none" | "minimal")) => place(setup, &format!("{THINKING}.thinkingBudget"), 0.into()),
        (_, Some("low")) => place(setup, &format!("{THINKING}.thinkingBudget"), 1024.into()),
        // The model's own choice.
        (_, Some(_)) => place(setup, &format!("{THINKING}.thinkingBudget"), (-1).into()),
    }
    true
}

fn truncation(setup: &mut Map<String, Value>, value: &Value) -> bool {
    match value.as_str() {
        Some("auto") => {}
        Some("disabled") => drop(setup.remove("contextWindowCompression")),
        Some(_) => return false,
        None if value.is_null() => {}
        None => place(setup, "contextWindowCompression", value.clone()),
    }
    true
}

fn encode_voice(voice: &Value) -> Value {
    match voice {
        Value::String(name) => json!({"prebuiltVoiceConfig": {"voiceName": name}}),
        other => other.clone(),
    }
}

fn function(tool: &Value) -> Value {
    let mut declaration = Map::new();
    for (name, wire) in [("name", "name"), ("description", "description"), ("behavior", "behavior")] {
        if let Some(value) = tool.get(name).filter(|value| !value.is_null()) {
            declaration.insert(wire.into(), value.clone());
        }
    }
    // The older `parameters` takes a subset of JSON Schema only. A function without parameters has no schema at all.
    let parameters =
        tool.get("parameters").filter(|schema| !schema["properties"].as_object().is_none_or(Map::is_empty));
    if let Some(schema) = parameters {
        declaration.insert("parametersJsonSchema".into(), schema.clone());
    }
    declaration.into()
}

fn is_pcm16(format: &Value) -> bool {
    let name = format.as_str().or_else(|| format["type"].as_str());
    format.is_null() || name == Some("pcm16")
}

/// Writes a value, or nothing for null.
fn optional(setup: &mut Map<String, Value>, path: &str, value: &Value, encode: fn(&Value) -> Option<Value>) -> bool {
    if !value.is_null() {
        if let Some(value) = encode(value) {
            place(setup, path, value);
        }
    }
    true
}

/// Puts a value under a dotted path.
fn place(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(object.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                place(inner, rest, value);
            }
        }
    }
}

/// `google_search` → `googleSearch`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let head: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        name + &head + letters.as_str()
    })
}
