//! Step "message → event": what a message says about an item of the conversation.

use serde_json::Value;

/// What an event changes in the conversation, beside the deltas that its body holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemChange {
    /// The item was added, or told again, with all that is known of it.
    Told(Box<ItemFields>),
    /// A piece of a call's arguments.
    Arguments(String),
    /// The audio behind so many milliseconds is gone, and the transcript with it.
    Truncated(u64),
    /// The item is gone.
    Deleted,
}

/// An item as a message tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemFields {
    /// Its id.
    pub id: String,
    /// "message", "function_call", "function_call_output", "mcp_call", …
    pub kind: String,
    /// "user", "assistant" or "system"; None for calls.
    pub role: Option<String>,
    /// "in_progress", "completed" or "incomplete", where told.
    pub status: Option<String>,
    /// Written words of all content parts.
    pub text: String,
    /// Spoken words of all content parts.
    pub transcript: String,
    /// Whether a content part is audio.
    pub has_audio: bool,
    /// Arguments of a call, as text.
    pub arguments: Option<String>,
    /// Output of a call.
    pub output: Option<String>,
    /// Id that ties a call to its output.
    pub call_id: Option<String>,
    /// The tool.
    pub name: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// Whether the message says that the item is done; outputs of calls have no status that would.
    pub is_done: bool,
    /// The item's own JSON, without audio.
    pub raw: String,
}

/// Where an item stands in its conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Not told: at the end, unless it stands somewhere already.
    #[default]
    Untold,
    /// Before all others.
    First,
    /// Behind the item with that id; at the end where there is none such.
    Behind(String),
}

impl ItemFields {
    /// Reads an item object; None where it is none or has no id.
    pub fn read(item: &Value, previous: &Value) -> Option<Self> {
        let text = |key: &str| item[key].as_str().map(str::to_owned);
        let id = text("id").filter(|id| !id.is_empty())?;
        let mut fields = Self {
            id,
            kind: text("type").unwrap_or_else(|| "message".to_owned()),
            role: text("role"),
            status: text("status"),
            arguments: text("arguments"),
            output: text("output"),
            call_id: text("call_id").or_else(|| text("approval_request_id")),
            name: text("name"),
            place: match previous.as_str() {
                Some(id) if !id.is_empty() => Place::Behind(id.to_owned()),
                _ => Place::Untold,
            },
            ..Self::default()
        };
        let mut item = item.clone();
        // Not by index: that would add a `content` to items without one.
        let content = item.get_mut("content").and_then(Value::as_array_mut);
        content.into_iter().flatten().for_each(|part| fields.read_part(part));
        fields.raw = item.to_string();
        Some(fields)
    }

    /// Adds a content part to the words; its audio is taken out.
    fn read_part(&mut self, part: &mut Value) {
        self.text.push_str(part["text"].as_str().unwrap_or_default());
        self.transcript.push_str(part["transcript"].as_str().unwrap_or_default());
        let kind = part["type"].as_str().unwrap_or_default();
        if matches!(kind, "audio" | "input_audio" | "output_audio") {
            self.has_audio = true;
            if let Some(fields) = part.as_object_mut() {
                fields.remove("audio");
            }
        }
    }
}
