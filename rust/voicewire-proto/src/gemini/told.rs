//! Step "message → event": what Gemini leaves unsaid: when responses and items begin, and when they are whole.

use std::time::Instant;

use serde_json::{json, Value};

use super::protocol::Gemini;
use super::reader::Reader;
use super::talk::{Call, Response, UserTurn};
use crate::event::{Body, Event, TurnComplete, TurnStatus};
use crate::item::{ItemChange, ItemFields};
use crate::message::Text;

impl Gemini {
    /// The model gives something: the response that it belongs to begins, unless one is in progress.
    pub(super) fn begin_response(&mut self, reader: &Reader<'_>) {
        if self.talk.response.is_some() {
            return self.goes_on();
        }
        let goes_on = std::mem::take(&mut self.talk.goes_on) || self.talk.has_answers();
        let infers_speech = !self.talk.tells_speech || self.is_manual();
        if self.talk.has_heard && infers_speech && !self.talk.is_asked() && !goes_on {
            self.begin_user_turn(reader);
        }
        self.commit_user_turn(reader);
        self.talk.has_heard = false;
        self.talk.asked = self.talk.asked.saturating_sub(1);
        if !self.talk.is_asked() {
            self.talk.question = None;
        }
        self.talk.model_spoke = true;
        self.talk.calls.retain(|call| call.answer.is_none());
        self.talk.stopped_nothing = false;
        self.talk.playback.response_began();
        let id = self.ids.next("resp");
        let event = Event { response_id: Text::owned(id.as_str()), ..reader.event(Body::ResponseStarted) };
        let user_item = self.talk.user.as_ref().map(|user| user.item_id.clone());
        self.talk.response = Some(Response { user_item, ..Response::new(id) });
        self.events.push_back(event);
    }

    /// The model went on behind the answers to its calls: it has taken them.
    fn goes_on(&mut self) {
        if let Some(response) = self.talk.response.as_mut().filter(|response| response.goes_on) {
            response.goes_on = false;
        }
        self.talk.calls.retain(|call| call.answer.is_none() || !call.is_blocking);
    }

    /// The item of the model's words and sound; its id.
    pub(super) fn begin_item(&mut self, reader: &Reader<'_>, has_audio: bool) -> String {
        let Some(response) = &mut self.talk.response else { return String::new() };
        response.has_audio |= has_audio;
        if let Some(id) = &response.item_id {
            return id.clone();
        }
        let id = self.ids.next("item");
        response.item_id = Some(id.clone());
        let has_audio = response.has_audio;
        let fields = message(&id, "assistant", "in_progress", "", has_audio);
        self.events.push_back(told(reader.event(Body::Wire), fields));
        id
    }

    /// The item of what the user says by voice; its id. A turn that was answered is over.
    pub(super) fn begin_user_turn(&mut self, reader: &Reader<'_>) -> String {
        if let Some(user) = &self.talk.user {
            return user.item_id.clone();
        }
        let id = self.ids.next("item");
        self.talk.user = Some(UserTurn::new(id.clone()));
        self.events.push_back(told(reader.event(Body::Wire), message(&id, "user", "in_progress", "", true)));
        id
    }

    /// The user began to speak, as told or as an interruption lets us know.
    pub(super) fn speech_started(&mut self, reader: &Reader<'_>, ms: Option<i64>) {
        if self.talk.user.as_ref().is_some_and(|user| user.is_committed) {
            self.end_user_turn(reader);
        }
        let item_id = self.begin_user_turn(reader);
        if let Some(user) = &mut self.talk.user {
            user.is_speaking = true;
        }
        self.of_item(reader.event(Body::SpeechStarted(ms)), &item_id);
    }

    /// What the user said by voice has become a turn.
    pub(super) fn commit_user_turn(&mut self, reader: &Reader<'_>) {
        let Some(user) = self.talk.user.as_mut().filter(|user| !user.is_committed) else { return };
        user.is_committed = true;
        let was_speaking = std::mem::take(&mut user.is_speaking);
        let item_id = user.item_id.clone();
        if was_speaking {
            self.of_item(reader.event(Body::SpeechStopped(None)), &item_id);
        }
        self.of_item(reader.event(Body::InputCommitted), &item_id);
    }

