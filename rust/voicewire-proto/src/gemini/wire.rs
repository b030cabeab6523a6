//! Step "message → event": a server message of Gemini Live as its fields, borrowed from the text.
//!
//! All fields are optional, unknown ones are skipped, null is the same as absent. Whole numbers come as numbers or as
//! strings, as proto3 JSON has them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::Value;

/// One message: at most one kind, and perhaps the tokens used.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ServerMessage<'a> {
    #[serde(borrow)]
    pub(super) setup_complete: Option<Object<SetupComplete<'a>>>,
    #[serde(borrow)]
    pub(super) server_content: Option<Object<ServerContent<'a>>>,
    #[serde(borrow)]
    pub(super) tool_call: Option<Object<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(super) tool_call_cancellation: Option<Object<Cancellation<'a>>>,
    #[serde(borrow)]
    pub(super) go_away: Option<Object<GoAway<'a>>>,
    #[serde(borrow)]
    pub(super) session_resumption_update: Option<Object<Resumption<'a>>>,
    #[serde(borrow)]
    pub(super) voice_activity: Option<Object<VoiceActivity<'a>>>,
    #[serde(borrow)]
    pub(super) voice_activity_detection_signal: Option<Object<VadSignal<'a>>>,
    pub(super) usage_metadata: Option<Object<UsageMetadata>>,
    /// No kind of the protocol; relays and the service's front end send it.
    pub(super) error: Option<Value>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SetupComplete<'a> {
    #[serde(borrow)]
    pub(super) session_id: Str<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ServerContent<'a> {
    #[serde(borrow)]
    pub(super) model_turn: Option<Object<Content<'a>>>,
    #[serde(borrow)]
    pub(super) input_transcription: Option<Object<Transcription<'a>>>,
    #[serde(borrow)]
    pub(super) output_transcription: Option<Object<Transcription<'a>>>,
    pub(super) interrupted: Option<bool>,
    pub(super) generation_complete: Option<bool>,
    pub(super) turn_complete: Option<bool>,
    #[serde(borrow)]
    pub(super) turn_complete_reason: Str<'a>,
    #[serde(borrow)]
    pub(super) interaction_status: Str<'a>,
    pub(super) grounding_metadata: Option<Value>,
    pub(super) url_context_metadata: Option<Value>,
    pub(super) interim_input_transcription: Option<Value>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<Object<Part<'a>>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) text: Str<'a>,
    pub(super) thought: Option<bool>,
    #[serde(borrow)]
    pub(super) inline_data: Option<Object<Blob<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Blob<'a> {
    #[serde(borrow)]
    pub(super) mime_type: Str<'a>,
    #[serde(borrow)]
    pub(super) data: Str<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Transcription<'a> {
    #[serde(borrow)]
    pub(super) text: Str<'a>,
    pub(super) finished: Option<bool>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ToolCall<'a> {
    #[serde(borrow)]
    pub(super) function_calls: Option<Vec<Object<FunctionCall<'a>>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(super) id: Str<'a>,
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    pub(super) args: Option<Value>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Cancellation<'a> {
    #[serde(borrow)]
    pub(super) ids: Option<Vec<Str<'a>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GoAway<'a> {
    #[serde(borrow)]
    pub(super) time_left: Str<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resumption<'a> {
    #[serde(borrow)]
    pub(super) new_handle: Str<'a>,
    pub(super) resumable: Option<bool>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct VoiceActivity<'a> {
    /// The SDK renames it `voiceActivityType`; relays built on it may send that.
    #[serde(borrow, rename = "type", alias = "voiceActivityType")]
    pub(super) kind: Str<'a>,
    #[serde(borrow)]
    pub(super) audio_offset: Str<'a>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct VadSignal<'a> {
    #[serde(borrow)]
    pub(super) vad_signal_type: Str<'a>,
}

/// Tokens; Vertex says `candidates…` where AI Studio says `response…`. A relay may say both.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageMetadata {
    pub(super) prompt_token_count: Count,
    pub(super) cached_content_token_count: Count,
    pub(super) response_token_count: Count,
    pub(super) candidates_token_count: Count,
    pub(super) tool_use_prompt_token_count: Count,
    pub(super) total_token_count: Count,
    pub(super) prompt_tokens_details: Option<Vec<Object<ModalityTokens>>>,
    pub(super) cache_tokens_details: Option<Vec<Object<ModalityTokens>>>,
    pub(super) response_tokens_details: Option<Vec<Object<ModalityTokens>>>,
    pub(super) candidates_tokens_details: Option<Vec<Object<ModalityTokens>>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ModalityTokens {
    pub(super) modality: Option<String>,
    pub(super) token_count: Count,
}

impl ServerMessage<'_> {
    /// The key of its kind; None for a message without one that we know.
    pub(super) fn kind(&self) -> Option<&'static str> {
        let kinds = [
            (self.server_content.is_some(), "serverContent"),
            (self.setup_complete.is_some(), "setupComplete"),
            (self.tool_call.is_some(), "toolCall"),
            (self.tool_call_cancellation.is_some(), "toolCallCancellation"),
            (self.go_away.is_some(), "goAway"),
            (self.session_resumption_update.is_some(), "sessionResumptionUpdate"),
            (self.voice_activity.is_some(), "voiceActivity"),
            (self.voice_activity_detection_signal.is_some(), "voiceActivityDetectionSignal"),
            (self.error.is_some(), "error"),
            (self.usage_metadata.is_some(), "usageMetadata"),
        ];
        kinds.into_iter().find(|(is_there, _)| *is_there).map(|(_, name)| name)
    }
}

/// Fields of a JSON object: derived readers would take a list of values, too.
#[derive(Debug)]
pub(super) struct Object<T>(T);

impl<T> std::ops::Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ObjectOnly(deserializer)).map(Object)
    }
}

struct ObjectOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A string, borrowed where it holds no escapes.
#[derive(Debug, Default)]
pub(super) struct Str<'a>(Option<Cow<'a, str>>);

impl Str<'_> {
    /// The string; None where it is absent or empty.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrVisitor)
    }
}

struct StrVisitor;

impl<'de> Visitor<'de> for StrVisitor {
    type Value = Str<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Str(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Str(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Str(None))
    }
}

/// A whole number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Count, E> {
        Ok(Count(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
        text.parse().map(Count).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Count, E> {
        Ok(Count(0))
    }
}

/// Seconds of a duration such as "1.880s" or "50s"; None for a negative one or one beyond those of proto3 JSON.
pub(super) fn seconds(text: &str) -> Option<f64> {
    text.strip_suffix('s')?.parse().ok().filter(|seconds| (0.0..=LONGEST_S).contains(seconds))
}

/// Some 10,000 years.
const LONGEST_S: f64 = 315_576_000_000.0;
