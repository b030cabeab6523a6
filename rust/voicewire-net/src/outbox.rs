//! Step "outbox": commands and audio on their way to the socket, in the order of the calls.
//!
//! Commands are never dropped. Encoded audio is bounded by `Limits::outbox_bytes`: a full outbox refuses more. Audio that
//! comes while there is no session is kept as samples, bounded by `Limits::input_ring_ms`: a full ring drops the oldest
//! and counts it.

use std::collections::VecDeque;

use bytes::Bytes;
use thiserror::Error;
use voicewire_proto::{AudioEncoder, Command, CommandId, ReceiptId};

use crate::settings::Limits;

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Not connected yet.
    #[default]
    Idle,
    /// On the way.
    Connecting,
    /// Ready.
    Open,
    /// Saying goodbye.
    Closing,
    /// Over.
    Closed,
}

impl Phase {
    /// The public word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// Why something cannot be sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// There is no session that could take it.
    #[error("session is {}", .0.as_str())]
    NotConnected(Phase),
    /// Audio waits for the socket up to the limit.
    #[error("outbox is full: {waiting} of {limit} bytes wait for the socket")]
    Full {
        /// Bytes waiting.
        waiting: usize,
        /// The limit.
        limit: usize,
    },
}

/// Something to send.
#[derive(Debug)]
pub(crate) enum Entry {
    Command(Box<Command>, CommandId),
    /// A message, encoded by the caller, and its samples.
    Audio(Bytes, usize),
    /// An audio message that was written on a connection that was lost, and its samples.
    Again(Bytes, usize),
    /// Samples at the wire's rate, encoded once there is a session.
    Samples(Vec<i16>, AudioEncoder),
    Ping(ReceiptId),
    /// Settles when everything before it is written.
    Flushed(ReceiptId),
    Close,
}

/// What waits for the socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) phase: Phase,
    queue: VecDeque<Entry>,
    audio_bytes: usize,
    ring_samples: usize,
    pub(crate) encoder: AudioEncoder,
    limits: Limits,
}

impl Outbox {
    pub(crate) fn new(limits: Limits) -> Self {
        let encoder = AudioEncoder::new("", "", 24_000);
        Self { phase: Phase::Idle, queue: VecDeque::new(), audio_bytes: 0, ring_samples: 0, encoder, limits }
    }

    /// Takes audio from here on, for a session that wants it as `encoder` writes it.
    pub(crate) fn begin(&mut self, encoder: AudioEncoder) {
        self.phase = Phase::Connecting;
        self.encoder = encoder;
    }

    /// Appends an entry that is no audio.
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), SendError> {
        match self.phase {
            Phase::Closing | Phase::Closed => Err(SendError::NotConnected(self.phase)),
            _ => {
                self.queue.push_back(entry);
                Ok(())
            }
        }
    }

    /// Whether audio may be appended.
    pub(crate) fn admits_audio(&self) -> Result<(), SendError> {
        match self.phase {
            Phase::Connecting => Ok(()),
            Phase::Open if self.audio_bytes < self.limits.outbox_bytes => Ok(()),
            Phase::Open => Err(SendError::Full { waiting: self.audio_bytes, limit: self.limits.outbox_bytes }),
            phase => Err(SendError::NotConnected(phase)),
        }
    }

    /// Appends an encoded audio message.
    pub(crate) fn push_audio(&mut self, message: Bytes, samples: usize) {
        self.audio_bytes += message.len();
        self.queue.push_back(Entry::Audio(message, samples));
    }

    /// Puts audio before all else; it counts in no limit, since it is bounded where it comes from.
    pub(crate) fn push_again(&mut self, messages: impl DoubleEndedIterator<Item = (Bytes, usize)>) {
        messages.rev().for_each(|(message, samples)| self.queue.push_front(Entry::Again(message, samples)));
    }

    /// Keeps samples for the session to come; returns how many old ones were dropped for them.
    pub(crate) fn push_samples(&mut self, samples: &[i16]) -> usize {
        let encoder = self.encoder;
        match self.queue.back_mut() {
            Some(Entry::Samples(last, same)) if last.len() < BLOCK && same.sample_rate == encoder.sample_rate => {
                last.extend_from_slice(samples);
            }
            _ => self.queue.push_back(Entry::Samples(samples.to_vec(), encoder)),
        }
        self.ring_samples += samples.len();
        let capacity = (u64::from(self.limits.input_ring_ms) * u64::from(self.encoder.sample_rate) / 1000) as usize;
        let excess = self.ring_samples.saturating_sub(capacity);
        self.drop_oldest(excess);
        excess
    }

    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = self.queue.pop_front()?;
        match &entry {
            Entry::Audio(message, _) => self.audio_bytes -= message.len(),
            Entry::Samples(samples, _) => self.ring_samples -= samples.len(),
            _ => {}
        }
        Some(entry)
    }

    /// Empties the outbox; returns whose commands were never written.
    pub(crate) fn abandon(&mut self) -> Vec<ReceiptId> {
        let mut receipts = Vec::new();
        while let Some(entry) = self.pop() {
            match entry {
                Entry::Command(_, id) => receipts.push(id.receipt),
                Entry::Ping(receipt) | Entry::Flushed(receipt) => receipts.push(receipt),
                Entry::Audio(..) | Entry::Again(..) | Entry::Samples(..) | Entry::Close => {}
            }
        }
        receipts
    }

    pub(crate) fn audio_bytes(&self) -> usize {
        self.audio_bytes
    }

    fn drop_oldest(&mut self, mut excess: usize) {
        self.ring_samples -= excess;
        self.queue.retain_mut(|entry| match entry {
            Entry::Samples(samples, _) if excess > 0 => {
                let dropped = excess.min(samples.len());
                excess -= dropped;
                samples.drain(..dropped);
                !samples.is_empty()
            }
            _ => true,
        });
    }
}

/// Samples in a block of the ring; small blocks keep dropping cheap.
const BLOCK: usize = 24_000;
