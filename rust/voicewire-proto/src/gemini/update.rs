//! Step "command → message": a change of the configuration. It goes in place where the model takes it so, else a new
//! connection carries it.

use std::time::Instant;

use serde_json::{json, Map, Value};

use super::protocol::Gemini;
use super::setup::{encode_setup, instruction, EncodedSetup};
use crate::command::ReceiptId;
use crate::config::SessionConfig;
use crate::error::{Error, ServerError};
use crate::event::{Body, Event};
use crate::protocol::Outcome;

/// What a change of the configuration comes to.
struct Change {
    after: EncodedSetup,
    /// Keys of the setup that differ.
    keys: Vec<String>,
}

impl Gemini {
    pub(super) fn update(&mut self, changes: &SessionConfig, receipt: ReceiptId, now: Instant) {
        let before = self.settings.config.clone();
        self.settings.config.merge(changes);
        let change = self.change_since(&before);
        let ignored = self.ignored(&change, changes);
        if change.keys.is_empty() || self.update_in_place(&change) || self.update_by_turn(&change) {
            self.tell_ignored(&ignored, now);
            self.settle(receipt, Outcome::Done, ignored);
        } else if self.settings.reconnects {
            self.tell_ignored(&ignored, now);
            self.plan_switch(receipt, ignored, now);
        } else {
            self.settings.config = before;
            self.refuse_update(&change.keys.join(", "), receipt, now);
        }
    }

    fn change_since(&self, before: &SessionConfig) -> Change {
        let before = encode_setup(&self.settings.profile, before).setup;
        let after = encode_setup(&self.settings.profile, &self.settings.config);
        let keys = before.keys().chain(after.setup.keys());
        let mut keys: Vec<String> = keys.filter(|key| before.get(*key) != after.setup.get(*key)).cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        Change { after, keys }
    }

    /// Options among the changes that the service has no words for.
    fn ignored(&self, change: &Change, changes: &SessionConfig) -> Vec<String> {
        let asked = |option: &&String| changes.get(option.split('.').next().unwrap_or_default()).is_some();
        let ignored: Vec<String> = change.after.unexpressed.iter().filter(asked).cloned().collect();
        ignored
    }

    fn tell_ignored(&mut self, ignored: &[String], now: Instant) {
        if !ignored.is_empty() {
            self.events.push_back(Event::ours(Body::ConfigMismatch(ignored.to_vec()), now));
        }
    }

    /// Sends instructions and tools, where nothing else changes and the model takes them; returns whether it does.
    fn update_in_place(&mut self, change: &Change) -> bool {
        let setup = &change.after.setup;
        let is_told = |key: &String| matches!(key.as_str(), "systemInstruction" | "tools") && setup.contains_key(key);
        if !self.settings.profile.context_update || !change.keys.iter().all(is_told) {
            return false;
        }
        let mut update = Map::new();
        for key in &change.keys {
            let value = &setup[key];
            update.insert(key.clone(), if key == "tools" { json!({"tools": value}) } else { value.clone() });
        }
        self.push("contextUpdate", update.into(), None);
        true
    }

    /// Sends instructions as a turn of context, where nothing else changes and the model heeds it; returns whether it
    /// does.
    fn update_by_turn(&mut self, change: &Change) -> bool {
        let told = change.after.setup.get("systemInstruction").filter(|_| change.keys == ["systemInstruction"]);
        let text = told.and_then(|told| told["parts"][0]["text"].as_str());
        let Some(text) = text.filter(|_| self.settings.profile.instructions_by_turn) else { return false };
        let mut turn = instruction(text);
        if let Some(role) = &self.settings.profile.instructions_role {
            turn["role"] = Value::from(role.as_str());
        }
        self.context.push(turn);
        self.idle();
        true
    }

    fn refuse_update(&mut self, keys: &str, receipt: ReceiptId, now: Instant) {
        let message = format!("changing {keys} needs a new connection, and reconnect is off");
        let code = Some("reconnect_is_off".to_owned());
        let error = Error::Rejected(ServerError { message, code, ..ServerError::default() });
        let body = Body::Error { error: Box::new(error.clone()), fatal: false };
        self.events.push_back(Event::ours(body, now));
        self.settle(receipt, Outcome::Failed(error), Vec::new());
    }
}
