//! Step "message → event": reads the fields of a flat JSON object in place.
//!
//! [`scan`] walks the top level and returns spans. It accepts only what it can vouch for (a flat object of plain strings,
//! whole numbers, booleans and nulls) and gives up on everything else: nested values, escapes in keys or in strings it has
//! to return, repeated keys, fractions. [`Fields::read`] then asks serde_json, so both ways give equal fields.

use serde::Deserialize;
use serde_json::Value;

use crate::error::Malformed;
use crate::message::Text;

/// One field of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Field {
    /// The key is absent.
    #[default]
    Missing,
    /// A string.
    Str(Text),
    /// A whole number that fits 64 bits.
    Int(i64),
    /// Any other value: null, boolean, fraction, object, array.
    Other,
}

impl Field {
    /// The string, or none where the field is absent or something else.
    pub fn text(&self) -> Text {
        match self {
            Self::Str(text) => text.clone(),
            _ => Text::None,
        }
    }

    /// The number, or none where the field is absent or something else.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }
}

macro_rules! fields {
    ($($name:ident = $key:literal),* $(,)?) => {
        /// The top-level fields that events are made of.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Fields {
            $(#[doc = concat!("`", $key, "`")] pub $name: Field,)*
        }

        impl Fields {
            fn slot(&mut self, key: &[u8]) -> Option<&mut Field> {
                $(if key == $key.as_bytes() { return Some(&mut self.$name); })*
                None
            }

            fn from_object(object: &serde_json::Map<String, Value>) -> Self {
                Self { $($name: owned(object.get($key)),)* }
            }

            /// Names and values, for comparison in tests.
            pub fn each(&self) -> Vec<(&'static str, &Field)> {
                vec![$(($key, &self.$name),)*]
            }
        }
    };
}

fields! {
    kind = "type",
    delta = "delta",
    event_id = "event_id",
    response_id = "response_id",
    item_id = "item_id",
    content_index = "content_index",
    call_id = "call_id",
    name = "name",
    arguments = "arguments",
    transcript = "transcript",
    text = "text",
    audio_start_ms = "audio_start_ms",
    audio_end_ms = "audio_end_ms",
}

impl Fields {
    /// Reads the fields of `text`: by the scan, or by the full parser where the scan gives up.
    ///
    /// # Errors
    /// [`Malformed::BadJson`] where the text is no JSON, [`Malformed::TooDeep`] beyond `max_depth` levels,
    /// [`Malformed::BadEvent`] where it is no object.
    pub fn read(text: &[u8], max_depth: usize) -> Result<(Self, Option<Value>), (Malformed, String)> {
        if let Some(fields) = scan(text) {
            return Ok((fields, None));
        }
        let (fields, value) = Self::parse(text, max_depth)?;
        Ok((fields, Some(value)))
    }

    /// Reads the fields of `text` with the full parser.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub fn parse(text: &[u8], max_depth: usize) -> Result<(Self, Value), (Malformed, String)> {
        if depth(text) > max_depth {
            return Err((Malformed::TooDeep, format!("message is nested deeper than {max_depth} levels")));
        }
        let mut parser = serde_json::Deserializer::from_slice(text);
        // The depth is known; the parser's own limit is one level short of 128.
        parser.disable_recursion_limit();
        let value = Value::deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
        let value = value.map_err(|error| (Malformed::BadJson, format!("invalid JSON: {error}")))?;
        match &value {
            Value::Object(object) => Ok((Self::from_object(object), value)),
            _ => Err((Malformed::BadEvent, "event is not a JSON object".into())),
        }
    }
}

/// Reads the fields of a flat object, or None where only the full parser can tell.
pub fn scan(text: &[u8]) -> Option<Fields> {
    if text.len() > u32::MAX as usize {
        return None;
    }
    let mut walk = Walk { text, at: 0, unchecked: None };
    let mut fields = Fields::default();
    walk.skip_space();
    walk.expect(b'{')?;
    walk.skip_space();
    if walk.peek()? == b'}' {
        walk.at += 1;
    } else {
        loop {
            let (start, end) = walk.key()?;
            walk.skip_space();
            walk.expect(b':')?;
            walk.skip_space();
            let slot = fields.slot(&text[start..end]);
            walk.value(slot)?;
            walk.skip_space();
            match walk.next()? {
                b',' => walk.skip_space(),
                b'}' => break,
                _ => return None,
            }
        }
    }
    walk.skip_space();
    if walk.at != text.len() {
        return None;
    }
    walk.settle(&fields)?;
    Some(fields)
}

