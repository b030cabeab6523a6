//! Ids of events, items and responses: a prefix and 21 base62 characters from a seeded generator; used by every event.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Deterministic source of ids and padding (SplitMix64: small, and good enough for names).
#[derive(Debug)]
pub(crate) struct Ids {
    state: u64,
}

impl Ids {
    /// Ids of the `stream`-th connection of a simulator seeded with `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut mixer = Ids { state: seed };
        let offset = mixer.next_u64();
        Ids { state: offset ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93) }
    }

    /// An id as `event_E6U0…`: prefix, underscore, 21 characters.
    pub(crate) fn make(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.text(21))
    }

    /// The id of a tool call: 16 characters.
    pub(crate) fn call(&mut self) -> String {
        format!("call_{}", self.text(16))
    }

    /// Padding that hides the length of a text delta.
    pub(crate) fn obfuscation(&mut self, delta: &str) -> String {
        let length = 16usize.saturating_sub(delta.len()).max(1);
        self.text(length)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn text(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(ALPHABET[(self.next_u64() >> 32) as usize % ALPHABET.len()])).collect()
    }
}
