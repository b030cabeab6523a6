//! The table of the GA dialect: checks server events against it, and makes client events from it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::PathBuf;

use serde_json::{json, Map, Value};

/// Seen at the service and not declared, by the schema that holds it; `obfuscation` is on every text delta.
const OBSERVED: &[(&str, &[&str])] = &[
    ("RealtimeSessionCreateRequest", &["id", "object", "expires_at"]),
    ("RealtimeTranscriptionSessionCreateRequest", &["id", "object", "expires_at"]),
    ("RealtimeResponseUsageOutputTokenDetails", &["reasoning_tokens"]),
    ("RealtimeConversationItemAssistantMessage", &["phase"]),
];

/// Events, and schemas by name.
pub struct Table {
    dialect: Value,
}

impl Table {
    /// None where the table is absent: it is not shipped.
    pub fn read() -> Option<Table> {
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("VOICEWIRE_SHARED").map_or(beside, PathBuf::from);
        let text = std::fs::read_to_string(shared.join("protocol/openai_realtime.json")).ok()?;
        let mut table: Value = serde_json::from_str(&text).unwrap();
        Some(Table { dialect: table["dialects"]["ga"].take() })
    }

    pub fn server_events(&self) -> impl Iterator<Item = &str> {
        self.dialect["server_events"].as_object().unwrap().keys().map(String::as_str)
    }

    /// What is wrong with a server event.
    pub fn problems(&self, event: &Value) -> Vec<String> {
        let kind = event["type"].as_str().unwrap_or_default();
        let mut problems = Vec::new();
        match self.dialect["server_events"][kind]["schema"].as_str() {
            Some(schema) => self.check_object(kind, schema, event, &mut problems),
            None => problems.push(format!("{kind}: not in the table")),
        }
        problems
    }

    /// Client events that together show each field and each alternative of each declared shape.
    pub fn client_events(&self) -> Vec<Value> {
        let events = self.dialect["client_events"].as_object().unwrap().values();
        let schemas = events.flat_map(|event| {
            let also = event["also"].as_array().into_iter().flatten();
            std::iter::once(&event["schema"]).chain(also).map(|schema| schema.as_str().unwrap())
        });
        schemas.flat_map(|schema| self.samples(&json!({"t": "ref", "ref": schema}), 0)).collect()
    }

    fn schema(&self, name: &str) -> &Value {
        &self.dialect["schemas"][name]
    }

    fn check_object(&self, path: &str, name: &str, value: &Value, problems: &mut Vec<String>) {
        let fields = self.schema(name)["fields"].as_object().unwrap();
        let Some(entries) = value.as_object() else {
            return problems.push(format!("{path}: not an object: {value}"));
        };
        for (key, field) in fields {
            match entries.get(key) {
                None if field["required"] == true => problems.push(format!("{path}.{key}: missing")),
                None => {}
                Some(Value::Null) if nullable(path, key, field) => {}
                Some(value) => self.check(&format!("{path}.{key}"), field, value, problems),
            }
        }
        let observed = OBSERVED.iter().find(|(schema, _)| *schema == name).map_or(&[][..], |(_, keys)| keys);
        let known = |key: &str| fields.contains_key(key) || observed.contains(&key) || is_padding(key, entries);
        problems.extend(entries.keys().filter(|key| !known(key)).map(|key| format!("{path}.{key}: not declared")));
    }

    fn check(&self, path: &str, expected: &Value, value: &Value, problems: &mut Vec<String>) {
        let fits = match expected["t"].as_str().unwrap() {
            "string" | "bytes" => value.is_string() && is_allowed(expected, value),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "array" => value.is_array(),
            "map" => value.is_object(),
            "ref" => return self.check_object(path, expected["ref"].as_str().unwrap(), value, problems),
            "union" => return self.check_union(path, expected, value, problems),
            _ => true,
        };
        if !fits {
            problems.push(format!("{path}: {value} is no {expected}"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate().filter(|_| expected["t"] == "array") {
            self.check(&format!("{path}[{index}]"), &expected["items"], item, problems);
        }
    }

    /// Fits one alternative; of objects the one that shares the value's `type` (and `role`) is told.
    fn check_union(&self, path: &str, expected: &Value, value: &Value, problems: &mut Vec<String>) {
        let mut nearest: Option<Vec<String>> = None;
        for alternative in expected["any"].as_array().unwrap() {
            let mut found = Vec::new();
            self.check(path, alternative, value, &mut found);
            if nearest.as_ref().is_none_or(|nearest| found.len() < nearest.len()) {
                nearest = Some(found);
            }
        }
        problems.extend(nearest.unwrap_or_default());
    }

    /// Values of a type: as many as it has alternatives.
    fn samples(&self, expected: &Value, depth: usize) -> Vec<Value> {
        let mut samples = match expected["t"].as_str().unwrap() {
            "string" | "bytes" => match expected["enum"].as_array() {
                Some(words) => words.clone(),
                None => vec![json!("x")],
            },
            "integer" => expected["enum"].as_array().cloned().unwrap_or_else(|| vec![json!(1)]),
            "number" => vec![json!(1)],
            "boolean" => vec![json!(true), json!(false)],
            "array" => self.samples(&expected["items"], depth + 1).into_iter().map(|item| json!([item])).collect(),
            "map" => vec![json!({"key": "value"})],
            "ref" => self.object_samples(expected["ref"].as_str().unwrap(), depth),
            "union" => {
                let alternatives = expected["any"].as_array().unwrap().iter();
                alternatives.flat_map(|alternative| self.samples(alternative, depth + 1)).collect()
            }
            _ => vec![json!({"any": 1})],
        };
        if expected["nullable"] == true {
            samples.push(Value::Null);
        }
        samples
    }

    fn object_samples(&self, name: &str, depth: usize) -> Vec<Value> {
        assert!(depth < 20, "{name} holds itself");
        let fields = self.schema(name)["fields"].as_object().unwrap().iter();
        let columns: Vec<_> = fields.map(|(key, field)| (key, self.samples(field, depth + 1))).collect();
        let rows = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
        let row = |index: usize| {
            let entries = columns.iter().map(|(key, values)| ((*key).clone(), values[index % values.len()].clone()));
            Value::Object(entries.collect::<Map<_, _>>())
        };
        (0..rows).map(row).collect()
    }
}

/// `metadata` and such may be null where the service says so in words only; a transcript is null until it is known.
fn nullable(path: &str, key: &str, field: &Value) -> bool {
    field["nullable"] == true || (path.ends_with("session") && key == "include")
}

fn is_padding(key: &str, entries: &Map<String, Value>) -> bool {
    key == "obfuscation" && entries.contains_key("delta")
}

fn is_allowed(expected: &Value, value: &Value) -> bool {
    let words = expected["enum"].as_array();
    expected["open"] == true || words.is_none_or(|words| words.contains(value))
}
