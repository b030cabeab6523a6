//! All that Gemini Live's sessions send is in the table of the protocol, and nothing else.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::PathBuf;

use serde_json::{json, Value};
use support::gemini::*;
use support::{faults, script, start_with};

const ALONE: &str = "usageMetadata";

/// None where the table is absent: it is not shipped.
fn table() -> Option<Value> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("VOICEWIRE_SHARED").map_or(beside, PathBuf::from);
    let text = std::fs::read_to_string(shared.join("protocol/gemini_live.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn problems(table: &Value, message: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check_fields(table, "message", &table["server_message"]["fields"], message, &mut problems);
    let kinds = message.as_object().unwrap().keys().filter(|key| *key != ALONE).count();
    if kinds > 1 {
        problems.push(format!("{kinds} kinds: {message}"));
    }
    problems
}

fn check_fields(table: &Value, path: &str, fields: &Value, value: &Value, problems: &mut Vec<String>) {
    let Some(entries) = value.as_object() else {
        return problems.push(format!("{path}: no object: {value}"));
    };
    for (key, value) in entries {
        match fields
            .as_object()
            .unwrap()
            .iter()
            .find(|(name, field)| *name == key || field["vertex_wire_name"] == **key)
        {
            Some((_, field)) => check(table, &format!("{path}.{key}"), field, value, problems),
            None => problems.push(format!("{path}.{key}: not in the table")),
        }
    }
}

fn check(table: &Value, path: &str, field: &Value, value: &Value, problems: &mut Vec<String>) {
    if let Some(name) = field["ref"].as_str() {
        return check_fields(table, path, &table["types"][name], value, problems);
    }
    let fits = match field["type"].as_str().unwrap() {
        "string" => value.as_str().is_some_and(|word| is_word(&table["enums"], field, word)),
        "integer" => value.is_u64() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => true,
    };
    if !fits {
        problems.push(format!("{path}: {value} is no {field}"));
    }
    for item in value.as_array().into_iter().flatten() {
        check(table, path, &field["items"], item, problems);
    }
}

fn is_word(enums: &Value, field: &Value, word: &str) -> bool {
    field["enum"].as_str().is_none_or(|name| enums[name].as_array().unwrap().contains(&word.into()))
}

/// A session that does all there is to do; its messages.
async fn everything(path: &str, model: &str) -> Vec<Value> {
    let rules = json!([
        {"when": {"text": "rain"}, "tools": [{"name": "weather", "call_id": "c1"}]},
        {"when": {"text": "half"}, "status": "cancelled"},
    ]);
    let simulator = start_with(|config| config.script = script(rules));
    let mut extra = functions(json!([{"name": "weather"}]));
    extra["inputAudioTranscription"] = json!({});
    extra["outputAudioTranscription"] = json!({});
    extra["explicitVadSignal"] = true.into();
    extra["sessionResumption"] = json!({"transparent": true});
    let mut client = Gemini::at(&simulator, path).await;
    client.send(setup(model, extra)).await;
    let mut seen = client.until("/setupComplete").await;
    for _ in 0..2 {
        client.speak(&voice(400)).await;
        client.speak(&silence(900)).await;
        seen.extend(client.turn().await);
    }
    client.send(json!({"realtimeInput": {"text": "rain"}})).await;
    seen.extend(client.until("/toolCall").await);
    client.send(json!({"realtimeInput": {"text": "half of it"}})).await;
    seen.extend(client.turn().await);
    seen.extend(client.until("/serverContent/turnComplete").await);
    simulator.set_faults(faults(json!([{"kind": "go_away"}])));
    seen.extend(client.until("/goAway").await);
    seen
}

#[tokio::test]
async fn every_message_of_every_family_is_in_the_table() {
    let Some(table) = table() else {
        return;
    };
    for (path, model) in [
        (STUDIO, MODEL_2_5),
        (STUDIO, MODEL_3_1),
        (STUDIO, MODEL_3_8),
        (STUDIO, "models/gemini-3.8-live-extended-thinking"),
        (VERTEX, "gemini-live-2.5-flash-native-audio"),
    ] {
        let seen = everything(path, model).await;
        let found: Vec<_> = seen.iter().flat_map(|message| problems(&table, message)).collect();
        assert!(found.is_empty(), "{model}: {found:#?}");
    }
}
