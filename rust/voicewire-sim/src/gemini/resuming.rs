//! Handles: told while a session lives, and taken up by a later one; between the talk and the store of handles.

use std::sync::Arc;

use serde_json::json;

use super::handles::Snapshot;
use super::setup::Setup;
use super::talk::Talk;
use super::Close;
use crate::listener::Shared;

/// The conversation that a setup asks for.
///
/// # Errors
/// 1008 for a handle that is not known, 1007 for another model than before.
pub(super) fn resume(setup: &Setup, shared: &Shared) -> Result<Option<Snapshot>, Close> {
    let Some(handle) = &setup.handle else {
        return Ok(None);
    };
    let snapshot = shared.handles.find(handle).ok_or_else(|| Close::new(1008, "Session handle not found."))?;
    if snapshot.model != setup.model {
        return Err(Close::invalid("The model of a resumed session cannot be changed."));
    }
    Ok(Some(snapshot))
}

impl Talk {
    /// Keep the conversation and tell its handle, if the client wants to know.
    pub(super) fn tell_handle(&mut self) {
        if !self.setup.tells_handles {
            return;
        }
        self.behind = false;
        let handle = self.shared.handles.keep(Snapshot {
            model: self.setup.model.clone(),
            conversation: Arc::new(self.conversation.clone()),
            turns: self.turns,
        });
        let mut update = json!({"newHandle": handle, "resumable": true});
        if self.setup.transparent {
            // 64 bits stand as text in the JSON of this service.
            update["lastConsumedClientMessageIndex"] = (self.consumed - 1).to_string().into();
        }
        self.push(json!({ "sessionResumptionUpdate": update }));
    }

    /// While the model is at work the last handle is behind.
    pub(super) fn tell_no_handle(&mut self) {
        if self.setup.tells_handles && !std::mem::replace(&mut self.behind, true) {
            self.push(json!({"sessionResumptionUpdate": {"resumable": false}}));
        }
    }
}
