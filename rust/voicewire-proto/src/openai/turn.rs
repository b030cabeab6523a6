//! What the decoder remembers of the running conversation.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The responses and the audio that are under way.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The default-conversation response in progress.
    active: Option<String>,
    /// Responses whose late audio is dropped, newest last.
    cancelled: VecDeque<String>,
    /// Responses whose odd audio byte has been reported.
    odd_reported: VecDeque<String>,
    /// Names of the tools behind open calls, for dialects that tell them only at the start.
    call_names: VecDeque<(String, String)>,
    playback: Option<Playback>,
}

/// The audio item that is being played, on the assumption that it plays without gaps from its first delta on.
#[derive(Debug)]
struct Playback {
    item_id: String,
    started: Instant,
    samples: u64,
    sample_rate: u32,
    interrupted: bool,
}

/// Ids remembered of each sort.
const REMEMBERED: usize = 32;

impl Turns {
    pub(super) fn response_created(&mut self, response_id: &str) {
        self.active = Some(response_id.to_owned());
    }

    pub(super) fn response_done(&mut self, response_id: Option<&str>) {
        if response_id.is_none() || self.active.as_deref() == response_id {
            self.active = None;
        }
    }

    /// Whether a response of the default conversation is in progress.
    pub(super) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Marks the active response: audio of it that still comes is late.
    pub(super) fn cancel_active(&mut self) {
        if let Some(id) = self.active.clone() {
            remember(&mut self.cancelled, id);
        }
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

    pub(super) fn call_added(&mut self, call_id: &str, name: &str) {
        remember(&mut self.call_names, (call_id.to_owned(), name.to_owned()));
    }

    pub(super) fn call_name(&self, call_id: &str) -> Option<&str> {
        self.call_names.iter().rev().find(|(id, _)| id == call_id).map(|(_, name)| name.as_str())
    }

    pub(super) fn audio(&mut self, item_id: Option<&str>, samples: usize, sample_rate: u32, now: Instant) {
        let item_id = item_id.unwrap_or_default();
        match &mut self.playback {
            Some(playback) if playback.item_id == item_id => playback.samples += samples as u64,
            _ => {
                let (item_id, samples) = (item_id.to_owned(), samples as u64);
                self.playback = Some(Playback { item_id, started: now, samples, sample_rate, interrupted: false });
            }
        }
    }

    /// The item that the user spoke over at `now` and how much of it had been heard, told once per item.
    pub(super) fn interrupt(&mut self, now: Instant) -> Option<(String, i64)> {
        let active = self.active.is_some();
        let playback = self.playback.as_mut().filter(|playback| !playback.interrupted)?;
        let elapsed = now.saturating_duration_since(playback.started);
        let length = Duration::from_secs_f64(playback.samples as f64 / f64::from(playback.sample_rate));
        if elapsed >= length && !active {
            return None;
        }
        playback.interrupted = true;
        let heard = elapsed.min(length).as_millis() as i64;
        Some((playback.item_id.clone(), heard))
    }
}

fn remember<T>(list: &mut VecDeque<T>, value: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(value);
}
