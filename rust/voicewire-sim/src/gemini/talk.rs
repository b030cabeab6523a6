//! What follows the setup: messages of the client are dispatched, cues are played; between the session and its parts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use super::declarations;
use super::endpoint::Backend;
use super::listening::Ear;
use super::schema::Message;
use super::setup::{text_of, Setup};
use super::tools::Calls;
use super::turn::{Step, Turn};
use super::Close;
use crate::conversation::Conversation;
use crate::ids::Ids;
use crate::listener::Shared;
use crate::outbox::Outbox;
use crate::timeline::Timeline;
use crate::SimulatorConfig;

/// A session past its setup.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) outbox: Outbox,
    pub(super) setup: Setup,
    pub(super) manner: Manner,
    pub(super) conversation: Conversation,
    pub(super) timeline: Timeline<Cue>,
    /// The open turn of the model.
    pub(super) turn: Option<Turn>,
    /// Turns that the model began.
    pub(super) turns: u64,
    /// Something is to be answered when the open turn is over.
    pub(super) owed: bool,
    /// History may still be seeded.
    pub(super) seeding: bool,
    pub(super) calls: Calls,
    pub(super) ear: Ear,
    /// Messages of the client, the setup included.
    pub(super) consumed: u64,
    pub(super) rate_limited: bool,
    /// The client knows that its last handle is behind.
    pub(super) behind: bool,
    pub(super) shared: Arc<Shared>,
}

/// How the service behaves, whatever the client asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) backend: Backend,
    pub(super) pace: f64,
    pub(super) delta_ms: u32,
    /// Calls have ids.
    pub(super) call_ids: bool,
    /// `clientContent` may follow a model turn; none: as the model has it.
    pub(super) content_mid_session: Option<bool>,
}

/// Something a session does by itself.
#[derive(Debug)]
pub(super) enum Cue {
    Turn(Step),
    /// The script, or a fault, lets the answer fail.
    Fail(Close),
}

impl Manner {
    pub(super) fn of(backend: Backend, config: &SimulatorConfig) -> Self {
        Manner {
            backend,
            pace: config.pace,
            delta_ms: config.delta_ms,
            call_ids: config.gemini.call_ids,
            content_mid_session: config.gemini.content_mid_session,
        }
    }
}

impl Talk {
    /// Begin; `setupComplete` is the first message.
    ///
    /// # Errors
    /// The close frame for a handle that cannot be resumed.
    pub(super) fn open(setup: Setup, manner: Manner, ids: Ids, shared: &Arc<Shared>) -> Result<Talk, Close> {
        let resumed = super::resuming::resume(&setup, shared)?;
        let mut talk = Talk {
            outbox: Outbox::new(ids),
            manner,
            conversation: Conversation::default(),
            timeline: Timeline::new(),
            turn: None,
            turns: 0,
            owed: false,
            seeding: setup.seeds_history,
            calls: Calls::default(),
            ear: Ear::new(setup.detection),
            consumed: 1,
            rate_limited: false,
            behind: false,
            shared: Arc::clone(shared),
            setup,
        };
        talk.greet();
        if let Some(snapshot) = resumed {
            talk.conversation = (*snapshot.conversation).clone();
            talk.turns = snapshot.turns;
            talk.tell_handle();
        } else if talk.setup.profile.unasked_handles {
            talk.tell_handle();
        }
        Ok(talk)
    }

    /// Act on a client's message.
    ///
    /// # Errors
    /// The close frame that ends the session.
    pub(super) fn receive(&mut self, message: Message, now: Instant) -> Result<(), Close> {
        match message.kind {
            "clientContent" => self.take_content(&message.body, now),
            "realtimeInput" => self.take_input(&message.body, now),
            "toolResponse" => self.take_responses(&message.body, now),
            "contextUpdate" => self.update_context(&message.body),
            _ => Err(Close::invalid("setup may be sent once, as the first message.")),
        }
    }

    /// Play one cue that is due.
    ///
    /// # Errors
    /// The close frame of a failure.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), Close> {
        match self.timeline.pop_due(now) {
            Some(Cue::Turn(step)) => self.play(step, now),
            Some(Cue::Fail(close)) => return Err(close),
            None => {}
        }
        Ok(())
    }

    pub(super) fn limit_rate(&mut self) {
        self.rate_limited = true;
    }

    /// Queue a message.
    pub(super) fn push(&mut self, message: Value) {
        self.outbox.push_text(message.to_string());
    }

    /// Queue a message of content.
    pub(super) fn push_content(&mut self, content: Value) {
        self.push(json!({ "serverContent": content }));
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timeline.next_due()
    }

    /// Time at pace 1 as time at the session's pace.
    pub(super) fn paced(&self, place: Duration) -> Duration {
        if self.manner.pace == 0.0 {
            Duration::ZERO
        } else {
            place.div_f64(self.manner.pace)
        }
    }

    fn greet(&mut self) {
        let complete = match self.manner.backend {
            Backend::AiStudio => json!({}),
            Backend::Vertex => json!({"sessionId": self.outbox.ids.hex()}),
        };
        self.push(json!({ "setupComplete": complete }));
    }

    /// New instructions and tools in a running session. Both are optional; an empty list of tools clears them.
    fn update_context(&mut self, update: &Value) -> Result<(), Close> {
        if !self.setup.profile.context_update {
            return Err(Close::invalid("context_update is not supported for this model."));
        }
        if update["systemInstruction"].is_object() {
            self.setup.instructions = text_of(&update["systemInstruction"]);
        }
        if update["tools"].is_object() {
            let tools = &update["tools"]["tools"];
            self.setup.tools = declarations::read("context_update.tools.tools", tools, &self.setup.profile)?;
        }
        Ok(())
    }
}
