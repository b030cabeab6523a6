//! Limits and timeouts of a session.

use std::time::Duration;

/// How much a session may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest message that is taken in, bytes.
    pub max_message_bytes: usize,
    /// Received events that wait for the application, bytes; beyond it the socket waits.
    pub inbox_bytes: usize,
    /// Encoded audio that waits for the socket, bytes; beyond it `send_audio` refuses.
    pub outbox_bytes: usize,
    /// Audio that is kept while there is no session, milliseconds; beyond it the oldest is dropped.
    pub input_ring_ms: u32,
    /// How deep a message may be nested, at most 128.
    pub json_depth: usize,
}

/// How a lost connection is replaced.
#[derive(Clone, Copy, Debug)]
pub struct Reconnect {
    /// Whether a first connection that does not come about is tried again as well.
    pub initial: bool,
    /// Attempts before giving up.
    pub max_attempts: u32,
    /// Time before giving up.
    pub max_elapsed: Duration,
    /// Before the first attempt.
    pub initial_delay: Duration,
    /// Before the second attempt; it doubles from there.
    pub min_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Share of a wait that is random, 0 to 1.
    pub jitter: f64,
    /// Three sessions in a row that lived shorter end it.
    pub min_session: Duration,
    /// What audio is sent again.
    pub replay_audio: ReplayAudio,
}

/// Audio that is sent again where a connection was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayAudio {
    /// All since the last turn that ended.
    #[default]
    Turn,
    /// What nothing proved read.
    Unproved,
    /// Nothing.
    None,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            initial: false,
            max_attempts: 8,
            max_elapsed: Duration::from_secs(60),
            initial_delay: Duration::ZERO,
            min_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(8),
            jitter: 1.0,
            min_session: Duration::from_secs(5),
            replay_audio: ReplayAudio::Turn,
        }
    }
}

/// How long a session waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a whole attempt to connect, up to the ready session.
    pub connect: Duration,
    /// For the peer's goodbye.
    pub close: Duration,
    /// Between pings; zero for none.
    pub ping_interval: Duration,
    /// For any sign of life after a ping.
    pub ping_timeout: Duration,
}
