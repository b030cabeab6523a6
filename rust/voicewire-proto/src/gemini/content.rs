//! Step "command → message": turns and parts as Gemini writes them.

use serde_json::{json, Value};

/// A turn of the user with a text.
pub(super) fn user_text(text: &str) -> Value {
    json!({"role": "user", "parts": [{"text": text}]})
}

/// Parts of `input_text`, `input_audio` and `input_image` parts.
pub(super) fn parts_of(parts: &[Value], input_rate: u32) -> Vec<Value> {
    parts.iter().filter_map(|part| part_of(part, input_rate)).collect()
}

/// The words in a list of neutral parts.
pub(super) fn words_of(parts: &[Value]) -> String {
    let words = |part: &Value| part["text"].as_str().or_else(|| part["transcript"].as_str()).map(str::to_owned);
    parts.iter().filter_map(words).collect::<Vec<_>>().join("\n")
}

/// A turn of an item of history; None for one without words. Calls become readable text: turns of context take no
/// function parts.
pub(super) fn context_of(item: &Value) -> Option<Value> {
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    let (role, words) = match item["type"].as_str() {
        Some("function_call") => ("model", format!("[called {} with {}]", text("name"), text("arguments"))),
        Some("function_call_output") => ("user", format!("[tool gave {}]", text("output"))),
        _ => {
            let role = if item["role"] == "assistant" { "model" } else { "user" };
            (role, words_of(item["content"].as_array().map_or(&[], Vec::as_slice)))
        }
    };
    (!words.is_empty()).then(|| json!({"role": role, "parts": [{"text": words}]}))
}

/// `response` of a function response: an object goes as it is, so that `{"error": …}` is told as an error.
pub(super) fn tool_response(output: &str) -> Value {
    match serde_json::from_str(output) {
        Ok(Value::Object(object)) => Value::Object(object),
        Ok(value @ (Value::Array(_) | Value::Number(_) | Value::Bool(_))) => json!({"output": value}),
        _ => json!({"output": output}),
    }
}

/// The sound or image of a part as a realtime input; None for a text.
pub(super) fn media_of(part: &Value, input_rate: u32) -> Option<Value> {
    let name = if part["type"] == "input_image" { "video" } else { "audio" };
    blob_of(part, input_rate).map(|blob| json!({name: blob}))
}

fn part_of(part: &Value, input_rate: u32) -> Option<Value> {
    match part["type"].as_str()? {
        "input_audio" | "input_image" => blob_of(part, input_rate).map(|blob| json!({"inlineData": blob})),
        _ => Some(json!({"text": part["text"]})),
    }
}

/// Type and bytes of a sound or an image; None for a text, and for an image that is no `data:` URL.
fn blob_of(part: &Value, input_rate: u32) -> Option<Value> {
    match part["type"].as_str()? {
        "input_audio" => {
            let mime_type = format!("audio/pcm;rate={input_rate}");
            Some(json!({"mimeType": mime_type, "data": part["audio"]}))
        }
        "input_image" => {
            let (mime_type, data) = data_url(part["image_url"].as_str()?)?;
            Some(json!({"mimeType": mime_type, "data": data}))
        }
        _ => None,
    }
}

/// Type and base64 text of a `data:` URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}
