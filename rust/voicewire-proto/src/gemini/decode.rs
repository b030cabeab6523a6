//! Step "message → event" for Gemini Live. One message may say several things: each field is taken, in this order:
//! interruption, the user's words, the model's parts, its transcript, the end of the generation, tokens, the end of the
//! turn.

use std::time::Instant;

use serde_json::Value;
use voicewire_audio::base64;
use voicewire_audio::codec::Codec;

use super::backend::OUTPUT_RATE;
use super::protocol::Gemini;
use super::read::{read, too_deep};
use super::wire::{seconds, Blob, Part, ServerContent, ServerMessage, Transcription};
use crate::error::{Error, Malformed, ServerError};
use crate::event::{Body, Event, TurnComplete, TurnStatus};
use crate::malformed::malformed;
use crate::message::{Message, Text};
use crate::usage::Usage;

/// One message and when it came; without one, what follows from the time.
pub(super) struct Reader<'m> {
    pub(super) message: Option<&'m Message>,
    pub(super) wire_type: Text,
    pub(super) now: Instant,
}

impl Reader<'_> {
    pub(super) fn ours(now: Instant) -> Self {
        Self { message: None, wire_type: Text::None, now }
    }

    pub(super) fn event(&self, body: Body) -> Event {
        Event { message: self.message.cloned(), wire_type: self.wire_type.clone(), ..Event::ours(body, self.now) }
    }

    /// The span of a string that was borrowed from the message.
    fn text(&self, text: &str) -> Text {
        let message = self.message.map_or(&[][..], Message::as_bytes);
        let start = (text.as_ptr() as usize).wrapping_sub(message.as_ptr() as usize);
        match (u32::try_from(start), u32::try_from(start.wrapping_add(text.len()))) {
            (Ok(from), Ok(to)) if message.get(start..start.wrapping_add(text.len())) == Some(text.as_bytes()) => {
                Text::Span { start: from, end: to }
            }
            _ => Text::owned(text),
        }
    }
}

impl Gemini {
    pub(super) fn decode(&mut self, message: &Message, now: Instant) {
        let source = message.clone();
        let parsed = match read(source.as_bytes(), self.settings.max_depth) {
            Ok(parsed) => parsed,
            Err((kind, problem)) => {
                let event = malformed(&self.settings.secrets, kind, &problem, message, now);
                return self.events.push_back(event);
            }
        };
        let before = self.events.len();
        match parsed.kind() {
            Some(kind) => {
                let reader = Reader { message: Some(message), wire_type: Text::owned(kind), now };
                self.take(&reader, &parsed);
                if self.events.len() == before && self.refusal.is_none() {
                    let says_nothing = parsed.server_content.as_ref().is_some_and(|content| is_empty(content));
                    self.events.push_back(reader.event(if says_nothing { Body::Wire } else { Body::Server }));
                }
            }
            None => self.unknown(message, now),
        }
        // Events that we make of it by ourselves lead nothing.
        let of_message = self.events.iter_mut().skip(before).filter(|event| event.message.is_some());
        for (at, event) in of_message.enumerate() {
            event.leads = at == 0;
        }
    }

    /// A message of no known kind. The newest models send `{}` in between: it says nothing.
    fn unknown(&mut self, message: &Message, now: Instant) {
        // What is skipped may be nested deeper than what is read.
        let Ok(Value::Object(fields)) = serde_json::from_slice(message.as_bytes()) else {
            let (kind, problem) = too_deep(self.settings.max_depth);
            return self.events.push_back(malformed(&self.settings.secrets, kind, &problem, message, now));
        };
        let Some(name) = fields.keys().next() else { return };
        let reader = Reader { message: Some(message), wire_type: Text::owned(name.as_str()), now };
        if fields.contains_key("code") && fields.contains_key("message") {
            // The front end's error without its wrapper.
            return self.service_error(&reader, &Value::Object(fields));
        }
        self.events.push_back(reader.event(Body::Server));
    }

