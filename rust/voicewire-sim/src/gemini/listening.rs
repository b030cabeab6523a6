//! `realtimeInput`: the user's audio, typed words, pictures, and the ends of activity; between the message and the user's item.

use std::time::{Duration, Instant};

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;
use serde_json::{json, Value};

use super::session::seconds;
use super::setup::Detection;
use super::talk::Talk;
use super::Close;
use crate::conversation::{user_audio, Audio};
use crate::input::InputBuffer;
use crate::reply::pieces;
use crate::sound::resample;
use crate::vad::{Activity, Vad};

/// Rate at which the model hears.
const INPUT_RATE: u32 = 16_000;
/// Silence before speech that is kept.
const IDLE_SECONDS: usize = 60;
const DEAD_CHUNKS: &str = "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.";
/// Padding is optional, as both kinds of clients exist.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The user's audio and who tells where speech is: the detector, or the client.
#[derive(Debug)]
pub(super) struct Ear {
    input: InputBuffer,
    detection: Option<Detection>,
    vad: Option<Vad>,
    /// Where the open utterance starts, in milliseconds of all audio.
    speech: Option<u64>,
    /// Utterances so far.
    heard: u64,
}

impl Ear {
    pub(super) fn new(detection: Option<Detection>) -> Self {
        let mut ear = Ear { input: InputBuffer::new(INPUT_RATE), detection, vad: None, speech: None, heard: 0 };
        ear.renew();
        ear
    }

    /// The user speaks.
    pub(super) fn hears_speech(&self) -> bool {
        self.speech.is_some()
    }

    /// Start the detector anew, if there is one.
    fn renew(&mut self) {
        let end_ms = self.input.end_ms();
        self.vad = self.detection.map(|how| Vad::new(INPUT_RATE, how.threshold, how.silence_ms, end_ms));
    }

    fn append(&mut self, samples: &[i16]) -> Vec<Activity> {
        // Without a detector only audio within an activity is heard.
        if self.vad.is_none() && self.speech.is_none() {
            return Vec::new();
        }
        self.input.append(samples);
        self.vad.as_mut().map(|vad| vad.push(samples)).unwrap_or_default()
    }

    fn begin(&mut self, onset_ms: u64) {
        let padding = self.detection.map_or(0, |how| how.padding_ms);
        self.speech = Some(onset_ms.saturating_sub(padding).max(self.input.start_ms()));
    }

    /// The samples of the open utterance up to a time; None if there is none.
    fn end(&mut self, end_ms: u64) -> Option<Vec<i16>> {
        let start_ms = self.speech.take()?;
        self.heard += 1;
        Some(self.input.take(start_ms, end_ms))
    }
}

impl Talk {
    /// Take one message of input in.
    ///
    /// # Errors
    /// The close frame for input that this model or this session does not take.
    pub(super) fn take_input(&mut self, input: &Value, now: Instant) -> Result<(), Close> {
        if let Some(chunks) = input["mediaChunks"].as_array() {
            self.take_chunks(chunks, now)?;
        }
        if input["audio"].is_object() {
            self.hear(&input["audio"], now)?;
        }
        if input["video"].is_object() {
            self.see(&input["video"])?;
        }
        if let Some(text) = input["text"].as_str() {
            let item = self.user_text(text);
            self.answer_user(item, now);
        }
        if input["activityStart"].is_object() {
            self.start_activity()?;
        }
        if input["activityEnd"].is_object() {
            self.end_activity(now)?;
        }
        if input["audioStreamEnd"] == true {
            self.flush(now);
        }
        Ok(())
    }

    fn take_chunks(&mut self, chunks: &[Value], now: Instant) -> Result<(), Close> {
        if !self.setup.profile.media_chunks {
            return Err(Close::invalid(DEAD_CHUNKS));
        }
        let is_audio = |chunk: &Value| chunk["mimeType"].as_str().is_some_and(|mime| mime.starts_with("audio/"));
        chunks.iter().try_for_each(|chunk| if is_audio(chunk) { self.hear(chunk, now) } else { self.see(chunk) })
    }

    fn hear(&mut self, blob: &Value, now: Instant) -> Result<(), Close> {
        let (samples, rate) = decode_audio(blob)?;
        for activity in self.ear.append(&resample(&samples, rate, INPUT_RATE)) {
            match activity {
                Activity::Started { onset_ms } => self.start_speech(onset_ms),
                Activity::Stopped { end_ms } => self.stop_speech(end_ms, now),
            }
        }
        if !self.ear.hears_speech() {
            self.ear.input.keep_last(IDLE_SECONDS);
        }
        Ok(())
    }

    fn see(&mut self, blob: &Value) -> Result<(), Close> {
        let known = blob["mimeType"].as_str().is_some_and(|mime| mime.starts_with("image/"));
        if !known || decode(blob).is_none() {
            return Err(Close::invalid_argument());
        }
        Ok(())
    }

    fn start_activity(&mut self) -> Result<(), Close> {
        if self.ear.detection.is_some() {
            return Err(automatic());
        }
        let start_ms = self.ear.input.end_ms();
        self.start_speech(start_ms);
        Ok(())
    }

