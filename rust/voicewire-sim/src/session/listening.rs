//! The user's audio: append, commit, clear, server VAD and transcription; between the event and the user's item.

use std::time::Instant;

use serde_json::{json, Value};

use super::items::bad_audio;
use super::transcribing::Utterance;
use super::Session;
use crate::conversation::{user_audio, Audio};
use crate::event::ErrorBody;
use crate::vad::{Activity, Vad};

/// Shorter audio cannot be committed.
const MINIMUM_MS: f64 = 100.0;
/// Silence before speech that stays in the buffer while the VAD waits.
const IDLE_SECONDS: usize = 60;
/// Audio of one append, in bytes.
const APPEND_LIMIT: usize = 15 << 20;

impl Session {
    pub(super) fn append(&mut self, audio: &Value, now: Instant) -> Result<(), ErrorBody> {
        let text = audio.as_str().unwrap_or_default();
        if text.len() / 4 * 3 > APPEND_LIMIT + 2 {
            let message = "Invalid 'audio': the audio of one event is larger than 15 MiB.";
            return Err(ErrorBody::invalid("invalid_value", message).about("audio"));
        }
        let samples = self.settings.input_format().decode(text).ok_or_else(|| bad_audio("audio"))?;
        self.input.append(&samples);
        let found = self.vad.as_mut().map(|vad| vad.push(&samples)).unwrap_or_default();
        for activity in found {
            match activity {
                Activity::Started { onset_ms } => self.start_speech(onset_ms, now),
                Activity::Stopped { end_ms } => self.stop_speech(end_ms, now),
            }
        }
        self.tell_early();
        if self.vad.as_ref().is_some_and(|vad| !vad.is_speaking()) {
            self.input.keep_last(IDLE_SECONDS);
        }
        Ok(())
    }

    pub(super) fn commit_by_hand(&mut self, now: Instant) -> Result<(), ErrorBody> {
        if self.input.len_ms() < MINIMUM_MS {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has {:.2}ms of audio.",
                self.input.len_ms()
            );
            return Err(ErrorBody::invalid("input_audio_buffer_commit_empty", &message));
        }
        let speech = self.speech.take().unwrap_or_else(|| Utterance::new(&mut self.outbox.ids, 0, 0));
        if let Some(vad) = &mut self.vad {
            vad.reset();
        }
        let samples = self.input.take_all();
        self.commit(speech, samples, now);
        Ok(())
    }

    pub(super) fn clear_input(&mut self) -> Result<(), ErrorBody> {
        self.input.clear();
        self.speech = None;
        if let Some(vad) = &mut self.vad {
            vad.reset();
        }
        self.outbox.push("input_audio_buffer.cleared", json!({}));
        Ok(())
    }

    /// Start the detector that the settings name; an open utterance is forgotten.
    pub(super) fn renew_vad(&mut self) {
        self.speech = None;
        self.vad = self.settings.turn_detection().map(|detection| {
            let silence = detection["silence_duration_ms"].as_u64().unwrap_or_else(|| patience(detection));
            let threshold = detection["threshold"].as_f64().unwrap_or(0.5);
            Vad::new(self.input.sample_rate(), threshold, silence, self.input.end_ms())
        });
    }

    /// What a detector depends on: other changes let it run on.
    pub(super) fn detection_key(&self) -> [Value; 4] {
        let detection = self.settings.turn_detection().unwrap_or(&Value::Null);
        ["type", "threshold", "silence_duration_ms", "eagerness"].map(|key| detection[key].clone())
    }

    fn start_speech(&mut self, onset_ms: u64, now: Instant) {
        let detection = self.settings.turn_detection().cloned().unwrap_or_default();
        let padding = detection["prefix_padding_ms"].as_u64().unwrap_or(300);
        // Audio that was committed or cleared cannot be part of another turn.
        let start_ms = onset_ms.saturating_sub(padding).max(self.input.start_ms());
        self.stop_waiting();
        let speech = Utterance::new(&mut self.outbox.ids, start_ms, onset_ms);
        let fields = json!({"audio_start_ms": start_ms, "item_id": speech.item_id});
        self.outbox.push("input_audio_buffer.speech_started", fields);
        self.speech = Some(speech);
        if detection["interrupt_response"] != false {
            self.interrupt(now);
        }
    }

    fn stop_speech(&mut self, end_ms: u64, now: Instant) {
        let Some(speech) = self.speech.take() else {
            return;
        };
        let fields = json!({"audio_end_ms": end_ms, "item_id": speech.item_id});
        self.outbox.push("input_audio_buffer.speech_stopped", fields);
        let samples = self.input.take(speech.start_ms, end_ms);
        self.commit(speech, samples, now);
        let creates = self.settings.turn_detection().is_some_and(|detection| detection["create_response"] != false);
        if creates && !self.settings.is_transcription() {
            if let Err(error) = self.create_response(&Value::Null, now) {
                self.outbox.push_error(&error, None);
            }
        }
    }

    pub(super) fn commit(&mut self, speech: Utterance, samples: Vec<i16>, now: Instant) {
        let item_id = speech.item_id.clone();
        let previous = self.conversation.last_id();
        let fields = json!({"previous_item_id": previous, "item_id": item_id});
        self.outbox.push("input_audio_buffer.committed", fields);
        let seconds = samples.len() as f64 / f64::from(self.input.sample_rate());
        let audio = Audio::new(samples.into(), self.input.sample_rate());
        let item = user_audio(&item_id, audio, String::new());
        let value = item.value.clone();
        self.conversation.push(item);
        self.announce_item(&item_id, value);
        self.hear(&item_id, seconds, speech, now);
    }
}

/// Silence in milliseconds that ends a turn of semantic VAD: the simulator has no semantics, only patience.
fn patience(detection: &Value) -> u64 {
    match detection["eagerness"].as_str() {
        Some("low") => 1_000,
        Some("high") => 250,
        _ => 500,
    }
}
