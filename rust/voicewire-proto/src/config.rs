//! The neutral session configuration: one vocabulary, encoded by each dialect in its own words.

use serde_json::{Map, Value};
use thiserror::Error;

/// Options of a session in neutral words; only those that were given. An omitted one keeps the provider's default,
/// null switches the feature off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionConfig {
    options: Map<String, Value>,
}

/// An option that cannot be used as it is.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{problem}: {field}={value}")]
pub struct ConfigError {
    /// The option.
    pub field: String,
    /// Its value, as the user would write it; never a secret.
    pub value: String,
    /// What is wrong.
    pub problem: String,
}

impl ConfigError {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, value: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.into(), problem: problem.into() }
    }
}

impl SessionConfig {
    /// Takes a JSON object in neutral words.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown word or a value of the wrong type.
    pub fn from_options(options: Map<String, Value>) -> Result<Self, ConfigError> {
        for (field, value) in &options {
            let Some((_, shape)) = OPTIONS.iter().find(|(name, _)| name == field) else {
                return Err(ConfigError::new(field, value.to_string(), "unknown session option"));
            };
            if !value.is_null() && !shape.fits(value) {
                return Err(ConfigError::new(
                    field,
                    value.to_string(),
                    format!("session option is no {}", shape.name()),
                ));
            }
        }
        Ok(Self { options })
    }

    /// The option under `name`, where it was given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.options.get(name)
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.options.is_empty()
    }

    /// Names and values of what was given, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        OPTIONS.iter().filter_map(|(name, _)| self.options.get(*name).map(|value| (*name, value)))
    }

    /// Names of all options.
    pub fn names() -> impl Iterator<Item = &'static str> {
        OPTIONS.iter().map(|(name, _)| *name)
    }

    /// Takes over what `changes` gives and keeps the rest.
    pub fn merge(&mut self, changes: &Self) {
        for (name, value) in changes.iter() {
            self.options.insert(name.to_owned(), value.clone());
        }
    }
}

/// The JSON shape of an option.
enum Shape {
    Text,
    Flag,
    Number,
    List,
    Object,
    TextOrObject,
    TextOrNumber,
}

impl Shape {
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::TextOrObject => value.is_string() || value.is_object(),
            Self::TextOrNumber => value.is_string() || value.is_number(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Flag => "boolean",
            Self::Number => "number",
            Self::List => "list",
            Self::Object => "object",
            Self::TextOrObject => "string or object",
            Self::TextOrNumber => "string or number",
        }
    }
}

const OPTIONS: &[(&str, Shape)] = &[
    ("instructions", Shape::Text),
    ("voice", Shape::TextOrObject),
    ("modalities", Shape::List),
    ("turn_detection", Shape::Object),
    ("input_format", Shape::TextOrObject),
    ("output_format", Shape::TextOrObject),
    ("input_transcription", Shape::Object),
    ("noise_reduction", Shape::TextOrObject),
    ("tools", Shape::List),
    ("tool_choice", Shape::TextOrObject),
    ("parallel_tool_calls", Shape::Flag),
    ("language", Shape::Text),
    ("reasoning", Shape::TextOrObject),
    ("max_output_tokens", Shape::TextOrNumber),
    ("temperature", Shape::Number),
    ("speed", Shape::Number),
    ("history", Shape::List),
    ("truncation", Shape::TextOrObject),
    ("metadata", Shape::Object),
    ("extra", Shape::Object),
];
