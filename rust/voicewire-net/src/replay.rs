//! Between "outbox" and "socket": audio that a cut may have swallowed, to be sent again on the next connection.
//!
//! Capacity is `Limits::input_ring_ms`: full, the oldest goes. Positions are samples since the connection began.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use voicewire_proto::{Body, ReceiptId};

use crate::settings::ReplayAudio;

/// Audio that was written on one connection, and how much of it is known to have been read. Knows no clock.
#[derive(Debug)]
pub(crate) struct Replay {
    policy: ReplayAudio,
    ring_ms: u32,
    sample_rate: u32,
    /// Messages and their samples, oldest first, up to `sent`.
    kept: VecDeque<(Bytes, usize)>,
    kept_samples: u64,
    sent: u64,
    /// Up to here the peer has read.
    proved: u64,
    /// Before this the user has ended a turn or taken it back, or the server has ended it.
    floor: u64,
    /// Ends of turns that the user asked for and nobody has confirmed, with their receipts.
    asked_ends: VecDeque<(ReceiptId, u64)>,
    /// Where the server heard the user stop.
    stopped: Option<u64>,
    /// Whether the user ends turns: the open one began at `floor`.
    by_hand: bool,
    /// Where the open turn began; None while nobody is known to speak.
    turn: Option<u64>,
    /// Number of the ping that asks, and what its answer proves.
    asked: Option<(u64, u64)>,
    asked_at: Option<Instant>,
}

/// How often the peer is asked what it has read, while audio flows.
const ASKING: Duration = Duration::from_secs(1);

/// Speech that nobody has told us of may have begun this long ago.
const ONSET_MS: u64 = 500;

/// The server tells of speech this long after it began, at most: its padding, its doubt and the way back.
const TOLD_LATE_MS: u64 = 3000;

impl Replay {
    pub(crate) fn new(policy: ReplayAudio, ring_ms: u32) -> Self {
        Self {
            policy,
            ring_ms,
            sample_rate: 0,
            kept: VecDeque::new(),
            kept_samples: 0,
            sent: 0,
            proved: 0,
            floor: 0,
            asked_ends: VecDeque::new(),
            stopped: None,
            by_hand: false,
            turn: None,
            asked: None,
            asked_at: None,
        }
    }

    /// Begins with a connection that has no audio yet; `by_hand` where the user ends turns.
    pub(crate) fn connected(&mut self, sample_rate: u32, by_hand: bool) {
        *self = Self { sample_rate, by_hand, ..Self::new(self.policy, self.ring_ms) };
    }

    /// Whether the user ends turns may change while a connection lives.
    pub(crate) fn set_by_hand(&mut self, by_hand: bool) {
        self.by_hand = by_hand;
    }

    /// Audio was written.
    pub(crate) fn written(&mut self, message: &Bytes, samples: usize) {
        self.sent += samples as u64;
        self.kept_samples += samples as u64;
        self.kept.push_back((message.clone(), samples));
        self.trim();
    }

