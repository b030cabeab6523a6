//! Ids of events, items and responses: a prefix and 21 base62 characters from a seeded generator; used by every event.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Deterministic source of ids and padding (SplitMix64: small, and good enough for names).
#[derive(Debug)]
pub(crate) struct Ids {
    state: u64,
    style: Style,
}

/// How ids look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// As `item_E6U0…`.
    Prefixed,
    /// As `2f0a59cc-7868-43a7-9cab-03759fe911c6`.
    Uuid,
}

impl Ids {
    /// Ids of the `stream`-th connection of a simulator seeded with `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut mixer = Ids { state: seed, style: Style::Prefixed };
        let offset = mixer.next_u64();
        Ids { state: offset ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93), style: Style::Prefixed }
    }

    /// Another source of the same style.
    pub(crate) fn branch(&self) -> Self {
        Ids { state: !self.state, style: self.style }
    }

    /// The same ids as UUIDs.
    pub(crate) fn into_uuids(mut self) -> Self {
        self.style = Style::Uuid;
        self
    }

    /// An id as `event_E6U0…`: prefix, underscore, 21 characters; or a UUID.
    pub(crate) fn make(&mut self, prefix: &str) -> String {
        match self.style {
            Style::Prefixed => format!("{prefix}_{}", self.text(21)),
            Style::Uuid => self.uuid(),
        }
    }

    /// The id of a tool call: 16 characters; or a UUID between `call-` and its number.
    pub(crate) fn call(&mut self) -> String {
        match self.style {
            Style::Prefixed => format!("call_{}", self.text(16)),
            Style::Uuid => format!("call-{}-0", self.uuid()),
        }
    }

    /// 32 hexadecimal digits, as of a secret.
    pub(crate) fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.next_u64(), self.next_u64())
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

    /// A UUID of version 4 (RFC 9562 section 5.4).
    fn uuid(&mut self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        let version = (high & 0x0fff) | 0x4000;
        let variant = (low >> 48 & 0x3fff) | 0x8000;
        format!(
            "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            low & 0xffff_ffff_ffff
        )
    }

    fn text(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(ALPHABET[(self.next_u64() >> 32) as usize % ALPHABET.len()])).collect()
    }
}
