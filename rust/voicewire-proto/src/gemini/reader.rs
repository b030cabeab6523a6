//! Step "message → event": what an event takes from its message.

use std::time::Instant;

use crate::event::{Body, Event};
use crate::message::{Message, Text};

/// One message and when it came; without one, what follows from the time.
pub(super) struct Reader<'m> {
    pub(super) message: Option<&'m Message>,
    pub(super) wire_type: Text,
    pub(super) now: Instant,
}

impl Reader<'_> {
    pub(super) fn ours(now: Instant) -> Self {
        Self { message: None, wire_type: Text::None, now }
    }

    pub(super) fn event(&self, body: Body) -> Event {
        Event { message: self.message.cloned(), wire_type: self.wire_type.clone(), ..Event::ours(body, self.now) }
    }

    /// The span of a string that was borrowed from the message.
    pub(super) fn text(&self, text: &str) -> Text {
        let message = self.message.map_or(&[][..], Message::as_bytes);
        let start = (text.as_ptr() as usize).wrapping_sub(message.as_ptr() as usize);
        match (u32::try_from(start), u32::try_from(start.wrapping_add(text.len()))) {
            (Ok(from), Ok(to)) if message.get(start..start.wrapping_add(text.len())) == Some(text.as_bytes()) => {
                Text::Span { start: from, end: to }
            }
            _ => Text::owned(text),
        }
    }
}
