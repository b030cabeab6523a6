//! Shapes of client JSON and the strict check against them: between the message and the event.
//!
//! The service refuses a whole event for one unknown field; so does this.

use serde_json::Value;

use crate::event::ErrorBody;

/// What a JSON value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Any JSON.
    Any,
    Boolean,
    /// Any string.
    Text,
    /// A string of at most so many characters.
    Short(usize),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A whole number in a range, ends included.
    Integer(i64, i64),
    /// A number in a range, ends included.
    Number(f64, f64),
    List(&'static Shape),
    /// An object of any keys.
    Map(&'static Shape),
    /// An object of these keys only.
    Object(&'static [Field]),
    /// An object whose `type` (or other key) picks its fields; without the key the first variant is meant.
    Tagged(&'static str, &'static [(&'static str, &'static [Field])]),
    /// The first shape of the value's own kind (string, number, object …).
    Either(&'static [Shape]),
    /// The shape or null.
    Nullable(&'static Shape),
}

/// A key of an object.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// A key that may be absent.
pub(crate) const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

/// A key that must be present.
pub(crate) const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

impl Shape {
    /// Check a value; `path` is its parameter name, as `session.audio`.
    pub(crate) fn check(&self, path: &str, value: &Value) -> Result<(), ErrorBody> {
        match (self, value) {
            (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) | (Shape::Text, Value::String(_)) => Ok(()),
            (Shape::Nullable(_), Value::Null) => Ok(()),
            (Shape::Nullable(shape), _) => shape.check(path, value),
            (Shape::Short(limit), Value::String(text)) => check_length(path, text, *limit),
            (Shape::Word(words), Value::String(text)) => check_word(path, text, words),
            (Shape::Integer(low, high), Value::Number(number)) => match number.as_i64() {
                Some(whole) => check_range(path, whole as f64, *low as f64, *high as f64),
                None => Err(wrong_kind(path, self, value)),
            },
            (Shape::Number(low, high), Value::Number(number)) => {
                check_range(path, number.as_f64().unwrap_or(f64::NAN), *low, *high)
            }
            (Shape::List(shape), Value::Array(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| shape.check(&format!("{path}[{index}]"), item))
            }
            (Shape::Map(shape), Value::Object(entries)) => {
                entries.iter().try_for_each(|(key, value)| shape.check(&format!("{path}.{key}"), value))
            }
            (Shape::Object(fields), Value::Object(_)) => check_fields(path, value, fields),
            (Shape::Tagged(tag, variants), Value::Object(_)) => check_tagged(path, value, tag, variants),
            (Shape::Either(shapes), _) => match shapes.iter().find(|shape| shape.is_kind_of(value)) {
                Some(shape) => shape.check(path, value),
                None => Err(wrong_kind(path, self, value)),
            },
            _ => Err(wrong_kind(path, self, value)),
        }
    }

    fn is_kind_of(&self, value: &Value) -> bool {
        match self {
            Shape::Any => true,
            Shape::Boolean => value.is_boolean(),
            Shape::Text | Shape::Short(_) | Shape::Word(_) => value.is_string(),
            Shape::Integer(..) | Shape::Number(..) => value.is_number(),
            Shape::List(_) => value.is_array(),
            Shape::Map(_) | Shape::Object(_) | Shape::Tagged(..) => value.is_object(),
            Shape::Either(shapes) => shapes.iter().any(|shape| shape.is_kind_of(value)),
            Shape::Nullable(shape) => value.is_null() || shape.is_kind_of(value),
        }
    }

    fn kind(&self) -> String {
        match self {
            Shape::Any => "any value".to_owned(),
            Shape::Boolean => "a boolean".to_owned(),
            Shape::Text | Shape::Short(_) | Shape::Word(_) => "a string".to_owned(),
            Shape::Integer(..) => "an integer".to_owned(),
            Shape::Number(..) => "a number".to_owned(),
            Shape::List(_) => "an array".to_owned(),
            Shape::Map(_) | Shape::Object(_) | Shape::Tagged(..) => "an object".to_owned(),
            Shape::Either(shapes) => shapes.iter().map(Shape::kind).collect::<Vec<_>>().join(" or "),
            Shape::Nullable(shape) => format!("{} or null", shape.kind()),
        }
    }
}

/// The type of a client event whose shape is right.
pub(crate) fn check_event<'a>(event: &'a Value, events: &[(&'static str, &[Field])]) -> Result<&'a str, ErrorBody> {
    let Value::String(kind) = &event["type"] else {
        return Err(missing("type"));
    };
    match events.iter().find(|(name, _)| name == kind) {
        Some((_, fields)) => check_fields("", event, fields).map(|()| kind.as_str()),
        None => Err(unknown_word("type", kind, events.iter().map(|(name, _)| *name))),
    }
}

/// Check an object's keys. The first problem found is told: unknown keys in their order, then missing ones.
pub(crate) fn check_fields(path: &str, value: &Value, fields: &[Field]) -> Result<(), ErrorBody> {
    let Value::Object(entries) = value else {
        return Err(wrong_kind(path, &Shape::Map(&Shape::Any), value));
    };
    for (key, value) in entries {
        let field_path = join(path, key);
        match fields.iter().find(|field| field.name == key) {
            Some(field) => field.shape.check(&field_path, value)?,
            None => {
                let message = format!("Unknown parameter: '{field_path}'.");
                return Err(ErrorBody::invalid("unknown_parameter", &message).about(&field_path));
            }
        }
    }
    match fields.iter().find(|field| field.required && !entries.contains_key(field.name)) {
        Some(field) => Err(missing(&join(path, field.name))),
        None => Ok(()),
    }
}

pub(crate) fn missing(path: &str) -> ErrorBody {
    ErrorBody::invalid("missing_required_parameter", &format!("Missing required parameter: '{path}'.")).about(path)
}

pub(crate) fn unknown_word<'a>(path: &str, text: &str, words: impl Iterator<Item = &'a str>) -> ErrorBody {
    let words: Vec<_> = words.map(|word| format!("'{word}'")).collect();
    let message = format!("Invalid value: '{text}'. Supported values are: {}.", words.join(", "));
    ErrorBody::invalid("invalid_value", &message).about(path)
}

fn check_tagged(path: &str, value: &Value, tag: &str, variants: &[(&str, &'static [Field])]) -> Result<(), ErrorBody> {
    let tag_path = join(path, tag);
    match &value[tag] {
        Value::Null => variants.first().map_or(Ok(()), |(_, fields)| check_fields(path, value, fields)),
        Value::String(name) => match variants.iter().find(|(variant, _)| variant == name) {
            Some((_, fields)) => check_fields(path, value, fields),
            None => Err(unknown_word(&tag_path, name, variants.iter().map(|(variant, _)| *variant))),
        },
        other => Err(wrong_kind(&tag_path, &Shape::Text, other)),
    }
}

fn check_word(path: &str, text: &str, words: &[&'static str]) -> Result<(), ErrorBody> {
    if words.contains(&text) {
        return Ok(());
    }
    Err(unknown_word(path, text, words.iter().copied()))
}

fn check_length(path: &str, text: &str, limit: usize) -> Result<(), ErrorBody> {
    let length = text.chars().count();
    if length <= limit {
        return Ok(());
    }
    let message = format!("Invalid '{path}': string too long. Expected at most {limit} characters, but got {length}.");
    Err(ErrorBody::invalid("invalid_value", &message).about(path))
}

fn check_range(path: &str, number: f64, low: f64, high: f64) -> Result<(), ErrorBody> {
    if (low..=high).contains(&number) {
        return Ok(());
    }
    let message = format!("Invalid '{path}': expected a value from {low} to {high}, but got {number}.");
    Err(ErrorBody::invalid("invalid_value", &message).about(path))
}

fn wrong_kind(path: &str, expected: &Shape, value: &Value) -> ErrorBody {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message = format!("Invalid type for '{path}': expected {}, but got {found} instead.", expected.kind());
    ErrorBody::invalid("invalid_type", &message).about(path)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
