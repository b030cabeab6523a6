//! Timers that also work where nobody waits in the runtime: an event loop is told when to call again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, Timeout};

/// When a turn is due, to the next 4 ms: that many timers of many sessions share one turn.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// How many wait for each.
    slots: BTreeMap<u64, u32>,
}

const SLOT_MS: u64 = 4;

thread_local! {
    /// What was waited for in the turn that this thread is in; None outside of one.
    static NOTED: RefCell<Option<Deadlines>> = const { RefCell::new(None) };
}

/// Runs `turn` and adds the deadlines that it comes to wait for.
pub(crate) fn noting(deadlines: &mut Deadlines, turn: impl FnOnce()) {
    NOTED.set(Some(std::mem::take(deadlines)));
    turn();
    *deadlines = NOTED.take().unwrap_or_default();
}

impl Deadlines {
    /// The earliest.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.slots.first_key_value().map(|(slot, _)| epoch() + Duration::from_millis(slot * SLOT_MS))
    }

    /// Forgets those before `now`.
    pub(crate) fn pass(&mut self, now: Instant) {
        while self.next().is_some_and(|at| at <= now) {
            self.slots.pop_first();
        }
    }

    fn add(&mut self, at: Instant) {
        *self.slots.entry(slot(at)).or_default() += 1;
    }

    /// Takes back what `add` was told.
    fn remove(&mut self, at: Instant) {
        let slot = slot(at);
        if let Some(count) = self.slots.get_mut(&slot) {
            *count -= 1;
            if *count == 0 {
                self.slots.remove(&slot);
            }
        }
    }
}

/// Sleeps until `deadline`.
pub(crate) fn sleep_until(deadline: Instant) -> Sleep {
    note(deadline);
    tokio::time::sleep_until(deadline.into())
}

/// Sleeps for `duration`.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    sleep_until(Instant::now() + duration)
}

/// Moves the end of a sleep that was made here.
pub(crate) fn reset(sleep: &mut Pin<Box<Sleep>>, deadline: Instant) {
    let before = sleep.deadline().into_std();
    NOTED.with_borrow_mut(|noted| {
        if let Some(deadlines) = noted {
            deadlines.remove(before);
        }
    });
    note(deadline);
    sleep.as_mut().reset(deadline.into());
}

/// Gives `future` until `deadline`.
pub(crate) fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    note(deadline);
    tokio::time::timeout_at(deadline.into(), future)
}

/// Gives `future` that long.
pub(crate) fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    timeout_at(Instant::now() + duration, future)
}

fn note(deadline: Instant) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(deadlines) = noted {
            deadlines.add(deadline);
        }
    });
}

fn slot(at: Instant) -> u64 {
    // tokio's timers are up to 1 ms late: the turn must not come before them.
    let ms = at.saturating_duration_since(epoch()).as_millis() as u64 + 2;
    ms.div_ceil(SLOT_MS)
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_comes_behind_its_deadline_and_not_much_later() {
        let (mut deadlines, now) = (Deadlines::default(), Instant::now());
        let at = now + Duration::from_millis(50);
        deadlines.add(at);
        let next = deadlines.next().unwrap();
        assert!(next > at + Duration::from_millis(1) - Duration::from_micros(1));
        assert!(next < at + Duration::from_millis(2 + 2 * SLOT_MS));
    }

    #[test]
    fn deadlines_of_many_sessions_share_a_turn() {
        let (mut deadlines, now) = (Deadlines::default(), Instant::now());
        (0..10_000).for_each(|us| deadlines.add(now + Duration::from_micros(us)));
        assert!(deadlines.slots.len() < 10);
    }

    #[test]
    fn what_has_passed_is_forgotten() {
        let (mut deadlines, now) = (Deadlines::default(), Instant::now());
        deadlines.add(now + Duration::from_millis(10));
        deadlines.add(now + Duration::from_secs(1));
        deadlines.pass(now + Duration::from_millis(100));
        assert!(deadlines.next().unwrap() >= now + Duration::from_secs(1));
    }

    #[test]
    fn what_is_taken_back_is_waited_for_by_the_others_alone() {
        let (mut deadlines, at) = (Deadlines::default(), Instant::now() + Duration::from_secs(1));
        deadlines.add(at);
        deadlines.add(at);
        deadlines.remove(at);
        assert!(deadlines.next().is_some());
        deadlines.remove(at);
        deadlines.remove(at);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn outside_of_a_turn_nothing_is_noted() {
        note(Instant::now());
        let mut deadlines = Deadlines::default();
        noting(&mut deadlines, || {});
        assert_eq!(deadlines.next(), None);
    }
}
