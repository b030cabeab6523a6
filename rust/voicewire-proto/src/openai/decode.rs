//! Step "message → event" for OpenAI Realtime, GA and beta names alike.

use std::time::Instant;

use serde_json::Value;

use super::names::WireKind;
use super::pending::Ack;
use super::protocol::OpenAi;
use super::reader::Reader;
use crate::error::{Error, Malformed};
use crate::event::{Body, Event, TurnComplete, TurnStatus};
use crate::item::ItemChange;
use crate::message::{Message, Text};
use crate::protocol::Outcome;
use crate::scan::{Field, Fields};
use crate::usage::Usage;

impl OpenAi {
    pub(super) fn decode(&mut self, message: Message, now: Instant) {
        let (fields, value) = match Fields::read(message.as_bytes(), self.settings.max_depth) {
            Ok(read) => read,
            Err((kind, problem)) => return self.malformed(kind, problem, &message, now),
        };
        let Some(name) = message.resolve_field(&fields.kind) else {
            return self.malformed(Malformed::BadEvent, "event has no type".into(), &message, now);
        };
        let wire = WireKind::of(name);
        let mut reader = Reader { message, fields, value, now };
        match wire {
            WireKind::AudioDelta => self.audio_delta(&reader),
            WireKind::TextDelta => self.string_event(&reader, "delta", &reader.fields.delta, Body::TextDelta),
            WireKind::TranscriptDelta => self.string_event(&reader, "delta", &reader.fields.delta, Body::Transcript),
            WireKind::InputTranscriptDelta => self.input_transcript(&reader, &reader.fields.delta, false),
            WireKind::InputTranscriptDone => self.input_transcript(&reader, &reader.fields.transcript, true),
            WireKind::InputTranscriptFailed => self.transcript_failed(&mut reader),
            WireKind::ArgumentsDelta => self.arguments_delta(&reader),
            WireKind::ArgumentsDone => self.tool_call(&reader),
            WireKind::SpeechStarted => self.speech_started(&reader),
            WireKind::SpeechStopped => self.emit(&reader, Body::SpeechStopped(reader.fields.audio_end_ms.int())),
            WireKind::Committed => self.committed(&reader),
            WireKind::Cleared => self.acknowledging(&reader, Body::Server, &Ack::Cleared),
            WireKind::SessionCreated => self.session_created(&mut reader),
            WireKind::SessionUpdated => self.session_updated(&mut reader),
            WireKind::ItemAdded => self.item_told(&mut reader, Some(Ack::ItemAdded)),
            WireKind::ItemDone => self.item_told(&mut reader, None),
            WireKind::ItemRetrieved => self.item_told(&mut reader, Some(Ack::ItemRetrieved)),
            WireKind::ItemDeleted => self.item_changed(&reader, ItemChange::Deleted, Ack::ItemDeleted),
            WireKind::ItemTruncated => {
                let end = reader.fields.audio_end_ms.int().and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default();
                self.item_changed(&reader, ItemChange::Truncated(end), Ack::ItemTruncated);
            }
            WireKind::OutputItemAdded => self.output_item_added(&mut reader),
            WireKind::ResponseCreated => self.response_created(&mut reader),
            WireKind::ResponseDone => self.response_done(&mut reader),
            WireKind::RateLimits => self.emit(&reader, Body::RateLimits),
            WireKind::Error => self.error(&mut reader),
            WireKind::Other => self.emit(&reader, Body::Server),
        }
    }

    fn audio_delta(&mut self, reader: &Reader) {
        let Some(delta) = reader.text(&reader.fields.delta) else {
            return self.bad_field(reader, "delta", "string");
        };
        let response_id = reader.text(&reader.fields.response_id);
        let decoded = match self.output_codec.decode_base64(delta.as_bytes()) {
            Ok(decoded) => decoded,
            Err(error) => return self.bad_audio(reader, &error.to_string()),
        };
        if self.turns.is_cancelled(response_id) {
            self.late_samples += decoded.samples.len() as u64;
            return self.emit(reader, Body::Wire);
        }
        let (sample_rate, content_index) = (self.output_sample_rate, reader.fields.content_index.int());
        let item_id = reader.text(&reader.fields.item_id);
        self.turns.playback.received(item_id, content_index, decoded.samples.len(), sample_rate, reader.now);
        let encoded = reader.fields.delta.text();
        let codec = self.output_codec;
        self.emit(reader, Body::Audio { samples: decoded.samples, sample_rate, content_index, codec, encoded });
        if decoded.odd_byte && self.turns.report_odd(response_id) {
            let problem = "audio delta ends in half a sample; the odd byte was dropped".to_owned();
            self.malformed(Malformed::BadAudio, problem, &reader.message, reader.now);
        }
    }

