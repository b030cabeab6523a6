//! The check of a client's message, which also brings its keys into camelCase; between the message and the session.
//!
//! Keys come as `turnComplete` or `turn_complete`, mixed in one message. Keys of objects that are the client's own
//! (arguments, results, properties of a schema) stay as they are.

use serde_json::{Map, Value};

use super::shapes::{ENUMS, MESSAGES, TYPES};
use super::Close;

/// A client's message of one kind, checked.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    /// The key in camelCase.
    pub(super) kind: &'static str,
    pub(super) body: Value,
}

/// Read a client's message.
///
/// # Errors
/// The close frame for what is no JSON, no known kind, more than one kind, or of another shape.
pub(super) fn read(text: &str) -> Result<Message, Close> {
    let value: Value =
        serde_json::from_str(text).map_err(|_| Close::invalid("Invalid JSON payload received. Parsing failed."))?;
    let Value::Object(fields) = value else {
        return Err(Close::invalid("Invalid JSON payload received. Expected an object."));
    };
    let mut found = None;
    for (key, body) in fields.into_iter().filter(|(_, body)| !body.is_null()) {
        let name = camel_case(&key);
        let Some((kind, type_name)) = MESSAGES.iter().find(|(kind, _)| *kind == name) else {
            return Err(unknown_name(&key, ""));
        };
        if found.is_some() {
            return Err(Close::invalid("Invalid JSON payload received. A message holds one kind, but two are set."));
        }
        found = Some(Message { kind, body: normalise(type_name, &snake_case(kind), body)? });
    }
    found.ok_or_else(Close::invalid_argument)
}

/// A value of a kind with its keys in camelCase; nulls are left out, as absent.
fn normalise(kind: &str, path: &str, value: Value) -> Result<Value, Close> {
    if let Some(inner) = kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return normalise_list(inner, path, value);
    }
    match (kind, &value) {
        ("any", _) | ("map", Value::Object(_)) | ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => {
            Ok(value)
        }
        ("number", Value::Number(_)) => Ok(value),
        ("number" | "integer", _) => number(kind, &value).ok_or_else(|| wrong_kind(kind, path, &value)),
        ("schemas", Value::Object(_)) => normalise_map(path, value),
        _ => match (find(TYPES, kind), value) {
            (Some(fields), Value::Object(entries)) => normalise_fields(fields, path, entries),
            (None, Value::String(word)) => normalise_word(kind, path, word),
            (_, value) => Err(wrong_kind(kind, path, &value)),
        },
    }
}

fn normalise_list(kind: &str, path: &str, value: Value) -> Result<Value, Close> {
    match value {
        Value::Array(items) => {
            let each = |(index, item)| normalise(kind, &format!("{path}[{index}]"), item);
            items.into_iter().enumerate().map(each).collect()
        }
        // One message stands for a list of one, as the service's JSON reader has it.
        Value::Object(_) => Ok(Value::Array(vec![normalise(kind, &format!("{path}[0]"), value)?])),
        _ => Err(wrong_kind(kind, path, &value)),
    }
}

