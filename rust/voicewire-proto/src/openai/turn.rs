//! What the decoder remembers of the running conversation.

use std::collections::VecDeque;
use std::time::Instant;

use crate::playback::{Heard, Playback};

/// The responses and the audio that are under way.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The default-conversation response in progress.
    active: Option<String>,
    /// Whether that one was cancelled or spoken over.
    is_stopped: bool,
    /// Responses whose late audio is dropped, newest last.
    cancelled: VecDeque<String>,
    /// Responses whose odd audio byte has been reported.
    odd_reported: VecDeque<String>,
    /// Names of the tools behind open calls, for dialects that tell them only at the start.
    call_names: VecDeque<(String, String)>,
    /// Responses that belong to no conversation.
    outside: VecDeque<String>,
    /// Those of them that have not ended.
    running_outside: VecDeque<String>,
    /// Responses that ended with their connection.
    abandoned: VecDeque<String>,
    /// Whether the user is heard to speak.
    pub(super) is_speaking: bool,
    /// Whether the service owes an answer to what the user said.
    pub(super) is_unanswered: bool,
    /// Items of ours that were put before all others: the service tells them without a previous one, like the first.
    first: VecDeque<String>,
    pub(super) playback: Playback,
}

/// Ids remembered of each sort.
const REMEMBERED: usize = 32;

impl Turns {
    pub(super) fn response_created(&mut self, response_id: &str) {
        self.active = Some(response_id.to_owned());
        self.is_stopped = false;
        self.is_unanswered = false;
        self.playback.response_began();
    }

    pub(super) fn response_done(&mut self, response_id: Option<&str>) {
        if response_id.is_none() || self.active.as_deref() == response_id {
            self.active = None;
        }
        self.running_outside.retain(|id| response_id != Some(id));
    }

    /// The connection is gone: takes out the responses that will not end by themselves, and whether each was stopped.
    pub(super) fn abandon(&mut self) -> Vec<(String, bool)> {
        let is_stopped = std::mem::take(&mut self.is_stopped);
        let inside = self.active.take().map(|id| (id, is_stopped));
        let outside = std::mem::take(&mut self.running_outside).into_iter().map(|id| (id, false));
        let given_up: Vec<_> = inside.into_iter().chain(outside).collect();
        for (id, _) in given_up.iter().filter(|(id, _)| !id.is_empty()) {
            remember(&mut self.abandoned, id.clone());
        }
        given_up
    }

    /// Whether the end of a response was told with that of its connection.
    pub(super) fn was_abandoned(&self, response_id: Option<&str>) -> bool {
        response_id.is_some_and(|id| self.abandoned.iter().any(|known| known == id))
    }

    /// Whether a response of the default conversation is in progress.
    pub(super) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Marks the active response: audio of it that still comes is late.
    pub(super) fn cancel_active(&mut self) {
        // Without an id, late audio of this response cannot be told from that of the next.
        if let Some(id) = self.active.clone().filter(|id| !id.is_empty() && !self.is_cancelled(Some(id))) {
            remember(&mut self.cancelled, id);
        }
        self.is_stopped = self.active.is_some();
    }

    pub(super) fn is_cancelled(&self, response_id: Option<&str>) -> bool {
        response_id.is_some_and(|id| self.cancelled.iter().any(|known| known == id))
    }

    /// Whether this is the first odd byte of the response.
    pub(super) fn report_odd(&mut self, response_id: Option<&str>) -> bool {
        let id = response_id.unwrap_or_default();
        if self.odd_reported.iter().any(|known| known == id) {
            return false;
        }
        remember(&mut self.odd_reported, id.to_owned());
        true
    }

    pub(super) fn response_created_outside(&mut self, response_id: &str) {
        remember(&mut self.outside, response_id.to_owned());
        remember(&mut self.running_outside, response_id.to_owned());
    }

    /// Id of the default-conversation response in progress; empty where the service gives none.
    pub(super) fn active(&self) -> Option<&str> {
        self.active.as_deref()
    }

    pub(super) fn is_outside(&self, response_id: Option<&str>) -> bool {
        response_id.is_some_and(|id| self.outside.iter().any(|known| known == id))
    }

    pub(super) fn put_first(&mut self, item_id: &str) {
        remember(&mut self.first, item_id.to_owned());
    }

    pub(super) fn is_first(&self, item_id: &str) -> bool {
        self.first.iter().any(|known| known == item_id)
    }

    pub(super) fn call_added(&mut self, call_id: &str, name: &str) {
        remember(&mut self.call_names, (call_id.to_owned(), name.to_owned()));
    }

    pub(super) fn call_name(&self, call_id: &str) -> Option<&str> {
        self.call_names.iter().rev().find(|(id, _)| id == call_id).map(|(_, name)| name.as_str())
    }

    /// The user or the application spoke over the answer at `now`: the active response's late audio is dropped from here
    /// on. None where there is nothing to interrupt.
    pub(super) fn interrupt(&mut self, now: Instant) -> Option<Option<Heard>> {
        let heard = self.playback.interrupt(now, self.is_active());
        let is_news = self.running().is_some();
        self.cancel_active();
        (is_news || heard.is_some()).then_some(heard)
    }

    /// The default-conversation response in progress, unless it was stopped; empty where the service gives no ids.
    pub(super) fn running(&self) -> Option<&str> {
        self.active.as_deref().filter(|_| !self.is_stopped)
    }
}

fn remember<T>(list: &mut VecDeque<T>, value: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(value);
}