    fn bad_audio(&mut self, reader: &Reader, problem: &str) {
        // The scan leaves long audio unread: where it is no base64, the message may be no JSON either.
        match Fields::parse(reader.message.as_bytes(), self.settings.max_depth) {
            Err((kind, problem)) => self.malformed(kind, problem, &reader.message, reader.now),
            Ok(_) => {
                self.emit(reader, Body::Wire);
                self.malformed(Malformed::BadAudio, format!("audio delta: {problem}"), &reader.message, reader.now);
            }
        }
    }

    fn string_event(&mut self, reader: &Reader, name: &str, field: &Field, body: fn(Text) -> Body) {
        match field {
            Field::Str(text) => self.emit(reader, body(text.clone())),
            _ => self.bad_field(reader, name, "string"),
        }
    }

    fn input_transcript(&mut self, reader: &Reader, field: &Field, is_final: bool) {
        // Qwen says `text`; xAI and others leave the field out where nothing was understood.
        let text = match (field, &reader.fields.text) {
            (Field::Str(text), _) | (_, Field::Str(text)) => text.clone(),
            _ => Text::owned(""),
        };
        self.emit(reader, Body::InputTranscript { text, is_final });
    }

    fn transcript_failed(&mut self, reader: &mut Reader) {
        let error = self.server_error(&reader.value()["error"].clone());
        self.emit(reader, Body::Server);
        let body = Body::Error { error: Box::new(Error::Server(error)), fatal: false };
        self.events.push_back(Event { leads: false, ..reader.event(body) });
    }

    fn arguments_delta(&mut self, reader: &Reader) {
        let change = reader.text(&reader.fields.delta).map(|delta| Box::new(ItemChange::Arguments(delta.to_owned())));
        self.events.push_back(Event { change, ..reader.event(Body::Server) });
    }

    fn tool_call(&mut self, reader: &Reader) {
        let (Some(call_id), Some(arguments)) =
            (reader.text(&reader.fields.call_id), reader.text(&reader.fields.arguments))
        else {
            let missing = if reader.fields.call_id.text().is_none() { "call_id" } else { "arguments" };
            return self.bad_field(reader, missing, "string");
        };
        let name = match &reader.fields.name {
            Field::Str(name) => name.clone(),
            _ => Text::from(self.turns.call_name(call_id)),
        };
        let is_object = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
        let body =
            Body::ToolCall { call_id: reader.fields.call_id.text(), name, arguments: reader.fields.arguments.text() };
        self.emit(reader, body);
        if !is_object {
            let problem = "tool arguments are no JSON object".to_owned();
            self.malformed(Malformed::BadToolArguments, problem, &reader.message, reader.now);
        }
    }

    fn speech_started(&mut self, reader: &Reader) {
        self.turns.is_speaking = true;
        self.emit(reader, Body::SpeechStarted(reader.fields.audio_start_ms.int()));
        if self.speech_interrupts {
            self.spoken_over(reader);
        }
    }

    fn committed(&mut self, reader: &Reader) {
        self.turns.is_speaking = false;
        self.turns.is_unanswered = !self.detection.by_hand && self.detection.creates_response;
        self.acknowledging(reader, Body::InputCommitted, &Ack::Committed);
    }

    pub(super) fn spoken_over(&mut self, reader: &Reader) {
        let cut = self.interrupted(reader.now, reader.event(Body::Server));
        if let Some(cut) = cut.filter(|_| self.settings.auto_truncate) {
            self.cut(cut);
        }
    }