    /// Whether anything is kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.policy != ReplayAudio::None
    }

    /// Whether the peer is to be asked with a ping what it has read; never while a question is open.
    pub(crate) fn asks(&self, now: Instant) -> bool {
        self.proved < self.sent && self.asked.is_none() && self.asked_at.is_none_or(|at| at + ASKING <= now)
    }

    /// A ping went out behind all that was written.
    pub(crate) fn asked(&mut self, number: u64, now: Instant) {
        self.asked = Some((number, self.sent));
        self.asked_at = Some(now);
    }

    /// A ping was answered, and with it all before it.
    pub(crate) fn answered(&mut self, number: u64) {
        if let Some((_, position)) = self.asked.filter(|(asked, _)| *asked <= number) {
            self.proved = position;
            self.asked = None;
            self.trim();
        }
    }

    /// Nobody asks, so that what was written counts as read.
    pub(crate) fn assume_read(&mut self) {
        self.proved = self.sent;
        self.trim();
    }

    /// The peer has read all that was written; of a turn that is open the next connection knows nothing.
    pub(crate) fn all_read(&mut self) {
        self.proved = self.sent;
        if self.turn.is_none() && !self.by_hand {
            self.turn_ended();
        }
    }

    /// The user asks for the end of a turn: its audio is needed until somebody has confirmed that.
    pub(crate) fn turn_ends(&mut self, receipt: ReceiptId) {
        self.asked_ends.push_back((receipt, self.sent));
    }

    /// A command has met its fate: where it ended a turn, the audio before is done with, unless it failed.
    pub(crate) fn settled(&mut self, receipt: ReceiptId, has_failed: bool) {
        let Some(at) = self.asked_ends.iter().position(|(asked, _)| *asked == receipt) else { return };
        let end = self.asked_ends.remove(at).map_or(0, |(_, end)| end);
        if !has_failed {
            self.floor = self.floor.max(end);
            self.trim();
        }
    }

    /// All turns of the user are over, or taken back.
    pub(crate) fn turn_ended(&mut self) {
        self.floor = self.sent;
        self.trim();
    }

    /// Takes note of what the server tells of the user's speech, where it is the one who ends turns.
    pub(crate) fn told(&mut self, body: &Body) {
        match body {
            _ if self.by_hand => {}
            Body::SpeechStarted(ms) => {
                let told = self.position(*ms);
                self.proved = self.proved.max(told.unwrap_or_default());
                self.turn = Some(told.unwrap_or(self.onset()));
            }
            Body::SpeechStopped(ms) => {
                self.stopped = self.position(*ms);
                self.proved = self.proved.max(self.stopped.unwrap_or_default());
            }
            Body::InputCommitted => {
                self.turn = None;
                // What the server made a turn of is done with.
                self.floor = self.floor.max(self.stopped.take().unwrap_or_default());
                self.trim();
            }
            _ => {}
        }
    }

    /// Takes the messages that are to be sent again, and their samples, oldest first.
    pub(crate) fn take(&mut self) -> VecDeque<(Bytes, usize)> {
        self.forget_before(self.needed_from());
        self.kept_samples = 0;
        std::mem::take(&mut self.kept)
    }

    /// Forgets what cannot be needed any more.
    fn trim(&mut self) {
        let slack =
            if self.policy == ReplayAudio::Turn { TOLD_LATE_MS * u64::from(self.sample_rate) / 1000 } else { 0 };
        self.forget_before(self.needed_from().saturating_sub(slack).max(self.floor));
    }

    fn forget_before(&mut self, position: u64) {
        let capacity = u64::from(self.ring_ms) * u64::from(self.sample_rate) / 1000;
        let oldest = position.max(self.sent.saturating_sub(capacity));
        while let Some(samples) = self.kept.front().map(|(_, samples)| *samples as u64) {
            if self.sent - self.kept_samples + samples > oldest {
                break;
            }
            self.kept_samples -= samples;
            self.kept.pop_front();
        }
    }

    fn needed_from(&self) -> u64 {
        let needed = match self.policy {
            ReplayAudio::Turn if self.by_hand => self.floor,
            ReplayAudio::Turn => self.proved.min(self.turn.unwrap_or(self.onset())),
            ReplayAudio::Unproved => self.proved,
            ReplayAudio::None => self.sent,
        };
        needed.max(self.floor)
    }

    /// The sample at which the server heard something; None where it does not tell, or tells of none that was sent.
    fn position(&self, ms: Option<i64>) -> Option<u64> {
        let told = ms.map(|ms| ms.max(0).unsigned_abs() * u64::from(self.sample_rate) / 1000);
        told.filter(|at| *at <= self.sent)
    }

    fn onset(&self) -> u64 {
        self.sent.saturating_sub(ONSET_MS * u64::from(self.sample_rate) / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;
    /// Samples of a chunk of 100 ms.
    const CHUNK: usize = 1600;

    fn replay(policy: ReplayAudio, by_hand: bool, chunks: u8) -> Replay {
        let mut replay = Replay::new(policy, 30_000);
        replay.connected(RATE, by_hand);
        write(&mut replay, 0..chunks);
        replay
    }

    fn write(replay: &mut Replay, chunks: std::ops::Range<u8>) {
        chunks.for_each(|chunk| replay.written(&Bytes::copy_from_slice(&[chunk]), CHUNK));
    }

    fn taken(replay: &mut Replay) -> Vec<u8> {
        replay.take().iter().map(|(message, _)| message[0]).collect()
    }

    #[test]
    fn what_no_pong_proved_is_sent_again() {
        let (mut replay, now) = (replay(ReplayAudio::Unproved, false, 3), Instant::now());
        assert!(replay.asks(now));
        replay.asked(7, now);
        write(&mut replay, 3..5);
        assert!(!replay.asks(now + 10 * ASKING));
        replay.answered(7);
        assert!(!replay.asks(now));
        assert!(replay.asks(now + ASKING));
        assert_eq!(taken(&mut replay), [3, 4]);
    }

    #[test]
    fn a_later_pong_proves_as_well_and_an_earlier_one_does_not() {
        let (mut replay, now) = (replay(ReplayAudio::Unproved, false, 3), Instant::now());
        replay.asked(7, now);
        replay.answered(6);
        assert_eq!(replay.needed_from(), 0);
        replay.answered(8);
        assert!(taken(&mut replay).is_empty());
    }

    #[test]
    fn the_last_half_second_is_sent_again_although_it_was_read() {
        let mut replay = replay(ReplayAudio::Turn, false, 20);
        replay.asked(1, Instant::now());
        replay.answered(1);
        assert_eq!(taken(&mut replay), [15, 16, 17, 18, 19]);
    }

    #[test]
    fn an_open_utterance_is_sent_again_from_its_start() {
        let mut replay = replay(ReplayAudio::Turn, false, 10);
        replay.told(&Body::SpeechStarted(Some(300)));
        write(&mut replay, 10..20);
        replay.asked(1, Instant::now());
        replay.answered(1);
        assert_eq!(taken(&mut replay)[0], 3);
    }

    #[test]
    fn an_utterance_that_was_told_late_is_sent_again_from_its_start() {
        let mut replay = replay(ReplayAudio::Turn, false, 20);
        replay.asked(1, Instant::now());
        replay.answered(1);
        write(&mut replay, 20..21);
        replay.told(&Body::SpeechStarted(Some(300)));
        assert_eq!(taken(&mut replay)[0], 3);
    }

    #[test]
    fn an_utterance_that_was_committed_is_not_sent_again() {
        let mut replay = replay(ReplayAudio::Turn, false, 10);
        replay.told(&Body::SpeechStarted(Some(300)));
        replay.told(&Body::InputCommitted);
        write(&mut replay, 10..20);
        replay.asked(1, Instant::now());
        replay.answered(1);
        assert_eq!(taken(&mut replay)[0], 15);
    }

    #[test]
    fn of_an_utterance_that_was_committed_nothing_is_sent_again_although_nothing_proved_it_read() {
        let mut replay = replay(ReplayAudio::Turn, false, 10);
        replay.told(&Body::SpeechStarted(Some(300)));
        replay.told(&Body::SpeechStopped(Some(800)));
        replay.told(&Body::InputCommitted);
        assert_eq!(taken(&mut replay), [8, 9]);
    }

    #[test]
    fn a_turn_whose_end_nobody_confirmed_is_sent_again() {
        let mut replay = replay(ReplayAudio::Turn, true, 2);
        replay.turn_ends(1);
        write(&mut replay, 2..4);
        replay.turn_ends(2);
        replay.settled(1, false);
        assert_eq!(replay.needed_from(), 2 * CHUNK as u64);
        replay.settled(2, true);
        assert_eq!(taken(&mut replay), [2, 3]);
    }

    #[test]
    fn a_turn_made_by_hand_is_sent_again_from_the_last_commit() {
        let mut replay = replay(ReplayAudio::Turn, true, 4);
        replay.turn_ended();
        write(&mut replay, 4..14);
        replay.told(&Body::InputCommitted);
        replay.asked(1, Instant::now());
        replay.answered(1);
        assert_eq!(taken(&mut replay), (4..14).collect::<Vec<_>>());
    }

    #[test]
    fn the_ring_bounds_what_is_kept() {
        let mut replay = Replay::new(ReplayAudio::Turn, 300);
        replay.connected(RATE, true);
        write(&mut replay, 0..10);
        assert_eq!(taken(&mut replay), [7, 8, 9]);
    }

    #[test]
    fn nothing_is_sent_again_where_nobody_wants_it_or_all_was_read() {
        assert!(taken(&mut replay(ReplayAudio::None, true, 4)).is_empty());
        let mut all_read = replay(ReplayAudio::Turn, false, 4);
        all_read.all_read();
        assert!(taken(&mut all_read).is_empty());
    }

    #[test]
    fn a_turn_that_is_open_is_sent_again_although_it_was_read() {
        let mut by_hand = replay(ReplayAudio::Turn, true, 4);
        by_hand.all_read();
        assert_eq!(taken(&mut by_hand), [0, 1, 2, 3]);

        let mut told = replay(ReplayAudio::Turn, false, 4);
        told.told(&Body::SpeechStarted(Some(200)));
        told.all_read();
        assert_eq!(taken(&mut told), [2, 3]);
    }
}