    /// The words of the user are whole, as far as they have come.
    pub(super) fn finish_user_words(&mut self, reader: &Reader<'_>) {
        let Some(user) = &mut self.talk.user else { return };
        let Some(words) = user.untold_words().map(str::to_owned) else { return };
        let known = user.told.replace(words.len()).unwrap_or_default();
        let item_id = user.item_id.clone();
        self.history.add("user", &words[known..]);
        let text = Text::owned(words.as_str());
        self.of_item(reader.event(Body::InputTranscript { text, is_final: true }), &item_id);
        let fields = ItemFields { transcript: words, ..message(&item_id, "user", "completed", "", true) };
        self.events.push_back(told(reader.event(Body::Wire), fields));
    }

    /// The user's turn is over.
    fn end_user_turn(&mut self, reader: &Reader<'_>) {
        self.finish_user_words(reader);
        self.history.has_gap |= self.talk.user.take().is_some_and(|user| user.words.is_empty());
    }

    /// Nothing of the answer is to be heard any more; `event` is told as the interruption.
    pub(super) fn stop_playing(&mut self, mut event: Event) {
        let now = event.received_at;
        let heard = self.talk.playback.interrupt(now, self.talk.response.is_some());
        self.talk.playback.silence(now);
        if let Some(response) = &mut self.talk.response {
            response.is_stopped = true;
            event.response_id = Text::owned(response.id.as_str());
        }
        event.body = Body::Interrupted {
            heard_ms: heard.as_ref().map(|heard| heard.ms as i64),
            estimated: heard.as_ref().is_none_or(|heard| heard.estimated),
        };
        event.item_id = Text::from(heard.as_ref().map(|heard| heard.item_id.as_str()));
        self.events.push_back(event);
    }

    /// The response is over, and with it the spoken turn that it answered: their items are whole.
    pub(super) fn end_response(&mut self, reader: &Reader<'_>, response: Response, turn: TurnComplete) {
        if response.user_item.is_some()
            && self.talk.user.as_ref().map(|user| &user.item_id) == response.user_item.as_ref()
        {
            self.end_user_turn(reader);
        }
        self.end_item(&response, turn.status, reader.now);
        let event = reader.event(Body::TurnComplete(Box::new(turn)));
        let event = Event { response_id: Text::owned(response.id), ..event };
        self.events.push_back(event.clone());
        self.response_ended(&event);
    }

    fn end_item(&mut self, response: &Response, status: TurnStatus, now: Instant) {
        let Some(id) = &response.item_id else { return };
        self.history.add("model", &response.words);
        let status = if status == TurnStatus::Completed { "completed" } else { "incomplete" };
        let mut fields = message(id, "assistant", status, "", response.has_audio);
        // Neither is taken back where the deltas have told more.
        let words = if response.has_audio { &mut fields.transcript } else { &mut fields.text };
        words.clone_from(&response.words);
        fields.is_done = true;
        self.events.push_back(told(Event::ours(Body::Wire, now), fields));
    }

    /// A call of the model, as event and as item.
    pub(super) fn call_event(&mut self, reader: &Reader<'_>, id: Option<&str>, name: &str, arguments: &str) -> Event {
        let is_local = id.is_none();
        let call_id = id.map_or_else(|| self.ids.next("call"), str::to_owned);
        self.talk.calls_again(&call_id);
        let item_id = self.ids.next("item");
        self.history.add("model", &format!("[called {name} with {arguments}]"));
        if !self.talk.calls.iter().any(|call| call.id == call_id) {
            if self.talk.calls.len() == CALLS {
                self.talk.calls.remove(0);
            }
            self.talk.calls.push(Call {
                id: call_id.clone(),
                name: name.to_owned(),
                is_local,
                is_blocking: self.is_blocking(name),
                in_handle: false,
                answer: None,
            });
        }
        let fields = ItemFields {
            id: item_id.clone(),
            kind: "function_call".into(),
            status: Some("completed".into()),
            arguments: Some(arguments.to_owned()),
            call_id: Some(call_id.clone()),
            name: Some(name.to_owned()),
            is_done: true,
            raw: json!({
                "id": item_id, "type": "function_call", "call_id": call_id, "name": name, "arguments": arguments,
            })
            .to_string(),
            ..ItemFields::default()
        };
        let body = Body::ToolCall {
            call_id: Text::owned(call_id),
            name: Text::owned(name),
            arguments: Text::owned(arguments),
        };
        let event = Event { item_id: Text::owned(item_id), ..reader.event(body) };
        told(event, fields)
    }