    fn response_created(&mut self, reader: &mut Reader) {
        let response = &reader.value()["response"];
        let id = response["id"].as_str().map(str::to_owned);
        // An out-of-band response belongs to no conversation and runs beside the others.
        let out_of_band = response.get("conversation_id").is_some_and(Value::is_null);
        if out_of_band {
            self.turns.response_created_outside(id.as_deref().unwrap_or_default());
        } else {
            self.turns.response_created(id.as_deref().unwrap_or_default());
            self.sequencer.created();
        }
        let event = Event { response_id: Text::from(id.as_deref()), ..reader.event(Body::ResponseStarted) };
        self.events.push_back(event.clone());
        self.acknowledge(event, &Ack::ResponseCreated);
    }

    fn response_done(&mut self, reader: &mut Reader) {
        let value = reader.value();
        let response = &value["response"];
        let id = response["id"].as_str().or_else(|| value["response_id"].as_str()).map(str::to_owned);
        if self.turns.was_abandoned(id.as_deref()) {
            return self.emit(reader, Body::Wire);
        }
        let details = response["status_details"].clone();
        let status = status(response["status"].as_str(), &details);
        // xAI tells it at the top level, beside an empty one.
        let told = |usage: &&Value| usage.as_object().is_some_and(|usage| !usage.is_empty());
        let usage = [&response["usage"], &value["usage"]].into_iter().find(told).and_then(Usage::from_openai);
        let error = (status == TurnStatus::Failed).then(|| self.server_error(&details["error"]));
        match &error {
            Some(error) => self.weigh(error),
            None => self.is_hopeless = false,
        }
        let error = error.map(Error::Server);
        self.turns.response_done(id.as_deref());
        if details["reason"] == "turn_detected" {
            self.spoken_over(reader);
        }
        let response_id = Text::from(id.as_deref());
        let mut leads = true;
        if let Some(usage) = usage {
            let event = reader.event(Body::Usage(Box::new(usage)));
            self.events.push_back(Event { response_id: response_id.clone(), ..event });
            leads = false;
        }
        // The service runs MCP tools by itself, and goes on with what they gave.
        let last = last_kind(&reader.value()["response"]["output"]);
        let is_final = status != TurnStatus::Completed || last != Some("mcp_call");
        let body = Body::TurnComplete(Box::new(TurnComplete { status, usage, is_final, has_open_calls: false, error }));
        let event = Event { response_id, leads, ..reader.event(body) };
        self.events.push_back(event.clone());
        self.acknowledge(event, &Ack::ResponseDone(id));
        self.request_next_response();
    }

    pub(super) fn acknowledging(&mut self, reader: &Reader, body: Body, ack: &Ack) {
        let event = reader.event(body);
        self.events.push_back(event.clone());
        self.acknowledge(event, ack);
    }

    pub(super) fn acknowledge(&mut self, mut event: Event, ack: &Ack) {
        if let Some(pending) = self.pending.acknowledged(ack) {
            event.body = Body::Server;
            event.change = None;
            self.settle(pending.id.receipt, Outcome::Acknowledged(Box::new(event)), Vec::new());
        }
    }

    pub(super) fn emit(&mut self, reader: &Reader, body: Body) {
        self.events.push_back(reader.event(body));
    }

    fn bad_field(&mut self, reader: &Reader, name: &str, expected: &str) {
        let wire_type = reader.text(&reader.fields.kind).unwrap_or_default();
        let problem = format!("{wire_type}: field is no {expected}: {name}");
        self.emit(reader, Body::Wire);
        self.malformed(Malformed::BadEvent, problem, &reader.message, reader.now);
    }
}

/// The type of the last item that a response gave.
fn last_kind(output: &Value) -> Option<&str> {
    output.as_array()?.last()?["type"].as_str()
}

fn status(status: Option<&str>, details: &Value) -> TurnStatus {
    match status {
        Some("cancelled") => TurnStatus::Cancelled,
        Some("incomplete") => TurnStatus::Incomplete,
        Some("failed") => TurnStatus::Failed,
        _ if details["error"].is_object() => TurnStatus::Failed,
        _ => TurnStatus::Completed,
    }
}
