//! What a session counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of a session; written by the I/O thread and the callers, read by anybody.
        #[derive(Debug, Default)]
        pub struct Stats { $($(#[$doc])* pub $name: Counter),* }

        impl Stats {
            /// Names and values.
            pub fn each(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get())),*]
            }
        }
    };
}

counters! {
    /// Payload bytes of received messages.
    bytes_in,
    /// Payload bytes of sent messages.
    bytes_out,
    /// Messages received.
    messages_in,
    /// Messages sent.
    messages_out,
    /// Events delivered.
    events,
    /// Pings sent.
    pings,
    /// Pongs received.
    pongs,
    /// Latest round trip of a ping, microseconds.
    rtt_us,
    /// From the first command that asks for a response to the first audio, microseconds.
    first_audio_us,
    /// Time for which a full inbox kept the socket waiting, microseconds.
    read_paused_us,
    /// Audio of the user that was dropped because there was no session, samples.
    audio_in_dropped,
    /// Audio of the model that came after its response was cancelled and was dropped, samples.
    audio_out_dropped,
    /// Connections that took the place of others.
    reconnects,
    /// Hz of those samples.
    audio_in_rate,
}

/// A number that many threads may touch.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// Replaces the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
