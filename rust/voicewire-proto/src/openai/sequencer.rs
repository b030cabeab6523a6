//! Keeps one `response.create` of the default conversation in flight; the others wait for their turn.
//!
//! A service has one active response at a time and refuses a second one. Responses outside of the conversation
//! (`conversation: "none"`) run beside it and do not come here.

use std::collections::VecDeque;

use serde_json::Value;

use super::protocol::Outgoing;

/// The requests for a response: one on its way, the others in order.
#[derive(Debug, Default)]
pub(super) struct Sequencer {
    in_flight: Option<Outgoing>,
    /// The request that the newest response seemed to answer; the service may have begun that one by itself.
    answered: Option<Outgoing>,
    waiting: VecDeque<Outgoing>,
}

impl Sequencer {
    /// Takes in a request; gives it back where it may go out now.
    pub(super) fn admit(&mut self, request: Outgoing, is_active: bool) -> Option<Outgoing> {
        self.waiting.push_back(request);
        self.next(is_active)
    }

    /// The request whose turn it is, unless a response is active or asked for.
    pub(super) fn next(&mut self, is_active: bool) -> Option<Outgoing> {
        if is_active || self.in_flight.is_some() {
            return None;
        }
        self.in_flight = self.waiting.pop_front();
        self.in_flight.clone()
    }

    /// Id of the request that is on its way.
    pub(super) fn in_flight(&self) -> Option<&str> {
        self.in_flight.as_ref().map(|request| request.event_id.as_str())
    }

    /// The service began a response.
    pub(super) fn created(&mut self) {
        self.answered = self.in_flight.take();
    }

    /// The request that the newest response answers.
    pub(super) fn answered(&self) -> Option<Value> {
        serde_json::from_str(&self.answered.as_ref()?.text).ok()
    }

    /// The connection is gone: requests whose commands are sent again are forgotten here.
    pub(super) fn leave(&mut self, is_sent_again: impl Fn(&str) -> bool) {
        self.answered = None;
        let in_flight = self.in_flight.take();
        let requests = in_flight.into_iter().chain(std::mem::take(&mut self.waiting));
        self.waiting = requests.filter(|request| !is_sent_again(&request.event_id)).collect();
    }

    /// The service knows of an active response that we do not, or that we took for the answer: the request waits for its
    /// end. False where it is none of ours.
    pub(super) fn postpone(&mut self, event_id: &str) -> bool {
        let is_it = |request: &mut Outgoing| request.event_id == event_id;
        let Some(mut request) = self.in_flight.take_if(is_it).or_else(|| self.answered.take_if(is_it)) else {
            return false;
        };
        request.settles = None;
        self.waiting.push_front(request);
        true
    }

    /// A request was refused or had no answer.
    pub(super) fn forget(&mut self, event_id: &str) {
        self.in_flight.take_if(|request| request.event_id == event_id);
        self.waiting.retain(|request| request.event_id != event_id);
    }
}
