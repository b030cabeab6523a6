//! Step "message": the text of one WebSocket message and the spans of it that events refer to.

use bytes::Bytes;

/// The JSON text of one received message, shared by every event made from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message(Bytes);

impl Message {
    /// Wraps a text that the WebSocket layer has checked to be UTF-8.
    pub fn new(text: Bytes) -> Self {
        // A short message is a slice of a read buffer of many KiB: an event that is kept must not pin the whole of it.
        if text.len() < COPY_BELOW {
            Self(Bytes::copy_from_slice(&text))
        } else {
            Self(text)
        }
    }

    /// The bytes of the message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text under `text`; None for [`Text::None`].
    pub fn resolve<'a>(&'a self, text: &'a Text) -> Option<&'a str> {
        match text {
            Text::None => None,
            Text::Span { start, end } => std::str::from_utf8(self.0.get(*start as usize..*end as usize)?).ok(),
            Text::Owned(text) => Some(text),
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes)", self.0.len())
    }
}

/// A string of a message: a span of its text where it holds no escapes, so that a delta allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// The message has no such string.
    #[default]
    None,
    /// Bytes `start..end` of the message, free of escapes.
    Span {
        /// First byte.
        start: u32,
        /// One past the last byte.
        end: u32,
    },
    /// A string of its own: unescaped, or not from a message.
    Owned(Box<str>),
}

impl Text {
    /// A string that is not part of a message.
    pub fn owned(text: impl Into<Box<str>>) -> Self {
        Self::Owned(text.into())
    }

    /// Whether there is no string.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl From<Option<&str>> for Text {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::None, Self::owned)
    }
}

const COPY_BELOW: usize = 4096;