    fn take(&mut self, reader: &Reader<'_>, message: &ServerMessage<'_>) {
        if let Some(told) = &message.setup_complete {
            self.set_up(reader, told.session_id.get());
        }
        if let Some(error) = &message.error {
            self.service_error(reader, error);
        }
        if let Some(update) = &message.session_resumption_update {
            self.resumption_told(update.new_handle.get(), update.resumable.unwrap_or_default());
        }
        if let Some(going) = &message.go_away {
            let left = going.time_left.get().and_then(seconds).unwrap_or_default();
            self.events.push_back(reader.event(Body::SessionExpiring(left)));
            self.going_away(left, reader.now);
        }
        if let Some(activity) = &message.voice_activity {
            let ms = activity.audio_offset.get().and_then(seconds).map(|seconds| (seconds * 1000.0).round() as i64);
            self.activity(reader, activity.kind.get(), ms);
        }
        if let Some(signal) = &message.voice_activity_detection_signal {
            self.activity(reader, signal.vad_signal_type.get(), None);
        }
        let usage = message.usage_metadata.as_ref().map(|told| Usage::from_gemini(told));
        if let Some(call) = &message.tool_call {
            for call in call.function_calls.iter().flatten() {
                self.called(reader, call.id.get(), call.name.get().unwrap_or_default(), call.args.as_ref());
            }
        }
        if let Some(taken) = &message.tool_call_cancellation {
            let ids: Vec<_> = taken.ids.iter().flatten().filter_map(|id| id.get()).map(str::to_owned).collect();
            if !ids.is_empty() {
                self.calls_taken_back(ids, reader.event(Body::Server));
            }
        }
        if let Some(content) = &message.server_content {
            self.content(reader, content, usage);
        } else if let Some(usage) = usage {
            self.used(reader, usage);
        }
    }

    fn content(&mut self, reader: &Reader<'_>, content: &ServerContent<'_>, usage: Option<Usage>) {
        if content.interrupted == Some(true) {
            self.interrupted(reader);
        }
        if let Some(transcription) = &content.input_transcription {
            self.user_words(reader, transcription);
        }
        if self.talk.drops_rest {
            self.drop_rest(reader, content);
        }
        let parts =
            content.model_turn.iter().filter(|_| !self.talk.drops_rest).flat_map(|turn| turn.parts.iter().flatten());
        for part in parts.collect::<Vec<_>>() {
            self.part(reader, part);
        }
        let words = content.output_transcription.as_ref().and_then(|told| told.text.get());
        if let Some(words) = words.filter(|_| !self.talk.drops_rest) {
            self.say(reader, words, Body::Transcript(reader.text(words)));
        }
        if content.generation_complete == Some(true) {
            if let Some(response) = &mut self.talk.response {
                response.is_generated = true;
            }
            self.events.push_back(reader.event(Body::Server));
        }
        if content.turn_complete == Some(true) {
            return self.turn_complete(reader, content, usage);
        }
        if let Some(usage) = usage {
            self.used(reader, usage);
        }
    }

    /// Counts what is dropped of a response that was cancelled.
    fn drop_rest(&mut self, reader: &Reader<'_>, content: &ServerContent<'_>) {
        let parts = content.model_turn.iter().flat_map(|turn| turn.parts.iter().flatten());
        let blobs = parts.filter_map(|part| part.inline_data.as_ref()?.data.get());
        // Four letters of base64 are three bytes, two bytes a sample.
        self.late_samples += blobs.map(|data| data.len() as u64 * 3 / 8).sum::<u64>();
        self.events.push_back(reader.event(Body::Wire));
    }

    fn part(&mut self, reader: &Reader<'_>, part: &Part<'_>) {
        if let Some(blob) = &part.inline_data {
            self.sound(reader, blob);
        }
        let Some(words) = part.text.get() else { return };
        if part.thought == Some(true) {
            self.begin_response(reader);
            let event = reader.event(Body::Thought(reader.text(words)));
            return self.of_response(event);
        }
        self.say(reader, words, Body::TextDelta(reader.text(words)));
    }

