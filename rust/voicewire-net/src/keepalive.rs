//! Finds out whether the peer is alive: any received byte counts, a ping asks for one.

use std::time::{Duration, Instant};

/// The state of the pings of one connection; knows no clock.
#[derive(Debug)]
pub(crate) struct Keepalive {
    interval: Duration,
    timeout: Duration,
    last_life: Instant,
    last_ping: Instant,
    /// Number and time of pings that have no answer, oldest first; bounded, since an unanswered one ends the session.
    open: Vec<(u64, Instant)>,
    count: u64,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Send a ping with this payload.
    Ping(u64),
    /// The peer is gone.
    Dead,
}

impl Keepalive {
    pub(crate) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self { interval, timeout, last_life: now, last_ping: now, open: Vec::new(), count: 0 }
    }

    /// Whether nobody wants pings.
    pub(crate) fn is_off(&self) -> bool {
        self.interval.is_zero()
    }

    /// Something was received.
    pub(crate) fn alive(&mut self, now: Instant) {
        self.last_life = now;
    }

    /// Takes in a pong; returns the round trip.
    pub(crate) fn pong(&mut self, payload: u64, now: Instant) -> Option<Duration> {
        let at = self.open.iter().position(|(number, _)| *number == payload)?;
        let (_, sent) = self.open[at];
        // An answer to a ping answers all before it.
        self.open.drain(..=at);
        Some(now.saturating_duration_since(sent))
    }

    /// Notes a ping that is sent now and returns its payload.
    pub(crate) fn ping(&mut self, now: Instant) -> u64 {
        self.count += 1;
        self.last_ping = now;
        if self.open.len() < 64 {
            self.open.push((self.count, now));
        }
        self.count
    }

    /// What is due at `now`.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if self.interval.is_zero() {
            return Due::Nothing;
        }
        if self.dead_at().is_some_and(|at| at <= now) {
            return Due::Dead;
        }
        if self.last_ping + self.interval <= now {
            return Due::Ping(self.ping(now));
        }
        Due::Nothing
    }

    /// When `due` is to be asked next.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        let ping = self.last_ping + self.interval;
        Some(self.dead_at().map_or(ping, |dead| dead.min(ping)))
    }

    /// When the peer counts as gone: the timeout after the oldest ping that nothing has followed.
    fn dead_at(&self) -> Option<Instant> {
        self.open.iter().map(|(_, sent)| *sent).find(|sent| *sent >= self.last_life).map(|sent| sent + self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_peer_is_dead_one_timeout_after_the_ping() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(5 * SECOND, 5 * SECOND, start);
        assert_eq!(keepalive.due(start + 4 * SECOND), Due::Nothing);
        assert_eq!(keepalive.due(start + 5 * SECOND), Due::Ping(1));
        assert_eq!(keepalive.due(start + 9 * SECOND), Due::Nothing);
        assert_eq!(keepalive.next(), Some(start + 10 * SECOND));
        assert_eq!(keepalive.due(start + 10 * SECOND), Due::Dead);
    }

    #[test]
    fn any_byte_is_life() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(5 * SECOND, 5 * SECOND, start);
        assert_eq!(keepalive.due(start + 5 * SECOND), Due::Ping(1));
        keepalive.alive(start + 6 * SECOND);
        assert_eq!(keepalive.due(start + 10 * SECOND), Due::Ping(2));
    }

    #[test]
    fn a_pong_tells_the_round_trip_and_answers_earlier_pings() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(5 * SECOND, 40 * SECOND, start);
        let first = keepalive.ping(start);
        let second = keepalive.ping(start + SECOND);
        assert_eq!(keepalive.pong(second, start + 3 * SECOND), Some(2 * SECOND));
        assert_eq!(keepalive.pong(first, start + 3 * SECOND), None);
    }
}
