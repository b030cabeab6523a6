//! One session of the service without I/O or clock: client events in, server events out, time as an argument.

mod answering;
mod composing;
mod idling;
#[cfg(test)]
mod idling_test;
mod items;
mod listening;
mod playing;
mod response;
mod servers;
mod stopping;
mod transcribing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::conversation::Conversation;
use crate::event::ErrorBody;
use crate::gate::Admission;
use crate::input::InputBuffer;
use crate::listener::Shared;
use crate::outbox::Outbox;
use crate::reply::Part;
use crate::schema;
use crate::schema_items::EVENTS;
use crate::script_mcp::{Listing, McpCall};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::timeline::Timeline;
use crate::usage::Tokens;
use crate::vad::Vad;
use crate::voice::Studio;

use response::{Response, Step};
use transcribing::{Transcription, Utterance};

const SESSION_SECONDS: u64 = 3600;

/// What a session begins with.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) admission: Admission,
    pub(crate) unix_seconds: u64,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    outbox: Outbox,
    settings: Settings,
    conversation: Conversation,
    conversation_id: String,
    input: InputBuffer,
    vad: Option<Vad>,
    speech: Option<Utterance>,
    timeline: Timeline<Cue>,
    responses: Vec<Response>,
    response_count: u64,
    /// Turns of the user in a transcription session, where there are no responses.
    heard_count: u64,
    has_spoken: bool,
    instructed: bool,
    rate_limited: bool,
    /// Input of the last response, which the service has in its cache.
    prompted: Tokens,
    /// MCP tools whose servers were asked for their tools.
    servers: Vec<Value>,
    /// Calls that wait for approval, by their request.
    approvals: Vec<(String, McpCall)>,
    /// What became of them, until there is room for a response: a call, or none.
    decided: Vec<Option<Part>>,
    /// Counts waits for the user; a wait that is not the last one is void.
    waits: u64,
    manner: Manner,
    stage: Arc<Stage>,
    studio: Arc<Studio>,
}

/// How replies are performed.
#[derive(Clone, Copy, Debug)]
struct Manner {
    pace: f64,
    delta_ms: u32,
    stragglers: usize,
    rate_limits: bool,
}

/// Something a session does by itself.
#[derive(Debug)]
enum Cue {
    Response { key: u64, step: Step },
    Transcription { item_id: String, step: Transcription },
    Listing { item_id: String, listing: Listing },
    RateLimits,
    Idle { wait: u64 },
}

impl Session {
    /// Begin; `session.created` is the first event, but for a session beside a call, which was created for its caller.
    pub(crate) fn open(origin: Origin, mut outbox: Outbox, shared: &Shared) -> Self {
        outbox.obfuscates = shared.config.obfuscation;
        let session_id = outbox.ids.make("sess");
        let conversation_id = outbox.ids.make("conv");
        let mut settings = Settings::new(&origin.admission, &session_id, origin.unix_seconds + SESSION_SECONDS);
        let instructed = settings.begin_with(&origin.admission.settings);
        if origin.admission.call_id.is_none() {
            outbox.push("session.created", json!({ "session": settings.json() }));
        }
        let mut session = Session {
            input: InputBuffer::new(settings.input_format().sample_rate()),
            outbox,
            settings,
            conversation: Conversation::default(),
            conversation_id,
            vad: None,
            speech: None,
            timeline: Timeline::new(),
            responses: Vec::new(),
            response_count: 0,
            heard_count: 0,
            has_spoken: false,
            instructed,
            rate_limited: false,
            prompted: Tokens::default(),
            servers: Vec::new(),
            approvals: Vec::new(),
            decided: Vec::new(),
            waits: 0,
            manner: Manner {
                pace: shared.config.pace,
                delta_ms: shared.config.delta_ms,
                stragglers: shared.config.stragglers as usize,
                rate_limits: shared.config.rate_limits,
            },
            stage: Arc::clone(&shared.stage),
            studio: Arc::clone(&shared.studio),
        };
        session.renew_vad();
        session
    }

    /// Act on a client event; whatever is wrong with it becomes an `error` event.
    pub(crate) fn receive(&mut self, text: &str, now: Instant) {
        let event: Value = match serde_json::from_str(text) {
            Ok(event) => event,
            Err(problem) => {
                let message = format!("We could not parse the JSON of your event: {problem}.");
                return self.outbox.push_error(&ErrorBody::invalid("invalid_json", &message), None);
            }
        };
        let done = schema::check_event(&event, EVENTS).and_then(|kind| self.dispatch(kind, &event, now));
        if let Err(error) = done {
            self.refuse(&error, event["event_id"].as_str());
        }
    }