    fn sound(&mut self, reader: &Reader<'_>, blob: &Blob<'_>) {
        let mime_type = blob.mime_type.get().unwrap_or("audio/pcm");
        if !mime_type.starts_with("audio/") {
            return;
        }
        let decoded = match base64::decode_pcm16(blob.data.get().unwrap_or_default().as_bytes()) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.events.push_back(reader.event(Body::Wire));
                return self.malformed(Malformed::BadAudio, &format!("inlineData.data: {error}"), reader);
            }
        };
        let sample_rate = rate_of(mime_type);
        self.begin_response(reader);
        let item_id = self.begin_item(reader, true);
        let Some(response) = &mut self.talk.response else { return };
        if response.is_muted {
            self.late_samples += decoded.samples.len() as u64;
            return self.events.push_back(reader.event(Body::Wire));
        }
        let is_odd = decoded.odd_byte && !std::mem::replace(&mut response.odd_reported, decoded.odd_byte);
        self.talk.playback.received(Some(&item_id), Some(0), decoded.samples.len(), sample_rate, reader.now);
        let encoded = blob.data.get().map_or(Text::None, |data| reader.text(data));
        let body =
            Body::Audio { samples: decoded.samples, sample_rate, content_index: Some(0), codec: Codec::Pcm16, encoded };
        let event = reader.event(body);
        self.of_item(event, &item_id);
        if is_odd {
            let problem = "inlineData.data ends in half a sample; the odd byte was dropped";
            self.malformed(Malformed::BadAudio, problem, reader);
        }
    }

    /// Words of the model.
    fn say(&mut self, reader: &Reader<'_>, words: &str, body: Body) {
        self.begin_response(reader);
        let item_id = self.begin_item(reader, matches!(body, Body::Transcript(_)));
        if let Some(response) = &mut self.talk.response {
            response.words.push_str(words);
        }
        self.of_item(reader.event(body), &item_id);
    }

    fn user_words(&mut self, reader: &Reader<'_>, told: &Transcription<'_>) {
        if let Some(words) = told.text.get() {
            let item_id = self.begin_user_turn(reader);
            if let Some(user) = &mut self.talk.user {
                user.words.push_str(words);
            }
            let body = Body::InputTranscript { text: reader.text(words), is_final: false };
            self.of_item(reader.event(body), &item_id);
        }
        if told.finished == Some(true) {
            self.finish_user_words(reader);
        }
    }

    /// The server heard the user begin or stop.
    fn activity(&mut self, reader: &Reader<'_>, kind: Option<&str>, ms: Option<i64>) {
        match kind {
            Some("ACTIVITY_START" | "VAD_SIGNAL_TYPE_SOS") => {
                self.talk.tells_speech = true;
                self.speech_started(reader, ms);
            }
            Some("ACTIVITY_END" | "VAD_SIGNAL_TYPE_EOS") => {
                self.talk.tells_speech = true;
                self.speech_stopped(reader, ms);
            }
            _ => {}
        }
    }

    fn speech_stopped(&mut self, reader: &Reader<'_>, ms: Option<i64>) {
        let item_id = self.begin_user_turn(reader);
        if let Some(user) = &mut self.talk.user {
            user.is_speaking = false;
        }
        self.of_item(reader.event(Body::SpeechStopped(ms)), &item_id);
        self.finish_user_words(reader);
        self.commit_user_turn(reader);
    }

    fn interrupted(&mut self, reader: &Reader<'_>) {
        if self.talk.drops_rest {
            return self.events.push_back(reader.event(Body::Wire));
        }
        let is_ours = std::mem::take(&mut self.talk.expects_interruption);
        let is_told = match &self.talk.response {
            Some(response) => response.is_stopped,
            None => self.talk.owes_end,
        };
        if is_told {
            return self.events.push_back(reader.event(Body::Wire));
        }
        let is_speaking = self.talk.user.as_ref().is_some_and(|user| user.is_speaking);
        if !is_ours && !self.talk.tells_speech && !is_speaking {
            self.speech_started(reader, None);
        }
        self.talk.stopped_nothing = self.talk.response.is_none();
        self.stop_playing(reader.event(Body::Server));
    }

    fn turn_complete(&mut self, reader: &Reader<'_>, content: &ServerContent<'_>, usage: Option<Usage>) {
        let told = self.usage.take();
        let usage = usage.or(told);
        self.talk.expects_interruption = false;
        self.talk.drops_rest = false;
        self.resumption.forgave_policy.set(false);
        let owes_end = std::mem::take(&mut self.talk.owes_end);
        let stopped_nothing = std::mem::take(&mut self.talk.stopped_nothing);
        let is_awaited = self.talk.response.is_some() || self.talk.is_asked();
        if (owes_end && self.talk.response.is_none()) || (stopped_nothing && !is_awaited) {
            return self.report_usage(reader, usage, None);
        }
        if self.talk.response.is_none() {
            self.begin_response(reader);
        }
        let Some(mut response) = self.talk.response.take() else { return };
        self.report_usage(reader, usage, Some(&response.id));
        response.is_stopped |= stopped_nothing;
        let status = match content.turn_complete_reason.get() {
            _ if response.is_stopped => TurnStatus::Cancelled,
            None | Some("TURN_COMPLETE_REASON_UNSPECIFIED" | "NEED_MORE_INPUT") => TurnStatus::Completed,
            Some(_) => TurnStatus::Incomplete,
        };
        let is_working = content.interaction_status.get() == Some("IN_PROGRESS");
        let goes_on = if response.is_stopped { response.makes_way } else { response.goes_on || is_working };
        // What was cut short by another question of ours has its answer still to come.
        let is_superseded = response.is_stopped && self.talk.is_asked();
        let goes_on = goes_on || is_superseded || self.talk.takes_up_an_answer();
        if !response.is_stopped {
            self.talk.asked = 0;
        }
        let has_open_calls = self.talk.has_open_calls();
        if !goes_on {
            self.talk.calls.retain(|call| call.answer.is_none());
        }
        self.talk.goes_on = goes_on;
        let told = TurnComplete { status, usage, is_final: !goes_on, has_open_calls, error: None };
        self.end_response(reader, response, told);
        self.idle();
    }

    /// Tokens told in the midst of a turn count at its end: the counts are cumulative there.
    fn used(&mut self, reader: &Reader<'_>, usage: Usage) {
        if self.talk.response.is_some() {
            self.usage = Some(usage);
            return;
        }
        self.report_usage(reader, Some(usage), None);
    }

    pub(super) fn report_usage(&mut self, reader: &Reader<'_>, usage: Option<Usage>, response_id: Option<&str>) {
        if let Some(usage) = usage {
            let event = reader.event(Body::Usage(Box::new(usage)));
            self.events.push_back(Event { response_id: Text::from(response_id), ..event });
        }
    }

    fn service_error(&mut self, reader: &Reader<'_>, error: &Value) {
        let text = |key: &str| match &error[key] {
            Value::String(text) => Some(self.settings.secrets.mask(text)),
            Value::Null => None,
            other => Some(other.to_string()),
        };
        let error = ServerError {
            message: text("message").unwrap_or_else(|| self.settings.secrets.mask(&error.to_string())),
            kind: text("status"),
            code: text("code"),
            ..ServerError::default()
        };
        if !self.ready {
            self.refusal = Some(Error::Server(error));
            return;
        }
        self.events.push_back(reader.event(Body::Error { error: Box::new(Error::Server(error)), fatal: false }));
    }

    fn malformed(&mut self, kind: Malformed, problem: &str, reader: &Reader<'_>) {
        let Some(message) = reader.message else { return };
        self.events.push_back(malformed(&self.settings.secrets, kind, problem, message, reader.now));
    }

    fn called(&mut self, reader: &Reader<'_>, id: Option<&str>, name: &str, args: Option<&Value>) {
        // A call is never dropped: the model would wait for its answer.
        self.talk.drops_rest = false;
        let arguments = args.filter(|args| !args.is_null()).map_or_else(|| "{}".to_owned(), Value::to_string);
        let is_object = args.is_none_or(|args| args.is_object() || args.is_null());
        self.begin_response(reader);
        let event = self.call_event(reader, id, name, &arguments);
        self.of_response(event);
        if !is_object {
            self.malformed(Malformed::BadToolArguments, "tool arguments are no JSON object", reader);
        }
    }
}

/// Hz in a type such as "audio/pcm;rate=24000".
fn rate_of(mime_type: &str) -> u32 {
    let rate = mime_type.split(';').find_map(|part| part.trim().strip_prefix("rate="));
    rate.and_then(|rate| rate.parse().ok()).filter(|rate| (1_000..=384_000).contains(rate)).unwrap_or(OUTPUT_RATE)
}

/// Whether a content says nothing: fillers, transcriptions without words, grounding without sources.
fn is_empty(content: &ServerContent<'_>) -> bool {
    let is_told =
        |value: &Option<Value>| value.as_ref().is_some_and(|value| value.as_object().is_none_or(|map| !map.is_empty()));
    !is_told(&content.grounding_metadata)
        && !is_told(&content.url_context_metadata)
        && !is_told(&content.interim_input_transcription)
        && content.interaction_status.get().is_none()
}
