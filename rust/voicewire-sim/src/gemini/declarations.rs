//! Checks of declared tools, with the path of the field that is wrong; part of the setup.

use serde_json::{json, Map, Value};

use super::profile::{Async, Profile};
use super::Close;

/// Characters of a function's name.
const NAME_LIMIT: usize = 64;

/// A function that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) blocking: bool,
    /// Its parameters as a JSON schema.
    parameters: Value,
}

impl Tool {
    /// The tool as a reply is composed from it.
    pub(super) fn json(&self) -> Value {
        json!({"type": "function", "name": self.name, "parameters": self.parameters})
    }
}

/// Read `tools`, at `path` of the client's message.
///
/// # Errors
/// The close frame with the path of the field.
pub(super) fn read(path: &str, tools: &Value, profile: &Profile) -> Result<Vec<Tool>, Close> {
    let mut read = Vec::new();
    let mut searches = false;
    for (index, tool) in tools.as_array().into_iter().flatten().enumerate() {
        searches |= tool.get("googleSearch").is_some();
        for (place, declaration) in tool["functionDeclarations"].as_array().into_iter().flatten().enumerate() {
            let path = format!("{path}[{index}].function_declarations[{place}]");
            let tool = read_function(&path, declaration, profile)?;
            if read.iter().any(|other: &Tool| other.name == tool.name) {
                return Err(wrong(&path, &format!("Duplicate function declaration found: {}", tool.name)));
            }
            read.push(tool);
        }
    }
    if searches && !read.is_empty() && !profile.searches_and_calls {
        return Err(Close::invalid_argument());
    }
    Ok(read)
}

fn read_function(path: &str, declaration: &Value, profile: &Profile) -> Result<Tool, Close> {
    let name = declaration["name"].as_str().unwrap_or_default();
    if !is_name(name) {
        return Err(wrong(&format!("{path}.name"), &format!("Invalid function name: \"{name}\"")));
    }
    let (typed, plain) = (&declaration["parameters"], &declaration["parametersJsonSchema"]);
    if !typed.is_null() && !plain.is_null() {
        return Err(wrong(path, "only one of parameters and parameters_json_schema may be set"));
    }
    check_schema(&format!("{path}.parameters"), typed)?;
    let blocking = match (declaration["behavior"].as_str(), profile.async_calls) {
        (Some("NON_BLOCKING"), Async::Never) => {
            return Err(wrong(&format!("{path}.behavior"), "NON_BLOCKING is not supported by this model"));
        }
        (Some("NON_BLOCKING"), _) => false,
        (Some("BLOCKING"), _) => true,
        (_, default) => default != Async::Default,
    };
    let parameters = if plain.is_null() { lower(typed) } else { plain.clone() };
    Ok(Tool { name: name.to_owned(), blocking, parameters })
}

/// What the shape cannot tell: types, items and required names fit together.
fn check_schema(path: &str, schema: &Value) -> Result<(), Close> {
    let Some(fields) = schema.as_object() else {
        return Ok(());
    };
    if !fields.contains_key("type") && !fields.contains_key("anyOf") {
        return Err(wrong(&format!("{path}.type"), "must be specified"));
    }
    if schema["type"] == "ARRAY" && schema["items"].is_null() {
        return Err(wrong(&format!("{path}.items"), "missing field."));
    }
    for (index, name) in schema["required"].as_array().into_iter().flatten().enumerate() {
        if schema["properties"].get(name.as_str().unwrap_or_default()).is_none() {
            return Err(wrong(&format!("{path}.required[{index}]"), "property is not defined"));
        }
    }
    check_schema(&format!("{path}.items"), &schema["items"])?;
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        check_schema(&format!("{path}.properties[{name}]"), property)?;
    }
    Ok(())
}

/// A schema with types in small letters, as JSON schema has them.
fn lower(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let each = |(key, value): (&String, &Value)| match (key.as_str(), value) {
                ("type", Value::String(name)) => (key.clone(), name.to_ascii_lowercase().into()),
                _ => (key.clone(), lower(value)),
            };
            Value::Object(fields.iter().map(each).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(lower).collect(),
        other => other.clone(),
    }
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on = |character: char| character.is_ascii_alphanumeric() || "_.:-".contains(character);
    starts && name.chars().all(goes_on) && name.len() <= NAME_LIMIT
}

fn wrong(path: &str, problem: &str) -> Close {
    Close::invalid(&format!("* BidiGenerateContentRequest.{path}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(declaration: Value) -> String {
        let tools = json!([{"functionDeclarations": [declaration]}]);
        read("setup.tools", &tools, &Profile::of("gemini").unwrap()).unwrap_err().reason
    }

    #[test]
    fn a_bad_schema_is_told_by_its_path() {
        let parameters = json!({"type": "OBJECT", "properties": {"a": {"type": "ARRAY"}}});
        assert_eq!(
            refusal(json!({"name": "f", "parameters": parameters})),
            "* BidiGenerateContentRequest.setup.tools[0].function_declarations[0].parameters.properties[a].items: missing field."
        );
        let parameters = json!({"type": "OBJECT", "properties": {}, "required": ["a"]});
        assert!(refusal(json!({"name": "f", "parameters": parameters})).contains("parameters.required[0]: property"));
        assert!(refusal(json!({"name": "no good"})).contains("Invalid function name"));
        assert!(refusal(json!({"name": "f", "parameters": {}})).contains("parameters.type: must be specified"));
    }

    #[test]
    fn models_differ_in_calls_they_wait_for() {
        let declared = |behavior: Value| json!([{"functionDeclarations": [{"name": "f", "behavior": behavior}]}]);
        let blocking = |model: &str, behavior: Value| {
            let read = read("setup.tools", &declared(behavior), &Profile::of(model).unwrap());
            read.map(|tools| tools[0].blocking).ok()
        };

        assert_eq!(blocking("gemini-3.8-live", Value::Null), Some(false));
        assert_eq!(blocking("gemini-3.8-live", json!("BLOCKING")), Some(true));
        assert_eq!(blocking("gemini-2.5-flash-native-audio", Value::Null), Some(true));
        assert_eq!(blocking("gemini-2.5-flash-native-audio", json!("NON_BLOCKING")), Some(false));
        assert_eq!(blocking("gemini-3.1-flash-live-preview", json!("NON_BLOCKING")), None);
    }
}
