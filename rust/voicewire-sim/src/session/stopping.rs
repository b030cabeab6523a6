//! Responses are stopped: `response.cancel`, barge-in, and scripted endings; between the event and the score.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::response::{Ending, Response, Step};
use super::{Cue, Session};
use crate::event::ErrorBody;

impl Session {
    pub(super) fn cancel_response(&mut self, id: &Value, now: Instant) -> Result<(), ErrorBody> {
        let wanted = |response: &&Response| match id.as_str() {
            Some(id) => response.id == id,
            None => response.in_conversation,
        };
        let running = self.responses.iter().filter(|response| !response.stopping);
        let Some(key) = running.into_iter().find(wanted).map(|response| response.key) else {
            let message = "Cancellation failed: no active response found";
            return Err(ErrorBody::invalid("response_cancel_not_active", message));
        };
        let stragglers = self.manner.stragglers;
        for step in self.stop(key, "client_cancelled", stragglers) {
            self.timeline.push(now, Duration::ZERO, Cue::Response { key, step });
        }
        Ok(())
    }

    /// Barge-in: the running response of the conversation ends at once.
    pub(super) fn interrupt(&mut self, now: Instant) {
        let running = self.responses.iter().find(|response| response.in_conversation);
        let Some(key) = running.map(|response| response.key) else {
            return;
        };
        for step in self.stop(key, "turn_detected", 0) {
            self.play(key, step, now);
        }
    }

    /// The steps that are left of a response when it is stopped: stragglers of the open item, then its end.
    fn stop(&mut self, key: u64, reason: &str, stragglers: usize) -> Vec<Step> {
        let mine = |cue: &Cue| matches!(cue, Cue::Response { key: other, .. } if *other == key);
        let cues = self.timeline.take(mine).into_iter();
        let steps = cues.filter_map(|cue| match cue {
            Cue::Response { step, .. } => Some(step),
            _ => None,
        });
        let mut left = Vec::new();
        if let Some(response) = self.responses.iter_mut().find(|response| response.key == key) {
            // A response that is being cancelled already keeps its first reason.
            if !std::mem::replace(&mut response.stopping, true) {
                response.ending = Ending::Cancelled(reason.to_owned());
            }
            if response.open.is_some() {
                left.extend(steps.take_while(Step::is_delta).take(stragglers));
                left.push(Step::Close);
            }
            left.push(Step::Finish);
        }
        left
    }
}

/// Leave out the second half of the deltas, and the items that never began.
pub(super) fn halve(score: &mut Vec<(Duration, Step)>) {
    let deltas = score.iter().filter(|(_, step)| step.is_delta()).count();
    let mut left = deltas.div_ceil(2);
    let cut = score.iter().position(|(_, step)| {
        let over = step.is_delta() && left == 0;
        left -= usize::from(step.is_delta() && !over);
        over
    });
    if let Some(cut) = cut {
        let place = score[cut].0;
        score.truncate(cut);
        score.push((place, Step::Close));
        score.push((place, Step::Finish));
    }
}