    /// Whether the model waits for a tool: as its definition says, else as the model does.
    fn is_blocking(&self, name: &str) -> bool {
        let tools = self.settings.config.get("tools").and_then(Value::as_array);
        let tool = tools.into_iter().flatten().find(|tool| tool["name"] == name);
        match tool.and_then(|tool| tool["behavior"].as_str()) {
            Some(behavior) => behavior != "NON_BLOCKING",
            None => !self.settings.profile.tools_nonblocking_default,
        }
    }

    /// Words of the user that wait for an answer are told with the connection that they came on.
    pub(super) fn leave_user_turn(&mut self, now: Instant) {
        self.finish_user_words(&Reader::ours(now));
        // What is sent again is a turn of its own.
        self.history.has_gap |= self.talk.user.take().is_some_and(|user| user.words.is_empty());
    }

    /// The model does not want the results of these calls any more.
    pub(super) fn calls_taken_back(&mut self, ids: Vec<String>, event: Event) {
        ids.iter().for_each(|id| self.talk.take_back(id));
        self.events.push_back(Event { body: Body::ToolCallCancelled(ids), ..event });
    }

    /// A turn of the conversation that the session begins with.
    pub(super) fn history_item(&mut self, turn: &Value, now: Instant) {
        let words = turn["parts"][0]["text"].as_str().unwrap_or_default();
        let (side, role) = if turn["role"] == "model" { ("model", "assistant") } else { ("user", "user") };
        self.history.add(side, words);
        let id = self.ids.next("item");
        self.events.push_back(told(Event::ours(Body::Wire, now), message(&id, role, "completed", words, false)));
    }

    /// Words and pictures of the user that were sent.
    pub(super) fn user_item(&mut self, text: &str, content: &[Value], now: Instant) {
        let id = self.ids.next("item");
        self.history.add("user", text);
        self.history.has_gap |= text.is_empty();
        let mut fields = message(&id, "user", "completed", text, false);
        fields.is_done = true;
        fields.raw =
            json!({"id": id, "type": "message", "role": "user", "status": "completed", "content": content}).to_string();
        self.events.push_back(told(Event::ours(Body::Wire, now), fields));
    }

    /// The result of a call that was sent.
    pub(super) fn output_item(&mut self, call_id: &str, output: &str, now: Instant) {
        let id = self.ids.next("item");
        self.history.add("user", &format!("[tool gave {output}]"));
        let fields = ItemFields {
            id: id.clone(),
            kind: "function_call_output".into(),
            status: Some("completed".into()),
            output: Some(output.to_owned()),
            call_id: Some(call_id.to_owned()),
            is_done: true,
            raw: json!({"id": id, "type": "function_call_output", "call_id": call_id, "output": output}).to_string(),
            ..ItemFields::default()
        };
        self.events.push_back(told(Event::ours(Body::Wire, now), fields));
    }

    pub(super) fn of_item(&mut self, event: Event, item_id: &str) {
        let is_users = self.talk.user.as_ref().is_some_and(|user| user.item_id == item_id);
        let response_id = if is_users { Text::None } else { Text::from(self.talk.response_id()) };
        self.events.push_back(Event { item_id: Text::owned(item_id), response_id, ..event });
    }

    pub(super) fn of_response(&mut self, event: Event) {
        let response_id = Text::from(self.talk.response_id());
        self.events.push_back(Event { response_id, ..event });
    }
}

/// Calls remembered; of those without an answer the oldest is forgotten first.
const CALLS: usize = 64;

fn told(event: Event, fields: ItemFields) -> Event {
    Event { change: Some(Box::new(ItemChange::Told(Box::new(fields)))), ..event }
}

/// A message of one side.
fn message(id: &str, role: &str, status: &str, text: &str, has_audio: bool) -> ItemFields {
    ItemFields {
        id: id.to_owned(),
        kind: "message".into(),
        role: Some(role.to_owned()),
        status: Some(status.to_owned()),
        text: text.to_owned(),
        has_audio,
        is_done: status != "in_progress",
        raw: json!({"id": id, "type": "message", "role": role, "status": status}).to_string(),
        ..ItemFields::default()
    }
}