    /// Act on a client event whose shape was checked elsewhere; the caller tells the client of an error.
    pub(crate) fn receive_checked(&mut self, event: &Value, now: Instant) -> Result<(), ErrorBody> {
        self.dispatch(event["type"].as_str().unwrap_or_default(), event, now)
    }

    /// Answer a client event with an error.
    pub(crate) fn refuse(&mut self, error: &ErrorBody, event_id: Option<&str>) {
        self.outbox.push_error(error, event_id);
    }

    /// The id of its conversation, which GA tells with the first response.
    pub(crate) fn conversation_id(&self) -> &str {
        &self.conversation_id
    }

    pub(crate) fn refuse_binary(&mut self) {
        let error = ErrorBody::invalid("invalid_json", "Binary messages are not supported; send JSON as text.");
        self.refuse(&error, None);
    }

    /// Play one cue that is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self.timeline.pop_due(now) {
            Some(Cue::Response { key, step }) => self.play(key, step, now),
            Some(Cue::Transcription { item_id, step }) => self.tell(&item_id, step),
            Some(Cue::Listing { item_id, listing }) => self.end_listing(&item_id, listing),
            Some(Cue::RateLimits) => self.outbox.push("rate_limits.updated", rate_limits()),
            Some(Cue::Idle { wait }) => self.end_wait(wait, now),
            None => {}
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.timeline.next_due()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<String> {
        self.outbox.pop()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outbox.has_room_for_replies()
    }

    pub(crate) fn may_read(&self) -> bool {
        self.outbox.has_room_for_reading()
    }

    /// Fail the next response.
    pub(crate) fn limit_rate(&mut self) {
        self.rate_limited = true;
    }

    /// A key of the caller's telephone; the one event without an id.
    pub(crate) fn press(&mut self, key: &str, unix_seconds: u64) {
        let event = json!({
            "type": "input_audio_buffer.dtmf_event_received",
            "event": key,
            "received_at": unix_seconds,
        });
        self.outbox.push_text(event.to_string());
    }

    fn dispatch(&mut self, kind: &str, event: &Value, now: Instant) -> Result<(), ErrorBody> {
        match kind {
            "session.update" => self.update_session(&event["session"], now),
            "input_audio_buffer.append" => self.append(&event["audio"], now),
            "input_audio_buffer.commit" => self.commit_by_hand(now),
            "input_audio_buffer.clear" => self.clear_input(),
            "conversation.item.create" => self.create_item(&event["item"], &event["previous_item_id"], now),
            "conversation.item.retrieve" => self.retrieve_item(&event["item_id"]),
            "conversation.item.truncate" => self.truncate_item(event),
            "conversation.item.delete" => self.delete_item(&event["item_id"]),
            "response.create" => self.create_response(&event["response"], now),
            "response.cancel" => self.cancel_response(&event["response_id"], now),
            _ => Err(ErrorBody::invalid(
                "invalid_value",
                "output_audio_buffer.clear is for WebRTC and SIP: over a WebSocket the client holds the output audio.",
            )
            .about("type")),
        }
    }

    fn update_session(&mut self, update: &Value, now: Instant) -> Result<(), ErrorBody> {
        let before = (self.settings.input_format(), self.detection_key());
        self.settings.update(update, self.has_spoken)?;
        self.instructed |= update["instructions"].is_string();
        if self.settings.input_format() != before.0 {
            self.input.change_rate(self.settings.input_format().sample_rate());
            self.renew_vad();
        } else if self.detection_key() != before.1 {
            self.renew_vad();
        }
        self.outbox.push("session.updated", json!({ "session": self.settings.json() }));
        self.list_tools(&update["tools"], now);
        Ok(())
    }

    /// Time at pace 1 as time at the session's pace.
    fn paced(&self, place: Duration) -> Duration {
        if self.manner.pace == 0.0 {
            Duration::ZERO
        } else {
            place.div_f64(self.manner.pace)
        }
    }
}

/// What `rate_limits.updated` tells.
pub(crate) fn rate_limits() -> Value {
    json!({"rate_limits": [
        {"name": "requests", "limit": 10_000, "remaining": 9_999, "reset_seconds": 0.006},
        {"name": "tokens", "limit": 2_000_000, "remaining": 1_999_000, "reset_seconds": 0.03},
    ]})
}
