//! The simulated line: latency, slowness and stalls between the session's events and the socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Events on the line; more wait in the outbox.
const EVENT_LIMIT: usize = 64;
/// Bytes on the line; one event may go beyond.
const BYTE_LIMIT: usize = 1 << 20;
/// Between two events of a slow line.
const SLOW_GAP: Duration = Duration::from_millis(250);

/// Events on their way, each with the time of its arrival.
#[derive(Debug)]
pub(crate) struct Line {
    events: VecDeque<(Instant, String)>,
    bytes: usize,
    latency: Duration,
    last_arrival: Option<Instant>,
    sent: u64,
    slow: bool,
    stalled: bool,
}

impl Line {
    /// A line that delays each event by `latency`; the events of a burst arrive as a burst.
    pub(crate) fn new(latency: Duration) -> Self {
        Line { events: VecDeque::new(), bytes: 0, latency, last_arrival: None, sent: 0, slow: false, stalled: false }
    }

    pub(crate) fn push(&mut self, event: String, now: Instant) {
        let mut arrival = now + self.latency;
        if let Some(last) = self.last_arrival.filter(|_| self.slow) {
            arrival = arrival.max(last + SLOW_GAP);
        }
        self.last_arrival = Some(arrival);
        self.bytes += event.len();
        self.events.push_back((arrival, event));
    }

    /// Put an event before all others, without latency.
    pub(crate) fn push_front(&mut self, event: &str, now: Instant) {
        self.bytes += event.len();
        self.events.push_front((now, event.to_owned()));
    }

    /// Take the next event if it has arrived, and count it as sent.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<String> {
        self.events.front().filter(|(arrival, _)| *arrival <= now && !self.stalled)?;
        self.sent += 1;
        self.take()
    }

    /// Take the next event whether or not it has arrived.
    pub(crate) fn take(&mut self) -> Option<String> {
        let (_, event) = self.events.pop_front()?;
        self.bytes -= event.len();
        Some(event)
    }

    pub(crate) fn slow_down(&mut self) {
        self.slow = true;
    }

    pub(crate) fn stall(&mut self) {
        self.stalled = true;
    }

    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < EVENT_LIMIT && self.bytes < BYTE_LIMIT
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Events that left so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// The next arrival; one in the past waits for the socket and not for the clock.
    pub(crate) fn next_arrival(&self, now: Instant) -> Option<Instant> {
        let arrival = self.events.front().map(|(arrival, _)| *arrival)?;
        Some(arrival).filter(|arrival| *arrival > now && !self.stalled)
    }
}
