//! Keeps keys and tokens out of everything that people read.

/// The secrets of a session: never shown, and masked in texts that a server sends.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Remembers `secret`; one of fewer than 6 characters would mask ordinary words and is left out.
    pub fn add(&mut self, secret: &str) {
        if secret.len() >= 6 && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
            self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// Remembers those of another session as well.
    pub fn extend(&mut self, other: &Self) {
        other.0.iter().for_each(|secret| self.add(secret));
    }

    /// The start of `bytes` as text, at least `length` of them where there are as many, without secrets: not even a part
    /// of one that the end cuts off.
    pub fn masked_start(&self, bytes: &[u8], length: usize) -> String {
        let longest = self.0.first().map_or(0, String::len);
        let start = &bytes[..bytes.len().min(length + longest)];
        let mut text = self.mask(&String::from_utf8_lossy(start));
        if start.len() < bytes.len() {
            let mut end = text.len().saturating_sub(longest);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        text
    }

    /// `text` with every secret replaced by `***`.
    pub fn mask(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), "***")
            } else {
                text
            }
        })
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}
