//! The shape of a protocol: messages and commands in, events and messages out, time as an argument.

use std::time::Instant;

use crate::command::{Command, CommandId, ReceiptId};
use crate::error::Error;
use crate::event::Event;
use crate::message::Message;
use crate::secret::Secrets;

/// A provider's protocol, without I/O and without a clock.
pub trait Protocol: Send {
    /// Begins: the connection stands. What is to be said first follows from `poll_transmit`.
    fn start(&mut self, now: Instant);

    /// Takes in one message; events and settlements follow from `poll_event` and `poll_settled`.
    fn receive(&mut self, message: Message, now: Instant);

    /// The next event, in the order of the wire.
    fn poll_event(&mut self) -> Option<Event>;

    /// The next command whose fate is known. To be polled after `poll_event` has run dry.
    fn poll_settled(&mut self) -> Option<Settled>;

    /// Takes in a command of ours; messages follow from `poll_transmit`.
    fn send(&mut self, command: Command, id: CommandId, now: Instant);

    /// Audio of the user is about to be written; what has to precede it follows from `poll_transmit`.
    fn audio_goes_out(&mut self) {}

    /// Whether the user ends turns, rather than the server.
    fn turns_by_hand(&self) -> bool {
        false
    }

    /// The next message to write; the time for its answer starts at `now`.
    fn poll_transmit(&mut self, now: Instant) -> Option<Transmit>;

    /// When `handle_timeout` wants to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Does what is due at `now`.
    fn handle_timeout(&mut self, now: Instant);

    /// Whether the connection is to be replaced at `now`: `leave`, another connection and `start` follow.
    fn wants_switch(&self, _now: Instant) -> bool {
        false
    }

    /// What to do about a connection that the peer or the network ended with a close code.
    fn recovery(&self, _code: u16) -> Recovery {
        Recovery::Never
    }

    /// Whether a service that turned us away with `error` may take us the next time.
    fn forgives(&self, _error: &Error) -> bool {
        false
    }

    /// What must not be shown besides: a key that was renewed.
    fn keep_secret(&mut self, _secrets: &Secrets) {}

    /// A command failed because its connection was lost: it is not carried out by the next one.
    fn failed(&mut self, _receipt: ReceiptId) {}

    /// The connection is gone and another is to come: what cannot go on is told. Returns whether the next attempt will
    /// ask for something that this one did not.
    fn leave(&mut self, _now: Instant) -> bool {
        false
    }

    /// What the session that has become ready again knows of the one before it: "resumed", "replayed", "partial" or
    /// "none".
    fn restored(&self) -> &'static str {
        "none"
    }

    /// Whether commands may be sent: the service has greeted us.
    fn is_ready(&self) -> bool;

    /// Why the service turned us away before the session was ready.
    fn refusal(&self) -> Option<&Error>;

    /// The service's id of the session.
    fn session_id(&self) -> Option<&str>;

    /// Samples of late audio that were not delivered.
    fn dropped_samples(&self) -> u64;

    /// Ends the protocol: every command without an answer settles with `error`.
    fn close(&mut self, error: Error);
}

/// What to do about a connection that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The session is over.
    Never,
    /// Another connection may take its place.
    Reconnect,
}

/// One message to write.
#[derive(Debug)]
pub struct Transmit {
    /// JSON text.
    pub text: String,
    /// A receipt that resolves once the message is written, because the protocol has no answer to it.
    pub settles: Option<ReceiptId>,
}

/// The fate of a command.
#[derive(Debug)]
pub struct Settled {
    /// Whose.
    pub receipt: ReceiptId,
    /// What became of it.
    pub outcome: Outcome,
    /// Options that the service has no words for, or shows differently than asked.
    pub ignored: Vec<String>,
}

/// What became of a command.
#[derive(Debug)]
pub enum Outcome {
    /// The service answered with this event.
    Acknowledged(Box<Event>),
    /// There is no answer: it was written, or there was nothing to do.
    Done,
    /// It failed.
    Failed(Error),
}
