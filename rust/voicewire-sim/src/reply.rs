//! What to answer: from a rule of the script, a forced tool, or the history; between the turn and the response.

use std::time::Duration;

use serde_json::{json, Map, Value};

use crate::conversation::Item;
use crate::mcp;
use crate::script::{Call, Failure, Status};
use crate::script_mcp::McpCall;
use crate::sound::Sound;
use crate::stage::{Stage, Turn};
use crate::Rule;

/// Quotes are cut to this many characters, so that an answer stays an answer.
const QUOTE_LIMIT: usize = 120;

/// The content of a response.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) parts: Vec<Part>,
    pub(crate) delay: Duration,
    pub(crate) status: Status,
    pub(crate) error: Option<Failure>,
    pub(crate) reason: Option<String>,
}

/// One output item.
#[derive(Debug)]
pub(crate) enum Part {
    Message {
        words: String,
        sound: Sound,
    },
    Call(Call),
    /// A call that the service makes itself, with the request that was approved for it.
    McpCall(McpCall, Option<String>),
    /// The question whether it may.
    Approval(McpCall),
}

/// What a reply is made from.
#[derive(Debug)]
pub(crate) struct Prompt<'a> {
    pub(crate) items: Vec<&'a Item>,
    /// Empty if the client gave none.
    pub(crate) instructions: &'a str,
    pub(crate) tools: &'a Value,
    pub(crate) tool_choice: &'a Value,
    /// Whether a response may hold more than one call.
    pub(crate) parallel: bool,
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
            let part = self.forced_call(stage).unwrap_or_else(|| message(self.default_words()));
            return Reply { parts: vec![part], ..Reply::default() };
        };
        let calls = self.calls_of(&rule);
        let mut parts = Vec::new();
        if rule.say.is_some() || calls.is_empty() {
            let sound = rule.sound.clone().unwrap_or(Sound::Speech);
            let fallback = if matches!(sound, Sound::Echo) { words } else { self.default_words() };
            parts.push(Part::Message { words: rule.say.clone().unwrap_or(fallback), sound });
        }
        parts.extend(calls);
        Reply {
            parts,
            delay: Duration::from_millis(rule.delay_ms),
            status: rule.status,
            error: rule.error.clone(),
            reason: rule.reason.clone(),
        }
    }

    /// The calls of a rule, as far as the client lets the model call.
    fn calls_of(&self, rule: &Rule) -> Vec<Part> {
        let limit = match (self.tool_choice.as_str(), self.parallel) {
            (Some("none"), _) => 0,
            (_, false) => 1,
            _ => usize::MAX,
        };
        let functions = rule.tools.iter().cloned().map(Part::Call);
        functions.chain(rule.mcp_calls.iter().cloned().map(|call| self.mcp_part(call))).take(limit).collect()
    }

    fn mcp_part(&self, call: McpCall) -> Part {
        if mcp::needs_approval(self.tools, &call) {
            Part::Approval(call)
        } else {
            Part::McpCall(call, None)
        }
    }

    /// The user's last audio.
    pub(crate) fn last_audio(&self) -> Option<&crate::conversation::Audio> {
        self.items.iter().rev().filter(|item| item.is_user_message()).find_map(|item| item.audio.as_ref())
    }

    fn last_input(&self) -> Option<&Item> {
        self.items.iter().rev().find(|item| item.is_input()).copied()
    }

    fn tool_output(&self) -> Option<&Item> {
        self.last_input().filter(|item| !item.is_user_message())
    }

    fn heard(&self) -> String {
        match self.last_input() {
            Some(item) if item.is_user_message() => item.text(),
            Some(item) => output_of(item).to_owned(),
            None => String::new(),
        }
    }

    fn default_words(&self) -> String {
        let mut sentences = Vec::new();
        let mut said = self.items.iter().rev().filter(|item| item.is_user_message()).map(|item| item.text());
        match (self.tool_output(), said.next()) {
            (Some(output), _) => sentences.extend(self.tool_answers(output)),
            (None, Some(text)) if text.is_empty() => sentences.push("Are you still there?".to_owned()),
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
        let outputs = newest.filter(|item| item.is_input() && item.value["approve"] != true);
        let mut answers: Vec<_> = outputs.map(|item| self.tool_answer(item)).collect();
        answers.reverse();
        if answers.is_empty() {
            vec![self.tool_answer(last)]
        } else {
            answers
        }
    }

    fn tool_answer(&self, output: &Item) -> String {
        let named = |key: &str, id: &Value| {
            let call = self.items.iter().find(|item| item.value[key] == *id && item.value["name"].is_string());
            call.and_then(|item| item.value["name"].as_str()).unwrap_or("tool").to_owned()
        };
        let value = &output.value;
        match output.kind() {
            "mcp_approval_response" => {
                let name = named("id", &value["approval_request_id"]);
                format!("I may not call {name}: {}", quote(output_of(output)))
            }
            "mcp_call" if value["error"].is_object() => {
                format!("{} failed: {}", value["name"].as_str().unwrap_or("tool"), quote(output_of(output)))
            }
            "mcp_call" => {
                format!("{} answered: {}", value["name"].as_str().unwrap_or("tool"), quote(output_of(output)))
            }
            _ => format!("{} answered: {}", named("call_id", &value["call_id"]), quote(output_of(output))),
        }
    }

    /// The call that `tool_choice` demands, with arguments made of the user's words.
    fn forced_call(&self, stage: &Stage) -> Option<Part> {
        let tools = self.tools.as_array()?;
        let tool = match self.tool_choice {
            Value::String(choice) if choice == "required" => tools.first(),
            choice @ Value::Object(_) => {
                let key = if choice["type"] == "mcp" { "server_label" } else { "name" };
                tools.iter().find(|tool| tool[key] == choice[key])
            }
            _ => None,
        };
        let tool = tool.filter(|_| self.tool_output().is_none())?;
        if tool["type"] == "mcp" {
            let call = mcp::sample_call(stage, tool, self.tool_choice["name"].as_str(), &self.heard())?;
            return Some(self.mcp_part(call));
        }
        let arguments = sample_arguments(&tool["parameters"], &self.heard());
        Some(Part::Call(Call { name: tool["name"].as_str()?.to_owned(), arguments, call_id: None }))
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

/// Arguments as the service cuts them: words and what stands between them.
pub(crate) fn argument_pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let in_word = rest.chars().next()?.is_alphanumeric();
        let end = rest.find(|character: char| character.is_alphanumeric() != in_word).unwrap_or(rest.len());
        let (piece, left) = rest.split_at(end);
        rest = left;
        Some(piece)
    })
}

fn message(words: String) -> Part {
    Part::Message { words, sound: Sound::Speech }
}

/// What a tool, or whoever had to approve it, gave back.
fn output_of(item: &Item) -> &str {
    let texts = [&item.value["output"], &item.value["error"]["message"], &item.value["reason"]];
    texts.into_iter().find_map(Value::as_str).unwrap_or_default()
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
pub(crate) fn sample_arguments(schema: &Value, words: &str) -> String {
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
