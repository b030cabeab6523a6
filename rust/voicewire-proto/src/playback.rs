//! What the listener has heard of each item: reported by a player, else estimated from the clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Items that have audio, in the order in which they play.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    items: VecDeque<Item>,
    /// Responses so far.
    responses: u64,
}

/// What a listener has heard of the item that plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) item_id: String,
    pub(crate) content_index: i64,
    /// Milliseconds heard, at most those received.
    pub(crate) ms: u64,
    /// Whether that is a guess from the clock.
    pub(crate) estimated: bool,
    /// Whether enough of it is unheard to cut it there.
    pub(crate) worth_cutting: bool,
}

#[derive(Debug)]
struct Item {
    id: String,
    /// Number of the response that it began in.
    response: u64,
    content_index: i64,
    /// When all that has come of it is played, if a player plays in order and pauses only where nothing is there.
    ends: Instant,
    samples: u64,
    sample_rate: u32,
    reported: Option<u64>,
    interrupted: bool,
}

/// Items remembered; a turn has one or two.
const REMEMBERED: usize = 32;

/// A clock that nobody reports to may be off by a player's buffer: what is shorter than this counts as heard.
const DOUBT: Duration = Duration::from_millis(200);

impl Playback {
    /// Audio of an item has come. Services without ids have one item that is never told apart.
    pub(crate) fn received(
        &mut self,
        item_id: Option<&str>,
        content_index: Option<i64>,
        samples: usize,
        sample_rate: u32,
        now: Instant,
    ) {
        let id = item_id.unwrap_or_default();
        let queued = self.items.iter().map(|item| item.ends).max().map_or(now, |ends| ends.max(now));
        let ends = queued + duration(samples as u64, sample_rate);
        if let Some(item) = self.items.iter_mut().rev().find(|item| item.id == id) {
            item.samples += samples as u64;
            item.ends = ends;
            return;
        }
        if self.items.len() == REMEMBERED {
            self.items.pop_front();
        }
        self.items.push_back(Item {
            id: id.to_owned(),
            response: self.responses,
            content_index: content_index.unwrap_or_default(),
            ends,
            samples: samples as u64,
            sample_rate,
            reported: None,
            interrupted: false,
        });
    }

    /// A response began: audio without an item id belongs to that one from here on.
    pub(crate) fn response_began(&mut self) {
        self.items.retain(|item| !item.id.is_empty());
        self.responses += 1;
    }

    /// A player says how many samples of an item were heard so far.
    pub(crate) fn report(&mut self, item_id: &str, samples: u64) {
        if let Some(item) = self.items.iter_mut().rev().find(|item| item.id == item_id) {
            item.reported = Some(item.reported.map_or(samples, |known| known.max(samples)));
        }
    }

    /// What of the playing item was heard at `now`; None where nothing plays. While a response `is_active`, its newest
    /// item counts as playing even where all that came of it was heard. The items behind it count as unheard, and all of
    /// them as interrupted: each is told once.
    pub(crate) fn interrupt(&mut self, now: Instant, is_active: bool) -> Option<Heard> {
        let newest = |item: &Item| is_active && item.response == self.responses;
        let playing = self.items.iter().position(|item| !item.interrupted && !item.is_over(now));
        let at = playing.or_else(|| self.items.iter().rposition(|item| !item.interrupted && newest(item)))?;
        let heard = self.items[at].heard(now);
        self.silence(now);
        if heard.worth_cutting {
            // From here on the server has no more of it than that.
            let item = &mut self.items[at];
            item.samples = item.samples.min(heard.ms * u64::from(item.sample_rate) / 1000);
        }
        Some(heard)
    }

    /// Whether something that came is unheard at `now`.
    pub(crate) fn is_playing(&self, now: Instant) -> bool {
        self.items.iter().any(|item| !item.interrupted && !item.is_over(now))
    }

    /// When all that came is played, as far as the clock knows.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.items.iter().filter(|item| !item.interrupted).map(|item| item.ends).max()
    }

    /// Nothing of what has come plays on: what comes next plays at once.
    pub(crate) fn silence(&mut self, now: Instant) {
        for item in &mut self.items {
            item.interrupted = true;
            item.ends = item.ends.min(now);
        }
    }

    /// `ms` clamped to what was received of the item; None for an item without audio.
    pub(crate) fn clamp(&self, item_id: &str, ms: u64) -> Option<(i64, u64)> {
        let item = self.items.iter().rev().find(|item| item.id == item_id)?;
        Some((item.content_index, ms.min(item.received_ms())))
    }
}

impl Item {
    fn received_ms(&self) -> u64 {
        self.samples * 1000 / u64::from(self.sample_rate)
    }

    /// Whether all of it was heard.
    fn is_over(&self, now: Instant) -> bool {
        match self.reported {
            Some(samples) => samples >= self.samples,
            None => now >= self.ends,
        }
    }

    fn heard(&self, now: Instant) -> Heard {
        let played = match self.reported {
            Some(samples) => duration(samples.min(self.samples), self.sample_rate),
            None => duration(self.samples, self.sample_rate).saturating_sub(self.ends.saturating_duration_since(now)),
        };
        let (ms, estimated) = (played.as_millis() as u64, self.reported.is_none());
        let unheard = Duration::from_millis(self.received_ms().saturating_sub(ms));
        let worth_cutting =
            ms > 0 && !self.id.is_empty() && if estimated { unheard > DOUBT } else { !unheard.is_zero() };
        Heard { item_id: self.id.clone(), content_index: self.content_index, ms, estimated, worth_cutting }
    }
}

fn duration(samples: u64, sample_rate: u32) -> Duration {
    Duration::from_nanos(samples.saturating_mul(1_000_000_000) / u64::from(sample_rate.max(1)))
}
