//! The settings of a session, from `setup`, the first message of a client.

use serde_json::Value;

use super::declarations::{self, Tool};
use super::profile::{bare_name, Proactive, Profile};
use super::Close;

/// Silence that ends a turn where the client names none; less where it asks for a quick end.
const SILENCE_MS: u64 = 500;
const PATIENT_SILENCE_MS: u64 = 800;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// The name without folders.
    pub(super) model: String,
    pub(super) profile: Profile,
    /// Answers are spoken; else written.
    pub(super) spoken: bool,
    pub(super) voice: String,
    pub(super) instructions: String,
    pub(super) tools: Vec<Tool>,
    /// None for push-to-talk.
    pub(super) detection: Option<Detection>,
    /// The user's speech ends an answer.
    pub(super) interrupts: bool,
    /// The user's words are told.
    pub(super) tells_input: bool,
    /// The words of spoken answers are told.
    pub(super) tells_output: bool,
    pub(super) thinks: bool,
    pub(super) tells_handles: bool,
    /// Updates of handles tell how many messages of the client they cover.
    pub(super) transparent: bool,
    pub(super) handle: Option<String>,
    /// Older words for the ends of speech are told; Vertex's.
    pub(super) signals_activity: bool,
    /// The first `clientContent` is history and asks for no answer.
    pub(super) seeds_history: bool,
}

/// Automatic detection of speech.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detection {
    /// 0…1, as the detector has it.
    pub(super) threshold: f64,
    pub(super) silence_ms: u64,
    pub(super) padding_ms: u64,
}

impl Setup {
    /// Read a setup whose shape is checked already.
    ///
    /// # Errors
    /// The close frame for a model that does not exist, or for a setting that it has not.
    pub(super) fn read(body: &Value, models: Option<&[String]>) -> Result<Setup, Close> {
        let full_name = body["model"].as_str().filter(|name| !name.is_empty());
        let full_name = full_name.ok_or_else(|| Close::invalid("setup.model: must be specified"))?;
        let model = bare_name(full_name);
        let profile = find_profile(model, models).ok_or_else(|| unknown_model(full_name))?;
        let generation = &body["generationConfig"];
        check_features(body, &profile)?;
        Ok(Setup {
            model: model.to_owned(),
            profile,
            spoken: read_modality(full_name, &generation["responseModalities"], &profile)?,
            voice: read_voice(&generation["speechConfig"]["voiceConfig"]),
            instructions: text_of(&body["systemInstruction"]),
            tools: declarations::read("setup.tools", &body["tools"], &profile)?,
            detection: read_detection(&body["realtimeInputConfig"]["automaticActivityDetection"])?,
            interrupts: body["realtimeInputConfig"]["activityHandling"] != "NO_INTERRUPTION",
            tells_input: body["inputAudioTranscription"].is_object() || !profile.answers,
            tells_output: body["outputAudioTranscription"].is_object(),
            thinks: thinks(&generation["thinkingConfig"], &profile),
            tells_handles: body["sessionResumption"].is_object() || profile.unasked_handles,
            transparent: body["sessionResumption"]["transparent"] == true,
            handle: body["sessionResumption"]["handle"].as_str().filter(|text| !text.is_empty()).map(str::to_owned),
            signals_activity: body["explicitVadSignal"] == true,
            seeds_history: body["historyConfig"]["initialHistoryInClientContent"] == true,
        })
    }
}

