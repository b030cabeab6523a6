//! The user's words: before the end of the speech, after the commit, or not at all; between an item and its events.

use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::{Cue, Session};
use crate::ids::Ids;
use crate::reply::pieces;
use crate::script::Failure;
use crate::stage::Heard;
use crate::usage::text_tokens;

/// Places of transcription cues at pace 1, after the commit: deltas at once, the end during the answer's audio.
const FIRST_TRANSCRIPT: Duration = Duration::from_millis(60);
const TRANSCRIPT_GAP: Duration = Duration::from_millis(40);
const TRANSCRIPT_END: Duration = Duration::from_millis(600);
/// Words of a model that listens along come this long after they were said, one piece for so much speech.
const LAG_MS: u64 = 400;
const PIECE_MS: u64 = 200;
/// What can be told of unscripted speech before its end.
const UNSCRIPTED: &str = "(speech,";

/// A turn of the user that is being spoken.
#[derive(Debug, Default)]
pub(super) struct Utterance {
    /// The id that its item will have.
    pub(super) item_id: String,
    /// Where its audio starts, padding included.
    pub(super) start_ms: u64,
    onset_ms: u64,
    /// Words that were told before its end.
    told: String,
    /// The user said nothing.
    silent: bool,
}

/// One event of a transcription.
#[derive(Debug)]
pub(super) enum Transcription {
    Delta(String),
    Segment { text: String, speaker: &'static str, start: f64, end: f64 },
    Completed { transcript: String, seconds: f64 },
    Failed(Failure),
}

impl Utterance {
    pub(super) fn new(ids: &mut Ids, start_ms: u64, onset_ms: u64) -> Self {
        Utterance { item_id: ids.make("item"), start_ms, onset_ms, ..Utterance::default() }
    }

    /// The turn of a user who does not answer.
    pub(super) fn silence(ids: &mut Ids) -> Self {
        Utterance { silent: true, ..Utterance::new(ids, 0, 0) }
    }
}

impl Session {
    /// A model that listens along tells words while they are spoken.
    pub(super) fn tell_early(&mut self) {
        if self.transcription_model() != "gpt-realtime-whisper" {
            return;
        }
        let Some(speech) = &mut self.speech else {
            return;
        };
        let number = self.response_count.max(self.heard_count) + 1;
        let heard = self.stage.heard(number);
        if heard.failure.is_some() {
            return;
        }
        // The last piece of a scripted transcript waits for the commit.
        let (words, kept) = heard.transcript.map_or((UNSCRIPTED.to_owned(), 0), |words| (words, 1));
        let spoken_ms = self.input.end_ms().saturating_sub(speech.onset_ms + LAG_MS);
        let known = pieces(&words).count().saturating_sub(kept).min((spoken_ms / PIECE_MS) as usize);
        let told = pieces(&speech.told).count();
        let item_id = speech.item_id.clone();
        let fresh: Vec<_> = pieces(&words).take(known).skip(told).map(str::to_owned).collect();
        speech.told.extend(fresh.iter().map(String::as_str));
        for delta in fresh {
            self.tell(&item_id, Transcription::Delta(delta));
        }
    }

    /// Know what was said, and tell it if the session transcribes.
    pub(super) fn hear(&mut self, item_id: &str, seconds: f64, speech: Utterance, now: Instant) {
        let heard = self.heard();
        let words = match heard.transcript {
            _ if speech.silent => String::new(),
            Some(words) => words,
            None => format!("(speech, {seconds:.1} s)"),
        };
        if let Some(item) = self.conversation.find_mut(item_id) {
            item.words = Some(words.clone());
        }
        if !self.settings.transcribes() {
            return;
        }
        match heard.failure {
            Some(failure) => self.schedule(item_id, TRANSCRIPT_END, Transcription::Failed(failure), now),
            None => self.schedule_transcript(item_id, &words, &speech.told, seconds, now),
        }
    }

    /// What the script tells of this turn. A transcription session has no responses to count turns and use up rules.
    fn heard(&mut self) -> Heard {
        if !self.settings.is_transcription() {
            return self.stage.heard(self.response_count + 1);
        }
        self.heard_count += 1;
        self.stage.take_heard(self.heard_count)
    }

    fn schedule_transcript(&mut self, item_id: &str, words: &str, told: &str, seconds: f64, now: Instant) {
        let rest = words.strip_prefix(told).unwrap_or(words);
        let steps = match self.transcription_model() {
            "gpt-4o-transcribe-diarize" => segments(words, seconds),
            // It does not stream: its one delta is the whole transcript.
            "whisper-1" if !words.is_empty() => vec![Transcription::Delta(words.to_owned())],
            _ => pieces(rest).map(|piece| Transcription::Delta(piece.to_owned())).collect(),
        };
        let mut place = FIRST_TRANSCRIPT;
        for step in steps {
            self.schedule(item_id, place, step, now);
            place += TRANSCRIPT_GAP;
        }
        let completed = Transcription::Completed { transcript: words.to_owned(), seconds };
        self.schedule(item_id, place.max(TRANSCRIPT_END), completed, now);
    }