fn normalise_map(path: &str, value: Value) -> Result<Value, Close> {
    let Value::Object(entries) = value else {
        return Err(wrong_kind("map", path, &value));
    };
    let each = |(key, value): (String, Value)| {
        let inner = format!("{path}[{key}]");
        Ok((key, normalise("Schema", &inner, value)?))
    };
    entries.into_iter().map(each).collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

fn normalise_fields(fields: &str, path: &str, entries: Map<String, Value>) -> Result<Value, Close> {
    let mut normal = Map::new();
    for (key, value) in entries.into_iter().filter(|(_, value)| !value.is_null()) {
        let name = camel_case(&key);
        let known = fields.split(' ').filter_map(|field| field.split_once(':')).find(|(known, _)| *known == name);
        let Some((_, kind)) = known else {
            return Err(unknown_name(&key, path));
        };
        let value = normalise(kind, &format!("{path}.{}", snake_case(&name)), value)?;
        normal.insert(name, value);
    }
    Ok(Value::Object(normal))
}

/// A word of an enum in capitals: `object` is read as `OBJECT`.
fn normalise_word(kind: &str, path: &str, word: String) -> Result<Value, Close> {
    let upper = word.to_ascii_uppercase();
    let known = find(ENUMS, kind).is_some_and(|words| words.split(' ').any(|known| known == upper));
    if known || upper.ends_with("UNSPECIFIED") {
        return Ok(Value::String(upper));
    }
    Err(wrong_kind(kind, path, &Value::String(word)))
}

/// A number, which may stand as text: so JSON carries numbers of 64 bits.
fn number(kind: &str, value: &Value) -> Option<Value> {
    let read = match value {
        Value::String(text) => text.parse::<f64>().ok()?,
        _ => value.as_f64()?,
    };
    match kind {
        "integer" if read.fract() == 0.0 => Some((read as i64).into()),
        "integer" => None,
        _ => Some(read.into()),
    }
}

fn find<'a>(table: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

fn unknown_name(name: &str, path: &str) -> Close {
    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    Close::invalid(&format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."))
}

fn wrong_kind(kind: &str, path: &str, value: &Value) -> Close {
    Close::invalid(&format!("Invalid value at '{path}' ({kind}), {value}"))
}

/// `turn_complete` as `turnComplete`; what is so already stays.
fn camel_case(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    let mut raises = false;
    for character in key.chars() {
        match character {
            '_' => raises = true,
            _ if std::mem::take(&mut raises) => name.push(character.to_ascii_uppercase()),
            _ => name.push(character),
        }
    }
    name
}

fn snake_case(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            key.push('_');
        }
        key.push(character.to_ascii_lowercase());
    }
    key
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(message: Value) -> String {
        read(&message.to_string()).unwrap_err().reason
    }

    #[test]
    fn keys_of_both_styles_mean_the_same() {
        let snake = json!({"client_content": {"turns": [{"parts": [{"inline_data": {"mime_type": "a/b"}}]}], "turnComplete": true}});
        let camel = json!({"clientContent": {"turns": [{"parts": [{"inlineData": {"mimeType": "a/b"}}]}], "turnComplete": true}});

        assert_eq!(read(&snake.to_string()).unwrap(), read(&camel.to_string()).unwrap());
    }

    #[test]
    fn keys_of_the_clients_own_objects_stay() {
        let properties = json!({"zqx_measurement": {"type": "number", "max_items": "3"}});
        let declaration = json!({"name": "a", "parameters": {"type": "object", "properties": properties}});
        let setup = json!({"setup": {"model": "m", "tools": [{"function_declarations": [declaration]}]}});

        let body = read(&setup.to_string()).unwrap().body;

        let schema = &body["tools"][0]["functionDeclarations"][0]["parameters"];
        assert_eq!(schema["properties"]["zqx_measurement"], json!({"type": "NUMBER", "maxItems": 3}));
        let response = json!({"toolResponse": {"functionResponses": {"id": "1", "response": {"a_b": 1}}}});
        let body = read(&response.to_string()).unwrap().body;
        assert_eq!(body["functionResponses"][0]["response"], json!({"a_b": 1}));
    }

    #[test]
    fn a_refusal_names_the_field() {
        assert_eq!(
            refusal(json!({"setup": {"generationConfig": {"warmth": 1}}})),
            "Invalid JSON payload received. Unknown name \"warmth\" at 'setup.generation_config': Cannot find field."
        );
        assert_eq!(
            refusal(json!({"setup": {"generationConfig": {"responseModalities": ["SMELL"]}}})),
            "Invalid value at 'setup.generation_config.response_modalities[0]' (Modality), \"SMELL\""
        );
        assert_eq!(refusal(json!({"setup": {"model": 7}})), "Invalid value at 'setup.model' (string), 7");
    }

    #[test]
    fn a_message_has_one_kind() {
        assert!(refusal(json!({"setup": {}, "clientContent": {}})).contains("one kind"));
        assert!(refusal(json!({"session.update": {}})).contains("Unknown name \"session.update\""));
        assert_eq!(refusal(json!({})), "Request contains an invalid argument.");
        assert!(refusal(json!([1])).contains("Expected an object"));
        assert!(read("}{").is_err());
    }

    #[test]
    fn recorded_messages_of_real_clients_are_read() {
        let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("VOICEWIRE_SHARED").map_or(beside, Into::into);
        // The recordings are not shipped: without them there is nothing to read.
        let files = ["audio_in_server_vad_turn", "text_in_audio_out_turn", "tool_call_round"];
        let paths = files.map(|name| shared.join(format!("recordings/google_ws__{name}.jsonl")));
        let texts = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect::<String>();
        let lines = texts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        for line in lines.filter(|line| line["dir"] == "client") {
            let message = line["event"].to_string();
            assert!(read(&message).is_ok(), "{:?}", read(&message));
        }
    }

    #[test]
    fn every_kind_of_the_table_is_known() {
        let fields = TYPES.iter().flat_map(|(_, fields)| fields.split(' ')).filter(|field| !field.is_empty());
        let kinds = fields.map(|field| field.split_once(':').unwrap().1.trim_matches(['[', ']']));
        let basic = ["any", "map", "schemas", "string", "integer", "number", "boolean"];
        for kind in kinds.filter(|kind| !basic.contains(kind)) {
            assert!(find(TYPES, kind).or(find(ENUMS, kind)).is_some(), "{kind}");
        }
    }
}
