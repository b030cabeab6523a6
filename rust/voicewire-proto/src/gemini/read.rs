//! Step "message → event": from the text of a message to its fields, or to what is wrong with it.

use serde_json::Value;

use super::wire::{Object, ServerMessage};
use crate::error::Malformed;
use crate::scan::depth;

/// Reads a message of at most `max_depth` levels.
pub(super) fn read(text: &[u8], max_depth: usize) -> Result<Object<ServerMessage<'_>>, (Malformed, String)> {
    // The parser gives up at 128 by itself.
    if max_depth < 128 && depth(text) > max_depth {
        return Err(too_deep(max_depth));
    }
    let message: Result<Object<ServerMessage<'_>>, _> = serde_json::from_slice(text);
    message.map_err(|_| problem(text, max_depth))
}

/// What is wrong with a message that did not fit: worth a second look, since it says which field.
fn problem(text: &[u8], max_depth: usize) -> (Malformed, String) {
    if depth(text) > max_depth {
        return too_deep(max_depth);
    }
    let mut parser = serde_json::Deserializer::from_slice(text);
    parser.disable_recursion_limit();
    match <Value as serde::Deserialize>::deserialize(&mut parser).and_then(|value| parser.end().map(|()| value)) {
        Err(error) => return (Malformed::BadJson, format!("invalid JSON: {error}")),
        Ok(value) if !value.is_object() => return (Malformed::BadEvent, "event is not a JSON object".into()),
        Ok(_) => {}
    }
    let mut parser = serde_json::Deserializer::from_slice(text);
    let fitted: Result<Object<ServerMessage<'_>>, _> = serde_path_to_error::deserialize(&mut parser);
    match fitted {
        Err(error) => (Malformed::BadEvent, format!("field does not fit: {}: {}", error.path(), error.inner())),
        Ok(_) => (Malformed::BadEvent, "event does not fit".into()),
    }
}

pub(super) fn too_deep(max_depth: usize) -> (Malformed, String) {
    (Malformed::TooDeep, format!("message is nested deeper than {max_depth} levels"))
}
