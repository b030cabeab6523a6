//! Commands that wait for the service's answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::session::EncodedSession;
use crate::command::{CommandId, ReceiptId};
use crate::error::Error;
use crate::protocol::{Outcome, Settled};

/// The answer that a command waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// None: written is done.
    None,
    SessionUpdated,
    ItemAdded(String),
    ItemDeleted(String),
    ItemTruncated(String),
    ItemRetrieved(String),
    Committed,
    Cleared,
    ResponseCreated,
    /// `response.done`, after a cancel; of any response where none is named.
    ResponseDone(Option<String>),
}

impl Ack {
    /// Whether an event that answers `told` answers this.
    fn is_answered_by(&self, told: &Self) -> bool {
        match (self, told) {
            (Self::ResponseDone(None), Self::ResponseDone(_)) => true,
            // xAI names no item.
            (Self::ItemDeleted(_), Self::ItemDeleted(told)) if told.is_empty() => true,
            _ => self == told,
        }
    }
}

/// A command whose fate is open.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: CommandId,
    pub(super) ack: Ack,
    /// Wire type, for the message of a timeout.
    pub(super) command: String,
    /// Ids of further messages that belong to the same command.
    pub(super) siblings: Vec<String>,
    /// The session object that was sent, to compare with what the service applies.
    pub(super) session: Option<EncodedSession>,
    /// Its messages, to be sent again where a connection is lost; none of a command without an answer.
    pub(super) messages: Vec<Value>,
    /// Whether it was sent again.
    pub(super) is_again: bool,
    /// Set once it is written.
    pub(super) deadline: Option<Instant>,
}

/// All commands whose fate is open, oldest first.
#[derive(Debug)]
pub(super) struct PendingCommands {
    open: VecDeque<Pending>,
    timeout: Duration,
}

/// Commands without an answer are remembered for this many others, so that a late refusal finds its command.
const REMEMBERED: usize = 256;

impl PendingCommands {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { open: VecDeque::new(), timeout }
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.open.push_back(pending);
        if self.open.iter().filter(|pending| pending.ack == Ack::None).count() > REMEMBERED {
            if let Some(oldest) = self.open.iter().position(|pending| pending.ack == Ack::None) {
                self.open.remove(oldest);
            }
        }
    }

    /// Takes out all of them, oldest first.
    pub(super) fn take(&mut self) -> Vec<Pending> {
        std::mem::take(&mut self.open).into()
    }

    /// Keeps a command for the next connection: its clock stands still.
    pub(super) fn keep(&mut self, pending: Pending) {
        self.open.push_back(Pending { deadline: None, ..pending });
    }

    /// Starts the clock of the command that `event_id` belongs to.
    pub(super) fn written(&mut self, event_id: &str, now: Instant) {
        if let Some(pending) = self.open.iter_mut().rev().find(|pending| pending.id.event_id == event_id) {
            pending.deadline = (pending.ack != Ack::None).then(|| now + self.timeout);
        }
    }

    /// The oldest command that waits for `ack`, taken out.
    pub(super) fn acknowledged(&mut self, ack: &Ack) -> Option<Pending> {
        let at = self.open.iter().position(|pending| pending.ack.is_answered_by(ack) && pending.deadline.is_some())?;
        self.open.remove(at)
    }

    /// The command that the service refused under `event_id`, taken out.
    pub(super) fn refused(&mut self, event_id: &str) -> Option<Pending> {
        let at = self.open.iter().position(|pending| {
            pending.id.event_id == event_id || pending.siblings.iter().any(|sibling| sibling == event_id)
        })?;
        self.open.remove(at)
    }

    /// Id of the oldest cancellation that waits for the end of its response.
    pub(super) fn oldest_cancel(&self) -> Option<&str> {
        let cancel = self.open.iter().find(|pending| matches!(pending.ack, Ack::ResponseDone(_)))?;
        Some(&cancel.id.event_id)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(|pending| pending.deadline).min()
    }

    /// Takes out what is overdue, with its fate.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(Pending, Settled)> {
        let seconds = self.timeout.as_secs_f64();
        let (overdue, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|pending| pending.deadline.is_some_and(|deadline| deadline <= now));
        self.open = open;
        let overdue: VecDeque<Pending> = overdue;
        overdue
            .into_iter()
            .map(|pending| {
                let error = Error::AckTimeout { command: pending.command.clone(), seconds };
                let settled = failed(pending.id.receipt, error);
                (pending, settled)
            })
            .collect()
    }

    /// Takes out everything.
    pub(super) fn fail_all(&mut self, error: &Error) -> Vec<Settled> {
        std::mem::take(&mut self.open).into_iter().map(|pending| failed(pending.id.receipt, error.clone())).collect()
    }
}

fn failed(receipt: ReceiptId, error: Error) -> Settled {
    Settled { receipt, outcome: Outcome::Failed(error), ignored: Vec::new() }
}