/// Whether the payload of this event is base64, so that its decoder sees every byte of it.
fn is_audio_delta(text: &[u8], kind: &Field) -> bool {
    let Field::Str(Text::Span { start, end }) = kind else { return false };
    matches!(&text[*start as usize..*end as usize], b"response.output_audio.delta" | b"response.audio.delta")
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// A long `delta` whose bytes nobody has looked at for control characters.
    unchecked: Option<(usize, usize)>,
}

impl Walk<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn key(&mut self) -> Option<(usize, usize)> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.next()? {
                b'"' => return Some((start, self.at - 1)),
                b'\\' | 0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn value(&mut self, slot: Option<&mut Field>) -> Option<()> {
        match self.peek()? {
            b'"' => {
                let is_delta =
                    self.text[..self.at].ends_with(b"\"delta\":") || self.text[..self.at].ends_with(b"\"delta\": ");
                let (start, end) = self.string(is_delta)?;
                let text = Text::Span { start: start as u32, end: end as u32 };
                fill(slot, Field::Str(text))
            }
            b'-' | b'0'..=b'9' => {
                let value = self.whole_number()?;
                fill(slot, Field::Int(value))
            }
            b't' => self.literal(b"true").and_then(|()| fill(slot, Field::Other)),
            b'f' => self.literal(b"false").and_then(|()| fill(slot, Field::Other)),
            b'n' => self.literal(b"null").and_then(|()| fill(slot, Field::Other)),
            _ => None,
        }
    }

    fn string(&mut self, may_defer: bool) -> Option<(usize, usize)> {
        self.expect(b'"')?;
        let start = self.at;
        let length = memchr::memchr2(b'"', b'\\', &self.text[start..])?;
        let end = start + length;
        if self.text[end] == b'\\' {
            return None;
        }
        self.at = end + 1;
        if may_defer && length > DEFER_ABOVE && self.unchecked.is_none() {
            self.unchecked = Some((start, end));
        } else if has_control(&self.text[start..end]) {
            return None;
        }
        Some((start, end))
    }

    fn whole_number(&mut self) -> Option<i64> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        let digits = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        let count = self.at - digits;
        let leading_zero = self.text.get(digits) == Some(&b'0');
        if count == 0 || count > 18 || (leading_zero && (count > 1 || digits > start)) {
            return None;
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        std::str::from_utf8(&self.text[start..self.at]).ok()?.parse().ok()
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    /// Looks at the bytes of a deferred delta, unless the base64 decoder will.
    fn settle(&self, fields: &Fields) -> Option<()> {
        let Some((start, end)) = self.unchecked else { return Some(()) };
        let is_the_delta = fields.delta == Field::Str(Text::Span { start: start as u32, end: end as u32 });
        if is_the_delta && is_audio_delta(self.text, &fields.kind) {
            return Some(());
        }
        (!has_control(&self.text[start..end])).then_some(())
    }
}

/// How deep a text is nested, strings left out; for what is no JSON, some number.
pub(crate) fn depth(text: &[u8]) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0usize, 0, false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn fill(slot: Option<&mut Field>, value: Field) -> Option<()> {
    match slot {
        Some(field @ Field::Missing) => *field = value,
        Some(_) => return None,
        None => {}
    }
    Some(())
}

fn has_control(bytes: &[u8]) -> bool {
    // No early exit: this form compiles to vector code.
    bytes.iter().fold(false, |found, &byte| found | (byte < 0x20))
}

fn owned(value: Option<&Value>) -> Field {
    match value {
        None => Field::Missing,
        Some(Value::String(text)) => Field::Str(Text::owned(text.as_str())),
        Some(Value::Number(number)) => number.as_i64().map_or(Field::Other, Field::Int),
        Some(_) => Field::Other,
    }
}

/// Deltas longer than this are audio in all likelihood: their bytes are looked at once, by the base64 decoder.
const DEFER_ABOVE: usize = 512;
