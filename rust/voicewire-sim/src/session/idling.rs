//! The idle timeout: a user who says nothing is spoken to (protocol notes, section 3.9); a turn made by the clock.

use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::transcribing::Utterance;
use super::{Cue, Session};
use crate::conversation::Item;

const NUDGE: &str = "The user has been silent for a while. Ask whether they are still there.";

impl Session {
    /// Wait for the user from the end of playback on; anything that happens before makes the wait void.
    pub(super) fn await_user(&mut self, played: Duration, now: Instant) {
        if let Some(ms) = self.idle_timeout_ms() {
            self.waits += 1;
            let due = now + played + Duration::from_millis(ms);
            self.timeline.push(due, Duration::ZERO, Cue::Idle { wait: self.waits });
        }
    }

    /// The user or the client did something.
    pub(super) fn stop_waiting(&mut self) {
        self.waits += 1;
    }

    /// Commit the silence behind a note to the model, and answer.
    pub(super) fn end_wait(&mut self, wait: u64, now: Instant) {
        let due = wait == self.waits && self.idle_timeout_ms().is_some();
        if !due || self.speech.is_some() {
            return;
        }
        let silence = Utterance::silence(&mut self.outbox.ids);
        let times = json!({
            "audio_start_ms": self.input.start_ms(),
            "audio_end_ms": self.input.end_ms(),
            "item_id": silence.item_id,
        });
        self.outbox.push("input_audio_buffer.timeout_triggered", times);
        let note = json!({
            "id": self.outbox.ids.make("item"),
            "type": "message",
            "status": "completed",
            "role": "system",
            "content": [{"type": "input_text", "text": NUDGE}],
        });
        let note = Item::new(note);
        let (note_id, value) = (note.id().to_owned(), note.value.clone());
        self.conversation.push(note);
        self.announce_item(&note_id, value);
        let samples = self.input.take_all();
        self.commit(silence, samples, now);
        if let Err(error) = self.create_response(&Value::Null, now) {
            self.outbox.push_error(&error, None);
        }
    }

    fn idle_timeout_ms(&self) -> Option<u64> {
        self.settings.turn_detection()?["idle_timeout_ms"].as_u64()
    }
}
