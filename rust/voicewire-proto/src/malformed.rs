//! Step "message → event": the report of a message that cannot be read.

use std::time::Instant;

use crate::error::{Error, Malformed};
use crate::event::{Body, Event};
use crate::message::Message;
use crate::secret::Secrets;

/// The event that reports a message that cannot be read; the session goes on.
pub(crate) fn malformed(secrets: &Secrets, kind: Malformed, problem: &str, source: &Message, now: Instant) -> Event {
    let excerpt = escaped(&secrets.masked_start(source.as_bytes(), EXCERPT_BYTES));
    let error = Box::new(Error::Malformed { kind, message: secrets.mask(problem), excerpt });
    Event::ours(Body::Error { error, fatal: false }, now)
}

/// A text with control characters and backslashes escaped, at most 4 KiB of it.
fn escaped(start: &str) -> String {
    let mut text = String::new();
    for letter in start.chars() {
        let length = text.len();
        if letter.is_control() || letter == '\\' {
            text.extend(letter.escape_default());
        } else {
            text.push(letter);
        }
        if text.len() > EXCERPT_BYTES {
            text.truncate(length);
            break;
        }
    }
    text
}

const EXCERPT_BYTES: usize = 4096;
