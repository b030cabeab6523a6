//! A turn of the model step by step, as messages of the model's family; the last thing before the outbox.

use std::ops::Range;
use std::time::Instant;

use serde_json::{json, Map, Value};

use super::endpoint::Backend;
use super::talk::{Cue, Talk};
use super::turn::{Stage, Step, Turn};
use crate::sound::Format;
use crate::usage::text_tokens;

impl Talk {
    /// Do one step of the open turn.
    pub(super) fn play(&mut self, step: Step, now: Instant) {
        match step {
            Step::Thought(text) => self.send_thought(&text),
            Step::Text(text) => self.send_text(&text),
            Step::Speech { words, samples } => self.send_speech(&words, samples),
            Step::Calls(calls) => self.send_calls(calls),
            Step::GenerationComplete => self.complete_generation(),
            Step::TurnComplete => self.complete_turn(now),
        }
    }

    /// End the open turn at once; false if there is none. Calls that it waits for are cancelled.
    pub(super) fn interrupt(&mut self) -> bool {
        let _ = self.timeline.take(|cue| matches!(cue, Cue::Turn(_) | Cue::Fail(_)));
        let Some(turn) = self.turn.take() else {
            return false;
        };
        if turn.stage == Stage::Waiting {
            self.cancel_calls();
        }
        self.push_content(json!({"interrupted": true}));
        self.end_turn(turn);
        true
    }

    /// Both ends of the open turn, as if nothing followed: so Vertex ends a turn whose calls were answered.
    pub(super) fn split_turn(&mut self) {
        self.complete_generation();
        if let Some(turn) = self.turn.take() {
            self.end_turn(turn);
        }
    }

    /// Keep the words that were sent: the service remembers these, heard or not.
    pub(super) fn keep_words(&mut self) {
        let words = self.turn.as_mut().map(|turn| std::mem::take(&mut turn.words)).unwrap_or_default();
        self.keep(&words);
    }

    fn keep(&mut self, words: &str) {
        if !words.is_empty() {
            let item = self.model_text(words);
            self.conversation.push(item);
        }
    }

    fn complete_generation(&mut self) {
        self.keep_words();
        if self.turn.as_ref().is_some_and(|turn| turn.cancelled) {
            return;
        }
        if self.manner.backend == Backend::Vertex {
            if self.setup.spoken && self.setup.tells_output {
                self.push_content(json!({"outputTranscription": {"finished": true}}));
            }
            self.push_content(json!({"groundingMetadata": {}}));
        }
        self.push_content(json!({"generationComplete": true}));
        if let Some(turn) = &mut self.turn {
            turn.stage = Stage::Playing;
        }
    }

    fn complete_turn(&mut self, now: Instant) {
        let Some(turn) = self.turn.take() else {
            return;
        };
        if turn.cancelled {
            self.push_content(json!({"interrupted": true}));
        }
        self.end_turn(turn);
        if self.owed {
            self.respond(now);
        }
    }

    fn end_turn(&mut self, mut turn: Turn) {
        self.keep(&std::mem::take(&mut turn.words));
        let mut content = json!({"turnComplete": true});
        if self.setup.profile.interaction_status {
            let goes_on = self.owed || self.calls.is_open();
            content["interactionStatus"] = if goes_on { "IN_PROGRESS" } else { "IDLE" }.into();
        }
        let usage = turn.bill.json(self.manner.backend);
        self.push(json!({"serverContent": content, "usageMetadata": usage}));
        self.tell_handle();
    }

    fn send_thought(&mut self, text: &str) {
        self.bill(|turn| turn.bill.thoughts += text_tokens(text));
        let model_turn = self.model_turn(json!({"text": text, "thought": true}));
        self.send_model_content(json!({ "modelTurn": model_turn }));
    }

    fn send_text(&mut self, text: &str) {
        self.bill(|turn| {
            turn.bill.add_text(text);
            turn.words.push_str(text);
        });
        let model_turn = self.model_turn(json!({ "text": text }));
        self.send_model_content(json!({ "modelTurn": model_turn }));
    }

    fn send_speech(&mut self, words: &str, range: Range<usize>) {
        let Some(turn) = &mut self.turn else {
            return;
        };
        turn.words.push_str(words);
        turn.bill.set_audio(range.end);
        let data = Format::default().encode(&turn.samples[range]);
        let audio = self.model_turn(json!({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}));
        let mut content = Map::from_iter([("modelTurn".to_owned(), audio)]);
        if self.setup.tells_output && !words.is_empty() {
            let transcription = json!({ "text": words });
            if self.setup.profile.bundles {
                content.insert("outputTranscription".to_owned(), transcription);
            } else {
                self.send_model_content(json!({ "outputTranscription": transcription }));
            }
        }
        self.send_model_content(Value::Object(content));
    }

    /// Content with the messages that say nothing before it, where the model sends such.
    fn send_model_content(&mut self, content: Value) {
        if self.setup.profile.fillers {
            self.push(json!({}));
            if self.turn.as_mut().is_some_and(|turn| !std::mem::replace(&mut turn.begun, true)) {
                self.push_content(json!({}));
            }
        }
        self.push_content(content);
    }

    fn model_turn(&self, part: Value) -> Value {
        let mut turn = json!({ "parts": [part] });
        if self.setup.profile.bundles {
            turn["role"] = "model".into();
        }
        turn
    }

    fn bill(&mut self, change: impl FnOnce(&mut Turn)) {
        if let Some(turn) = &mut self.turn {
            change(turn);
        }
    }
}