    fn end_activity(&mut self, now: Instant) -> Result<(), Close> {
        if self.ear.detection.is_some() {
            return Err(automatic());
        }
        if !self.ear.hears_speech() {
            return Err(Close::invalid("Precondition check failed."));
        }
        self.stop_speech(self.ear.input.end_ms(), now);
        Ok(())
    }

    /// The microphone pauses: what was said is a turn, without the silence that would end it.
    fn flush(&mut self, now: Instant) {
        if self.ear.vad.is_some() {
            self.stop_speech(self.ear.input.end_ms(), now);
            self.ear.renew();
        }
    }

    fn start_speech(&mut self, onset_ms: u64) {
        self.ear.begin(onset_ms);
        self.tell_activity("ACTIVITY_START", onset_ms);
        if self.setup.interrupts {
            self.interrupt();
        }
    }

    fn stop_speech(&mut self, end_ms: u64, now: Instant) {
        let Some(samples) = self.ear.end(end_ms) else {
            return;
        };
        let length = samples.len() as f64 / f64::from(INPUT_RATE);
        let heard = match self.setup.profile.answers {
            true => self.shared.stage.heard(self.turns + 1),
            false => self.shared.stage.take_heard(self.ear.heard),
        };
        let words = heard.transcript.unwrap_or_else(|| format!("(speech, {length:.1} s)"));
        if self.setup.tells_input && heard.failure.is_none() {
            self.tell_words(&words);
        }
        self.tell_activity("ACTIVITY_END", end_ms);
        let id = self.outbox.ids.make("item");
        self.answer_user(user_audio(&id, Audio::new(samples.into(), INPUT_RATE), words), now);
    }

    fn tell_words(&mut self, words: &str) {
        let tell = |piece: &str| json!({"inputTranscription": {"text": piece}});
        if self.setup.profile.word_pieces {
            pieces(words).for_each(|piece| self.push_content(tell(piece)));
        } else {
            self.push_content(tell(words));
        }
    }

    fn tell_activity(&mut self, kind: &str, offset_ms: u64) {
        if self.setup.profile.tells_activity && self.ear.detection.is_some() {
            let offset = seconds(Duration::from_millis(offset_ms));
            self.push(json!({"voiceActivity": {"type": kind, "audioOffset": offset}}));
        }
        if self.setup.signals_activity {
            let signal = if kind == "ACTIVITY_START" { "VAD_SIGNAL_TYPE_SOS" } else { "VAD_SIGNAL_TYPE_EOS" };
            self.push(json!({"voiceActivityDetectionSignal": {"vadSignalType": signal}}));
        }
    }
}

/// Samples of a blob and their rate.
///
/// # Errors
/// The close frame for what is no PCM16 in base64.
pub(super) fn decode_audio(blob: &Value) -> Result<(Vec<i16>, u32), Close> {
    let mime = blob["mimeType"].as_str().unwrap_or("audio/pcm");
    let mut words = mime.split(';').map(str::trim);
    let is_pcm = words.next() == Some("audio/pcm");
    let rate = words.find_map(|word| word.strip_prefix("rate=")).map_or(Ok(INPUT_RATE), str::parse::<u32>);
    let rate = rate.ok().filter(|rate| is_pcm && (4_000..=192_000).contains(rate));
    let rate = rate.ok_or_else(|| Close::invalid(&format!("Unsupported audio mime type: {mime}.")))?;
    let bytes = decode(blob).ok_or_else(|| Close::invalid("Invalid value at 'realtime_input.audio.data' (base64)"))?;
    let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
    Ok((samples.collect(), rate))
}

/// Bytes of a blob in either alphabet of base64 (RFC 4648 sections 4 and 5).
fn decode(blob: &Value) -> Option<Vec<u8>> {
    let text = blob["data"].as_str()?;
    if text.contains(['-', '_']) {
        return BASE64.decode(text.replace('-', "+").replace('_', "/")).ok();
    }
    BASE64.decode(text).ok()
}

fn automatic() -> Close {
    Close::invalid("Explicit activity control is not supported when automatic activity detection is enabled.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(mime: &str, data: &str) -> Value {
        json!({"mimeType": mime, "data": data})
    }

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        for data in ["//79/w==", "__79_w==", "//79/w", "__79_w"] {
            let (samples, rate) = decode_audio(&blob("audio/pcm;rate=8000", data)).unwrap();
            assert_eq!((samples, rate), (vec![-257, -3], 8_000), "{data}");
        }
    }

    #[test]
    fn other_audio_is_refused() {
        assert!(decode_audio(&blob("audio/wav", "AAAA")).is_err());
        assert!(decode_audio(&blob("audio/pcm;rate=1", "AAAA")).is_err());
        assert!(decode_audio(&blob("audio/pcm", "!")).is_err());
        assert_eq!(decode_audio(&blob("audio/pcm", "AAAA")).unwrap().1, 16_000);
    }
}
