//! What to answer: from a rule of the script, a forced tool, or the history; between the turn and the response.

use std::time::Duration;

use serde_json::{json, Map, Value};

use crate::conversation::Item;
use crate::script::Status;
use crate::sound::Sound;
use crate::stage::{Stage, Turn};

/// Quotes are cut to this many characters, so that an answer stays an answer.
const QUOTE_LIMIT: usize = 120;

/// The content of a response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) parts: Vec<Part>,
    pub(crate) delay: Duration,
    pub(crate) status: Status,
}

/// One output item.
#[derive(Debug)]
pub(crate) enum Part {
    Message { words: String, sound: Sound },
    Call { name: String, arguments: String },
}

/// What a reply is made from.
#[derive(Debug)]
pub(crate) struct Prompt<'a> {
    pub(crate) items: Vec<&'a Item>,
    /// Empty if the client gave none.
    pub(crate) instructions: &'a str,
    pub(crate) tools: &'a Value,
    pub(crate) tool_choice: &'a Value,
    /// Counts responses of the session from 1.
    pub(crate) number: u64,
}

impl Prompt<'_> {
    /// Compose the reply; uses up a rule that is to be used once.
    pub(crate) fn answer(&self, stage: &Stage) -> Reply {
        let words = self.heard();
        let turn = Turn {
            text: &words,
            audio: self.last_input().is_some_and(|item| item.is_user_message() && item.audio.is_some()),
            tool_output: self.tool_output().is_some(),
            number: self.number,
        };
        let Some(rule) = stage.choose(turn) else {
            let part = self.forced_call().unwrap_or_else(|| message(self.default_words()));
            return Reply { parts: vec![part], delay: Duration::ZERO, status: Status::Completed };
        };
        let mut parts = Vec::new();
        if rule.say.is_some() || rule.tools.is_empty() {
            let sound = rule.sound.clone().unwrap_or(Sound::Speech);
            let fallback = if matches!(sound, Sound::Echo) { words } else { self.default_words() };
            parts.push(Part::Message { words: rule.say.clone().unwrap_or(fallback), sound });
        }
        let calls = rule.tools.iter().cloned().map(|(name, arguments)| Part::Call { name, arguments });
        parts.extend(calls);
        Reply { parts, delay: Duration::from_millis(rule.delay_ms), status: rule.status }
    }

    /// The user's last audio.
    pub(crate) fn last_audio(&self) -> Option<&crate::conversation::Audio> {
        self.items.iter().rev().filter(|item| item.is_user_message()).find_map(|item| item.audio.as_ref())
    }

    fn last_input(&self) -> Option<&Item> {
        let is_input = |item: &&&Item| item.is_user_message() || item.kind() == "function_call_output";
        self.items.iter().rev().find(is_input).copied()
    }

    fn tool_output(&self) -> Option<&Item> {
        self.last_input().filter(|item| item.kind() == "function_call_output")
    }

    fn heard(&self) -> String {
        match self.last_input() {
            Some(item) if item.kind() == "function_call_output" => output_of(item).to_owned(),
            Some(item) => item.text(),
            None => String::new(),
        }
    }

    fn default_words(&self) -> String {
        let mut sentences = Vec::new();
        let mut said = self.items.iter().rev().filter(|item| item.is_user_message()).map(|item| item.text());
        match (self.tool_output(), said.next()) {
            (Some(output), _) => sentences.extend(self.tool_answers(output)),
            (None, Some(text)) => {
                sentences.push(format!("You said: {}", quote(&text)));
                sentences.extend(said.next().map(|text| format!("Before that you said: {}", quote(&text))));
            }
            (None, None) => sentences.push("Hello, this is the simulator.".to_owned()),
        }
        if !self.instructions.is_empty() {
            sentences.push(format!("My instructions are: {}", quote(self.instructions)));
        }
        sentences.join(" ")
    }

    /// All outputs since the assistant's last message: parallel calls are answered together.
    fn tool_answers(&self, last: &Item) -> Vec<String> {
        let newest = self.items.iter().rev().take_while(|item| item.kind() != "message");
        let outputs = newest.filter(|item| item.kind() == "function_call_output");
        let mut answers: Vec<_> = outputs.map(|item| self.tool_answer(item)).collect();
        answers.reverse();
        if answers.is_empty() {
            vec![self.tool_answer(last)]
        } else {
            answers
        }
    }

    fn tool_answer(&self, output: &Item) -> String {
        let call_id = &output.value["call_id"];
        let call = self.items.iter().find(|item| item.kind() == "function_call" && item.value["call_id"] == *call_id);
        let name = call.and_then(|item| item.value["name"].as_str()).unwrap_or("tool");
        format!("{name} answered: {}", quote(output_of(output)))
    }

    /// The call that `tool_choice` demands, with arguments made of the user's words.
    fn forced_call(&self) -> Option<Part> {
        let named = |name: &str| self.tools.as_array().into_iter().flatten().find(|tool| tool["name"] == name);
        let tool = match self.tool_choice {
            Value::String(choice) if choice == "required" => self.tools.get(0),
            Value::Object(choice) => choice.get("name").and_then(Value::as_str).and_then(named),
            _ => None,
        };
        let tool = tool.filter(|_| self.tool_output().is_none())?;
        Some(Part::Call {
            name: tool["name"].as_str()?.to_owned(),
            arguments: sample_arguments(&tool["parameters"], &self.heard()),
        })
    }
}

/// Words as the service cuts them: a leading space belongs to its word, punctuation stands alone.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut previous = rest.chars().next()?;
        let boundary = rest.char_indices().skip(1).find(|(_, character)| {
            let starts = character.is_whitespace() && !previous.is_whitespace();
            let stands = ".,;:!?".contains(*character) && previous.is_alphanumeric();
            previous = *character;
            starts || stands
        });
        let (piece, left) = rest.split_at(boundary.map_or(rest.len(), |(at, _)| at));
        rest = left;
        Some(piece)
    })
}

fn message(words: String) -> Part {
    Part::Message { words, sound: Sound::Speech }
}

fn output_of(item: &Item) -> &str {
    item.value["output"].as_str().unwrap_or_default()
}

fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTE_LIMIT).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    if !quoted.ends_with(['.', '!', '?', '…']) {
        quoted.push('.');
    }
    quoted
}

/// Values of the types that a JSON schema requires.
fn sample_arguments(schema: &Value, words: &str) -> String {
    let mut arguments = Map::new();
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let property = &schema["properties"][name];
        let value = match (property["enum"].get(0), property["type"].as_str()) {
            (Some(first), _) => first.clone(),
            (None, Some("integer" | "number")) => json!(1),
            (None, Some("boolean")) => json!(true),
            (None, Some("array")) => json!([]),
            (None, Some("object")) => json!({}),
            (None, _) => words.into(),
        };
        arguments.insert(name.to_owned(), value);
    }
    Value::Object(arguments).to_string()
}
