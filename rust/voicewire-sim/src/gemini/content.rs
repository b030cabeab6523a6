//! `clientContent`: history, context and typed turns become items of the conversation.

use std::time::Instant;

use serde_json::{json, Value};

use super::listening::decode_audio;
use super::talk::Talk;
use super::Close;
use crate::conversation::{Audio, Item};

impl Talk {
    /// Take turns in; with `turnComplete` they are answered. Either way a running generation ends.
    ///
    /// # Errors
    /// The close frame for content that the model does not take.
    pub(super) fn take_content(&mut self, content: &Value, now: Instant) -> Result<(), Close> {
        let allowed = self.manner.content_mid_session.unwrap_or(self.setup.profile.content_mid_session);
        if !allowed && self.turns > 0 {
            return Err(Close::invalid_argument());
        }
        let turns = content["turns"].as_array().into_iter().flatten();
        let items = turns.map(|turn| self.item_of(turn)).collect::<Result<Vec<_>, _>>()?;
        self.interrupt();
        items.into_iter().for_each(|item| self.conversation.push(item));
        if content["turnComplete"] != true {
            return Ok(());
        }
        // What ends the seeding is no question.
        if !std::mem::take(&mut self.seeding) {
            self.respond(now);
        }
        Ok(())
    }

    /// The item of typed words.
    pub(super) fn user_text(&mut self, text: &str) -> Item {
        self.message("user", vec![json!({"type": "input_text", "text": text})])
    }

    /// The item of what the model said.
    pub(super) fn model_text(&mut self, text: &str) -> Item {
        self.message("assistant", vec![json!({"type": "output_text", "text": text})])
    }

    fn item_of(&mut self, turn: &Value) -> Result<Item, Close> {
        let (role, kind) = match turn["role"].as_str() {
            Some("user") | None => ("user", "input_text"),
            Some("model") => ("assistant", "output_text"),
            Some(_) => return Err(Close::invalid("Please use a valid role: user, model.")),
        };
        let mut content = Vec::new();
        let mut audio = None;
        for part in turn["parts"].as_array().into_iter().flatten() {
            if part.get("functionCall").or(part.get("functionResponse")).is_some() {
                return Err(Close::invalid_argument());
            }
            let blob = &part["inlineData"];
            if let Some(text) = part["text"].as_str().filter(|_| part["thought"] != true) {
                content.push(json!({"type": kind, "text": text}));
            } else if blob["mimeType"].as_str().is_some_and(|mime| mime.starts_with("audio/")) {
                audio = Some(decode_audio(blob)?);
            } else if blob.is_object() {
                content.push(json!({"type": "input_image"}));
            }
        }
        let mut item = self.message(role, content);
        if let Some((samples, rate)) = audio {
            let seconds = samples.len() as f64 / f64::from(rate);
            let typed = Some(item.text()).filter(|text| !text.is_empty());
            item.words = typed.or_else(|| Some(format!("(speech, {seconds:.1} s)")));
            item.audio = Some(Audio::new(samples.into(), rate));
        }
        Ok(item)
    }

    fn message(&mut self, role: &str, content: Vec<Value>) -> Item {
        let id = self.outbox.ids.make("item");
        Item::new(json!({"id": id, "type": "message", "status": "completed", "role": role, "content": content}))
    }
}
