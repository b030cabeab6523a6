//! The edge between connection and session: the session speaks GA, the client its own dialect.

mod beta;
mod beta_schema;
mod flavour;
mod qwen;
mod voice_live;
mod words;
mod xai;
mod xai_schema;

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use crate::event::ErrorBody;
use crate::ids::Ids;
use crate::Dialect;

use beta::Beta;
use xai::Xai;

pub(crate) use beta_schema::{SESSION as BETA_SESSION, TRANSCRIPTION as BETA_TRANSCRIPTION};

/// Translates the events of one connection, both ways.
#[derive(Debug)]
pub(crate) struct Edge {
    translator: Translator,
    /// Translated events. One of the session's gives three at most, so this stays short.
    waiting: VecDeque<String>,
}

#[derive(Debug)]
enum Translator {
    Ga,
    Azure,
    Beta(Box<Beta>),
    Xai(Box<Xai>),
}

/// What becomes of a client's message.
#[derive(Debug)]
pub(crate) enum Inward {
    /// It is GA, or no JSON: the session judges it as it came.
    AsItCame,
    /// Its shape is right; this is what it means in GA.
    Checked(Value),
    /// Taken, and of no consequence.
    Ignored,
    /// The error, and the client's `event_id`.
    Refused(ErrorBody, Option<String>),
}

impl Edge {
    /// The edge of a session; `ids` number the events that the session does not know of.
    pub(crate) fn new(dialect: Dialect, ids: Ids, conversation_id: &str) -> Self {
        let beta = |flavour, ids| Translator::Beta(Box::new(Beta::new(flavour, ids, conversation_id)));
        let translator = match dialect {
            Dialect::Ga => Translator::Ga,
            Dialect::Azure => Translator::Azure,
            Dialect::Beta | Dialect::AzurePreview => beta(&flavour::OPENAI, ids),
            Dialect::VoiceLive => beta(&flavour::VOICE_LIVE, ids),
            Dialect::Qwen => beta(&flavour::QWEN, ids),
            Dialect::Xai => Translator::Xai(Box::new(Xai::new(ids, conversation_id))),
        };
        Edge { translator, waiting: VecDeque::new() }
    }

    /// Read a client's message.
    pub(crate) fn receive(&mut self, text: &str) -> Inward {
        let result = match &mut self.translator {
            Translator::Ga | Translator::Azure => return Inward::AsItCame,
            Translator::Beta(beta) => parse(text).map(|event| (beta.receive(&event), event)),
            Translator::Xai(xai) => parse(text).map(|event| (xai.receive(&event), event)),
        };
        match result {
            None => Inward::AsItCame,
            Some((Ok(Some(event)), _)) => Inward::Checked(event),
            Some((Ok(None), _)) => Inward::Ignored,
            Some((Err(error), event)) => Inward::Refused(error, event["event_id"].as_str().map(str::to_owned)),
        }
    }

    /// Learn what the session did with what `receive` made of the last message; its error in the client's words.
    pub(crate) fn settle(&mut self, result: Result<(), ErrorBody>) -> Option<ErrorBody> {
        let error = result.err();
        match &mut self.translator {
            Translator::Beta(beta) => beta.settle(error.is_none()),
            Translator::Xai(xai) => xai.settle(error.is_none()),
            Translator::Ga | Translator::Azure => return error,
        }
        error.map(words::error_in_beta)
    }

    /// Translate an event of the session; `poll` gives what came of it.
    pub(crate) fn push(&mut self, event: String, unix_ms: u64) {
        match &mut self.translator {
            Translator::Ga => self.waiting.push_back(event),
            Translator::Azure => self.waiting.push_back(double_part(event)),
            Translator::Beta(beta) => beta.translate(event, &mut self.waiting),
            Translator::Xai(xai) => xai.translate(&event, unix_ms, &mut self.waiting),
        }
    }

    /// Take the next event for the client.
    pub(crate) fn poll(&mut self) -> Option<String> {
        self.waiting.pop_front()
    }
}

/// What a session of a dialect begins with, as an update in GA; null where GA's defaults are right.
pub(crate) fn starting_settings(dialect: Dialect) -> Value {
    match dialect {
        Dialect::Qwen => qwen::starting_settings(),
        Dialect::Xai => xai::starting_settings(),
        _ => Value::Null,
    }
}

/// A beta session as a GA update of this type, and the fields that GA has no place for.
pub(crate) fn beta_in_ga(kind: &str, session: &Value) -> (Value, Map<String, Value>) {
    words::settings_in_ga(kind, session, &flavour::OPENAI)
}

/// A GA session in beta, with the fields that GA has no place for.
pub(crate) fn ga_in_beta(session: &Value, extras: Map<String, Value>) -> Value {
    let mut fields = Map::new();
    if let Value::Object(defaults) = (flavour::OPENAI.extras)() {
        fields.extend(defaults);
    }
    fields.extend(extras);
    words::session_in_beta(session, &fields, &flavour::OPENAI)
}

/// Transcripts so far of services that tell them whole each time.
#[derive(Debug, Default)]
struct Heard {
    texts: HashMap<String, String>,
}

impl Heard {
    /// Add a delta; all that was heard of the item.
    fn grow(&mut self, item_id: &str, delta: &str) -> &str {
        let text = self.texts.entry(item_id.to_owned()).or_default();
        *text += delta;
        text
    }

    fn end(&mut self, item_id: &str) {
        self.texts.remove(item_id);
    }
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Azure tells a content part twice, as `part` and as `content`.
fn double_part(event: String) -> String {
    if !event.starts_with(r#"{"type":"response.content_part."#) {
        return event;
    }
    let Some(Value::Object(mut fields)) = parse(&event) else {
        return event;
    };
    if let Some(part) = fields.get("part").cloned() {
        fields.insert("content".to_owned(), part);
    }
    Value::Object(fields).to_string()
}

/// An event that the session does not know of.
fn extra_event(kind: &str, ids: &mut Ids, fields: Value) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("type".to_owned(), kind.into());
    event.insert("event_id".to_owned(), ids.make("event").into());
    if let Value::Object(fields) = fields {
        event.extend(fields);
    }
    event
}
