//! Step "configuration → message": what the user adds to a service's words.

use serde_json::{Map, Value};

/// Merges `other` into `object`: objects key by key, everything else by replacement.
pub(crate) fn merge(object: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, value) in other {
        match (object.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            _ => drop(object.insert(key.clone(), value.clone())),
        }
    }
}