/// Text of a content's parts.
pub(super) fn text_of(content: &Value) -> String {
    let parts = content["parts"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
}

fn find_profile(model: &str, models: Option<&[String]>) -> Option<Profile> {
    let exists = models.is_none_or(|known| known.iter().any(|name| bare_name(name) == model));
    Profile::of(model).filter(|_| exists)
}

fn unknown_model(name: &str) -> Close {
    Close::invalid(&format!("{name} is not found for API version v1beta, or is not supported for bidiGenerateContent."))
}

/// True for speech. Both at once are refused, and so is what the model has not.
fn read_modality(model: &str, modalities: &Value, profile: &Profile) -> Result<bool, Close> {
    let asked: Vec<_> = modalities.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match asked.as_slice() {
        [] => Ok(profile.speaks),
        ["AUDIO"] if profile.speaks => Ok(true),
        ["TEXT"] if profile.writes => Ok(false),
        _ => {
            let has = if profile.speaks { "AUDIO" } else { "TEXT" };
            let asked = asked.join(", ");
            Err(Close::invalid(&format!("Response modalities ({asked}) are not supported by {model}: it has {has}.")))
        }
    }
}

/// Settings that some models refuse.
fn check_features(body: &Value, profile: &Profile) -> Result<(), Close> {
    let generation = &body["generationConfig"];
    if generation.get("thinkingConfig").is_some() && !profile.takes_thinking {
        return Err(Close::invalid("Thinking config is not supported for this model."));
    }
    let affects = generation["enableAffectiveDialog"] == true && !profile.takes_affect;
    let proacts = match (body["proactivity"]["proactiveAudio"].as_bool(), profile.proactive) {
        (Some(asked), Proactive::Always) => !asked,
        (Some(asked), Proactive::Never) => asked,
        _ => false,
    };
    if affects || proacts {
        return Err(Close::invalid_argument());
    }
    Ok(())
}

fn read_voice(config: &Value) -> String {
    let named = config["prebuiltVoiceConfig"]["voiceName"].as_str().or_else(|| config["voice"].as_str());
    named.unwrap_or("Puck").to_owned()
}

fn read_detection(config: &Value) -> Result<Option<Detection>, Close> {
    if config["disabled"] == true {
        return Ok(None);
    }
    let milliseconds = |name: &str, key: &str| match config[key].as_i64() {
        Some(negative) if negative < 0 => {
            let path = "setup.realtime_input_config.automatic_activity_detection";
            Err(Close::invalid(&format!("Invalid value at '{path}.{name}': {negative} is negative")))
        }
        other => Ok(other.map(|value| value as u64)),
    };
    let patient = config["endOfSpeechSensitivity"] == "END_SENSITIVITY_LOW";
    let silence_ms = milliseconds("silence_duration_ms", "silenceDurationMs")?;
    Ok(Some(Detection {
        threshold: if config["startOfSpeechSensitivity"] == "START_SENSITIVITY_HIGH" { 0.3 } else { 0.5 },
        silence_ms: silence_ms.unwrap_or(if patient { PATIENT_SILENCE_MS } else { SILENCE_MS }),
        padding_ms: milliseconds("prefix_padding_ms", "prefixPaddingMs")?.unwrap_or(0),
    }))
}

/// Thoughts are told unless they are switched off, where the model shows them unasked; elsewhere when asked for.
fn thinks(config: &Value, profile: &Profile) -> bool {
    match (config["thinkingBudget"].as_i64(), config["includeThoughts"].as_bool()) {
        (Some(0), _) => false,
        (_, Some(asked)) => asked,
        _ => profile.thinks,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn setup(model: &str, generation: Value) -> Result<Setup, Close> {
        Setup::read(&json!({"model": model, "generationConfig": generation}), None)
    }

    #[test]
    fn modalities_are_those_of_the_model() {
        let text = json!({"responseModalities": ["TEXT"]});
        assert!(!setup("models/gemini-2.0-flash-live-001", text.clone()).unwrap().spoken);
        let reason = setup("models/gemini-3.8-live", text).unwrap_err().reason;
        assert!(reason.contains("(TEXT) are not supported by models/gemini-3.8-live: it has AUDIO"), "{reason}");
        assert!(setup("gemini-live-2.5-flash", json!({"responseModalities": ["AUDIO", "TEXT"]})).is_err());
        assert!(!setup("gemini-robotics-er-2-streaming-preview", Value::Null).unwrap().spoken);
    }

    #[test]
    fn thoughts_are_the_habit_of_native_2_5() {
        let model = "gemini-2.5-flash-native-audio-preview-12-2025";
        assert!(setup(model, Value::Null).unwrap().thinks);
        assert!(!setup(model, json!({"thinkingConfig": {"thinkingBudget": 0}})).unwrap().thinks);
        assert!(!setup("gemini-3.1-flash-live-preview", Value::Null).unwrap().thinks);
        assert!(setup("gemini-3.8-live", json!({"thinkingConfig": {}})).is_err());
    }

    #[test]
    fn the_newest_model_cannot_be_kept_from_speaking_first() {
        let proactive = |model: &str, on: bool| {
            Setup::read(&json!({"model": model, "proactivity": {"proactiveAudio": on}}), None).is_ok()
        };
        assert!(proactive("gemini-3.8-live", true) && !proactive("gemini-3.8-live", false));
        assert!(proactive("gemini-3.1-flash-live-preview", false) && !proactive("gemini-3.1-flash-live-preview", true));
        assert!(setup("gemini-3.8-live", json!({"enableAffectiveDialog": true})).is_err());
    }

    #[test]
    fn only_known_models_exist() {
        assert!(setup("models/gpt-realtime", Value::Null).unwrap_err().reason.contains("is not found"));
        let models = ["gemini-2.5-x".to_owned()];
        let named = |model: &str| Setup::read(&json!({"model": model}), Some(&models)).is_ok();
        assert!(named("models/gemini-2.5-x"));
        assert!(!named("models/gemini-2.5-y"));
    }
}
