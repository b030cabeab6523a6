//! The session object as it stands: what a new connection is configured with.

use serde_json::{Map, Value};

use super::dialect::Dialect;

/// All changes that the service took, one over the other.
#[derive(Debug, Default)]
pub(super) struct Standing {
    session: Map<String, Value>,
}

/// What of the turn detection matters to us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detection {
    /// Whether the user ends turns.
    pub(super) by_hand: bool,
    /// Whether the end of a turn makes a response.
    pub(super) creates_response: bool,
}

impl Default for Detection {
    fn default() -> Self {
        Self { by_hand: false, creates_response: true }
    }
}

impl Standing {
    /// Takes over a session object that was sent: an option replaces what was, others stay.
    pub(super) fn take_over(&mut self, dialect: &Dialect, sent: &Value) {
        let Value::Object(sent) = sent else { return };
        let paths: Vec<&[&str]> = dialect.session_paths.iter().map(|(_, path)| *path).collect();
        overlay(&mut self.session, sent, &paths);
    }

    /// The session object; None where nothing was ever asked for.
    pub(super) fn session(&self) -> Option<&Map<String, Value>> {
        Some(&self.session).filter(|session| !session.is_empty())
    }
}

impl Detection {
    /// Takes over what a session object, sent or told, says of it.
    pub(super) fn hear(&mut self, session: &Map<String, Value>) {
        let inner = session.get("audio").and_then(|audio| audio.get("input")?.get("turn_detection"));
        let Some(detection) = inner.or_else(|| session.get("turn_detection")) else { return };
        self.by_hand = detection.is_null() || detection.get("type").is_some_and(Value::is_null);
        self.creates_response = detection["create_response"].as_bool().unwrap_or(true);
    }
}

/// Puts `changes` over `object`: the objects on the way to an option are merged, the option itself is replaced.
fn overlay(object: &mut Map<String, Value>, changes: &Map<String, Value>, paths: &[&[&str]]) {
    for (key, value) in changes {
        let below: Vec<&[&str]> =
            paths.iter().filter(|path| path.len() > 1 && path[0] == key).map(|path| &path[1..]).collect();
        match (object.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) if !below.is_empty() => overlay(inner, value, &below),
            _ => drop(object.insert(key.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai::GA;

    fn standing(changes: &[Value]) -> Value {
        let mut standing = Standing::default();
        changes.iter().for_each(|change| standing.take_over(&GA, change));
        Value::Object(standing.session)
    }

    #[test]
    fn an_option_replaces_what_was_and_others_stay() {
        let told = standing(&[
            json!({"instructions": "Be brief.", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1}}}}),
            json!({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}, "output": {"voice": "cedar"}}}),
        ]);
        assert_eq!(
            told,
            json!({"instructions": "Be brief.", "audio": {
                "input": {"turn_detection": {"type": "semantic_vad"}}, "output": {"voice": "cedar"},
            }})
        );
    }

    #[test]
    fn null_switches_off_and_a_list_is_replaced() {
        let told = standing(&[
            json!({"tools": [1, 2], "audio": {"input": {"noise_reduction": {"type": "near_field"}}}}),
            json!({"tools": [3], "audio": {"input": {"noise_reduction": null}}}),
        ]);
        assert_eq!(told, json!({"tools": [3], "audio": {"input": {"noise_reduction": null}}}));
    }
}