    fn schedule(&mut self, item_id: &str, place: Duration, step: Transcription, now: Instant) {
        let cue = Cue::Transcription { item_id: item_id.to_owned(), step };
        self.timeline.push(now + self.paced(place), place, cue);
    }

    /// Send one event of a transcription.
    pub(super) fn tell(&mut self, item_id: &str, step: Transcription) {
        let mut fields = json!({"item_id": item_id, "content_index": 0});
        match step {
            Transcription::Delta(delta) => {
                if self.tells_logprobs() {
                    fields["logprobs"] = json!([logprob(&delta)]);
                }
                self.outbox.push_delta("conversation.item.input_audio_transcription.delta", fields, &delta);
            }
            Transcription::Segment { text, speaker, start, end } => {
                let id = self.outbox.ids.make("seg");
                let segment = json!({"text": text, "id": id, "speaker": speaker, "start": start, "end": end});
                extend(&mut fields, segment);
                self.outbox.push("conversation.item.input_audio_transcription.segment", fields);
            }
            Transcription::Completed { transcript, seconds } => self.complete(item_id, fields, &transcript, seconds),
            Transcription::Failed(Failure { kind, code, message }) => {
                fields["error"] = json!({"type": kind, "code": code, "message": message, "param": null});
                self.outbox.push("conversation.item.input_audio_transcription.failed", fields);
            }
        }
    }

    fn complete(&mut self, item_id: &str, mut fields: Value, transcript: &str, seconds: f64) {
        if let Some(item) = self.conversation.find_mut(item_id) {
            let index = item.audio_part().unwrap_or(0);
            if let Some(part) = item.value["content"].get_mut(index) {
                part["transcript"] = transcript.into();
            }
            fields["content_index"] = index.into();
        }
        fields["transcript"] = transcript.into();
        if self.tells_logprobs() {
            fields["logprobs"] = pieces(transcript).map(logprob).collect();
        }
        fields["usage"] = self.transcription_usage(transcript, seconds);
        self.outbox.push("conversation.item.input_audio_transcription.completed", fields);
    }

    /// Whisper is billed by time, the others by tokens.
    fn transcription_usage(&self, transcript: &str, seconds: f64) -> Value {
        if self.transcription_model().contains("whisper") {
            return json!({"type": "duration", "seconds": seconds.ceil() as u64});
        }
        let input = (seconds * 10.0).ceil() as u64;
        let output = text_tokens(transcript);
        json!({
            "type": "tokens",
            "total_tokens": input + output,
            "input_tokens": input,
            "input_token_details": {"text_tokens": 0, "audio_tokens": input},
            "output_tokens": output,
        })
    }

    fn transcription_model(&self) -> &str {
        self.settings.json()["audio"]["input"]["transcription"]["model"].as_str().unwrap_or_default()
    }

    fn tells_logprobs(&self) -> bool {
        let include = self.settings.json()["include"].as_array();
        include.is_some_and(|fields| fields.contains(&json!("item.input_audio_transcription.logprobs")))
    }
}

/// One segment for each sentence, two speakers in turns; time is shared by length.
fn segments(words: &str, seconds: f64) -> Vec<Transcription> {
    let sentences: Vec<_> = words.split_inclusive(['.', '!', '?']).filter(|text| !text.trim().is_empty()).collect();
    let total: usize = sentences.iter().map(|text| text.len()).sum();
    let mut before = 0;
    let speakers = ["A", "B"].into_iter().cycle();
    let segment = |(text, speaker): (&&str, &'static str)| {
        let time = |length: usize| (seconds * length as f64 / total as f64 * 1000.0).round() / 1000.0;
        let start = time(before);
        before += text.len();
        Transcription::Segment { text: text.trim().to_owned(), speaker, start, end: time(before) }
    };
    sentences.iter().zip(speakers).map(segment).collect()
}

/// A figure to read and no measure: longer tokens are less sure.
fn logprob(token: &str) -> Value {
    json!({"token": token, "logprob": -0.01 * token.len() as f64, "bytes": token.as_bytes()})
}

fn extend(fields: &mut Value, more: Value) {
    if let (Value::Object(fields), Value::Object(more)) = (fields, more) {
        fields.extend(more);
    }
}
