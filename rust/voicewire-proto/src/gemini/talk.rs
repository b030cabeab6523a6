//! What the decoder remembers of the running conversation. Gemini has no ids: they are made here.

use std::collections::VecDeque;

use serde_json::Value;

use crate::command::ReceiptId;
use crate::playback::Playback;

/// The response, the user's turn and the calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) response: Option<Response>,
    pub(super) user: Option<UserTurn>,
    /// Calls that the model made and nobody took back, oldest first, until the model goes on.
    pub(super) calls: Vec<Call>,
    /// Calls that were taken back: their results are not sent.
    cancelled_calls: VecDeque<String>,
    pub(super) playback: Playback,
    /// Whether audio of the user came since the last response began.
    pub(super) has_heard: bool,
    /// Responses that were asked for and have not begun.
    pub(super) asked: u32,
    /// The message that asked for it, for a connection that does not know of it.
    pub(super) question: Option<Question>,
    /// Whether what the server stops next was stopped by a message of ours.
    pub(super) expects_interruption: bool,
    /// Whether the model has begun a turn in this session.
    pub(super) model_spoke: bool,
    /// Whether the server tells when the user speaks.
    pub(super) tells_speech: bool,
    /// Whether the end of a response that we gave up is still to come.
    pub(super) owes_end: bool,
    /// Whether what comes until then is of that response, and dropped.
    pub(super) drops_rest: bool,
    /// Whether the server interrupted where no response was open.
    pub(super) stopped_nothing: bool,
    /// Whether the turn that ended last is not the end of the answer.
    pub(super) goes_on: bool,
}

/// A message that asked for a response.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) kind: &'static str,
    pub(super) value: Value,
    pub(super) receipt: ReceiptId,
}

/// The response in progress.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) id: String,
    /// The item of its words and sound, once there are any.
    pub(super) item_id: Option<String>,
    pub(super) words: String,
    pub(super) has_audio: bool,
    /// Whether it was spoken over or cancelled.
    pub(super) is_stopped: bool,
    /// Whether what still comes of it is dropped.
    pub(super) is_muted: bool,
    /// Whether its calls were answered, and nothing came since of what the model makes of it.
    pub(super) goes_on: bool,
    /// Whether the answer to a call is to interrupt it.
    pub(super) makes_way: bool,
    /// The item of the spoken turn that it answers.
    pub(super) user_item: Option<String>,
    pub(super) odd_reported: bool,
    /// Whether all of it has come, though the server waits for it to have been played.
    pub(super) is_generated: bool,
}

/// What the user says by voice.
#[derive(Debug)]
pub(super) struct UserTurn {
    pub(super) item_id: String,
    pub(super) words: String,
    /// Length of the words when they were last told as a whole.
    pub(super) told: Option<usize>,
    pub(super) is_speaking: bool,
    pub(super) is_committed: bool,
}

/// A call of the model.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// Whether the id is ours: it is not sent back.
    pub(super) is_local: bool,
    /// Whether the model waits for the answer; else it speaks on and takes the answer up in a response of its own.
    pub(super) is_blocking: bool,
    /// Whether the newest handle knows of it.
    pub(super) in_handle: bool,
    /// The answer as it was sent, to be sent again where a new connection does not know of it.
    pub(super) answer: Option<String>,
}

impl Talk {
    pub(super) fn new(tells_speech: bool) -> Self {
        Self { tells_speech, ..Self::default() }
    }

    /// Forgets what a connection took with it, or the session where it is not taken up again; what plays plays on.
    pub(super) fn reconnected(&mut self, resumes: bool) {
        self.has_heard = false;
        self.asked = 0;
        self.expects_interruption = false;
        self.model_spoke &= resumes;
        self.owes_end = false;
        self.drops_rest = false;
        self.stopped_nothing = false;
        self.goes_on = false;
    }

    pub(super) fn take_back(&mut self, call_id: &str) {
        self.calls.retain(|call| call.id != call_id);
        if self.cancelled_calls.len() == REMEMBERED {
            self.cancelled_calls.pop_front();
        }
        self.cancelled_calls.push_back(call_id.to_owned());
    }

    /// A call is made, perhaps again.
    pub(super) fn calls_again(&mut self, call_id: &str) {
        self.cancelled_calls.retain(|known| known != call_id);
    }

    pub(super) fn was_taken_back(&self, call_id: &str) -> bool {
        self.cancelled_calls.iter().any(|known| known == call_id)
    }

    /// Whether the model is going to take up an answer in a response of its own.
    pub(super) fn takes_up_an_answer(&self) -> bool {
        self.calls.iter().any(|call| !call.is_blocking && call.answer.is_some())
    }

    /// Whether a call was answered and the model has not gone on.
    pub(super) fn has_answers(&self) -> bool {
        self.calls.iter().any(|call| call.answer.is_some())
    }

    /// Whether the model has called and has no answer yet.
    pub(super) fn has_open_calls(&self) -> bool {
        self.calls.iter().any(|call| call.answer.is_none())
    }

    /// Whether a response was asked for and has not begun.
    pub(super) fn is_asked(&self) -> bool {
        self.asked > 0
    }

    /// Id of the response in progress.
    pub(super) fn response_id(&self) -> Option<&str> {
        self.response.as_ref().map(|response| response.id.as_str())
    }
}

impl Response {
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            item_id: None,
            words: String::new(),
            has_audio: false,
            is_stopped: false,
            is_muted: false,
            goes_on: false,
            makes_way: false,
            user_item: None,
            odd_reported: false,
            is_generated: false,
        }
    }
}

impl UserTurn {
    pub(super) fn new(item_id: String) -> Self {
        Self { item_id, words: String::new(), told: None, is_speaking: false, is_committed: false }
    }

    /// The words as a whole, where they have not been told as one.
    pub(super) fn untold_words(&self) -> Option<&str> {
        (self.told != Some(self.words.len()) && !self.words.is_empty()).then_some(self.words.as_str())
    }
}

/// Calls remembered as taken back.
const REMEMBERED: usize = 64;
