//! The conversation from events in any order: nothing is lost, nothing regresses.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{json, Value};
use support::{created, Session, RATE};
use voicewire_proto::conversation::{lock, Change, Item, SharedItem};
use voicewire_proto::Conversation;

struct Talk {
    session: Session,
    conversation: Conversation,
}

impl Talk {
    fn new() -> Self {
        Self { session: Session::open(), conversation: Conversation::new(0.0) }
    }

    fn hear(&mut self, message: Value) -> Vec<Change> {
        let events = self.session.receive(0, message);
        events.iter().filter_map(|event| self.conversation.apply(event)).collect()
    }

    fn audio(&mut self, item: &str, samples: usize) {
        let events = self.session.audio(0, "r", item, samples);
        events.iter().for_each(|event| drop(self.conversation.apply(event)));
    }

    fn ids(&self) -> Vec<String> {
        self.conversation.items().iter().map(|item| lock(item).id.clone()).collect()
    }

    fn item(&self, id: &str) -> SharedItem {
        self.conversation.item(id).unwrap()
    }
}

fn read<T>(item: &SharedItem, field: impl Fn(&Item) -> T) -> T {
    field(&lock(item))
}

fn added(id: &str, previous: Value, role: &str, status: &str) -> Value {
    told("conversation.item.added", id, previous, role, status, json!([]))
}

fn told(kind: &str, id: &str, previous: Value, role: &str, status: &str, content: Value) -> Value {
    let item = json!({"id": id, "type": "message", "role": role, "status": status, "content": content});
    json!({"type": kind, "previous_item_id": previous, "item": item})
}

fn transcript(kind: &str, id: &str, text: &str) -> Value {
    let field = if kind == "delta" { "delta" } else { "transcript" };
    json!({"type": format!("conversation.item.input_audio_transcription.{kind}"), "item_id": id, field: text})
}

fn delta(kind: &str, id: &str, text: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "item_id": id, "response_id": "r", "delta": text})
}

#[test]
fn items_stand_behind_their_previous_item() {
    let mut talk = Talk::new();
    for (id, previous) in [("a", json!(null)), ("c", json!("a")), ("b", json!("a"))] {
        talk.hear(added(id, previous, "user", "completed"));
    }

    assert_eq!(talk.ids(), ["a", "b", "c"]);
}

#[test]
fn an_unknown_or_missing_anchor_is_the_end() {
    let mut talk = Talk::new();
    for (id, previous) in [("a", json!("gone")), ("b", json!(null)), ("c", json!(""))] {
        talk.hear(added(id, previous, "user", "completed"));
    }

    assert_eq!(talk.ids(), ["a", "b", "c"]);
}

#[test]
fn an_item_told_again_stays_where_it_is() {
    let mut talk = Talk::new();
    talk.hear(added("a", json!(null), "user", "completed"));
    talk.hear(added("b", json!("a"), "assistant", "in_progress"));
    talk.hear(added("c", json!("b"), "user", "completed"));

    let changes = talk.hear(told("conversation.item.done", "b", json!(null), "assistant", "completed", json!([])));

    assert_eq!(talk.ids(), ["a", "b", "c"]);
    assert_eq!((changes[0].appended, changes[0].completed), (false, true));
}

#[test]
fn done_before_added_is_one_item() {
    let mut talk = Talk::new();
    let content = json!([{"type": "output_text", "text": "Hello."}]);

    let first = talk.hear(told("conversation.item.done", "a", json!(null), "assistant", "completed", content));
    let second = talk.hear(added("a", json!(null), "assistant", "in_progress"));

    assert_eq!((first[0].appended, first[0].completed), (true, true));
    assert_eq!((second[0].appended, second[0].completed), (false, false));
    let item = talk.item("a");
    assert_eq!(
        read(&item, |item| (item.text.clone(), item.status.clone())),
        ("Hello.".into(), Some("completed".into()))
    );
}

#[test]
fn deltas_of_an_item_that_nobody_added_wait_for_it() {
    let mut talk = Talk::new();
    talk.hear(transcript("delta", "u", " What"));
    talk.hear(transcript("delta", "u", " now?"));
    assert!(talk.conversation.items().is_empty());

    let content = json!([{"type": "input_audio", "transcript": null}]);
    talk.hear(told("conversation.item.added", "u", json!(null), "user", "completed", content));

    assert_eq!(read(&talk.item("u"), |item| item.transcript.clone()), " What now?");
}

#[test]
fn a_late_transcript_replaces_the_pieces() {
    let mut talk = Talk::new();
    talk.hear(added("u", json!(null), "user", "completed"));
    talk.hear(transcript("delta", "u", "Wat"));
    talk.hear(transcript("completed", "u", "What?"));
    talk.hear(transcript("delta", "u", " late"));
    talk.hear(transcript("completed", "u", ""));

    assert_eq!(read(&talk.item("u"), |item| item.transcript.clone()), "What?");
}

#[test]
fn an_older_status_and_an_empty_text_take_nothing_back() {
    let mut talk = Talk::new();
    let content = json!([{"type": "output_text", "text": "Hello."}]);
    talk.hear(told("conversation.item.added", "a", json!(null), "assistant", "completed", content));

    talk.hear(told("response.output_item.done", "a", json!(null), "assistant", "incomplete", json!([])));

    let item = talk.item("a");
    assert_eq!(
        read(&item, |item| (item.text.clone(), item.status.clone())),
        ("Hello.".into(), Some("completed".into()))
    );
}

#[test]
fn words_and_samples_are_appended() {
    let mut talk = Talk::new();
    talk.hear(created("r"));
    talk.hear(added("a", json!(null), "assistant", "in_progress"));
    talk.hear(delta("output_audio_transcript", "a", "Good "));
    talk.hear(delta("audio_transcript", "a", "morning."));
    talk.hear(delta("output_text", "a", "(waves)"));
    talk.audio("a", RATE);

    let item = talk.item("a");
    assert_eq!(read(&item, |item| item.transcript.clone()), "Good morning.");
    assert_eq!(read(&item, |item| (item.text.clone(), item.samples, item.audio.len())), ("(waves)".into(), 24_000, 0));
}

#[test]
fn arguments_come_in_pieces_and_whole() {
    let mut talk = Talk::new();
    let item = json!({"id": "f", "type": "function_call", "name": "now", "call_id": "c", "arguments": "", "status": "in_progress"});
    talk.hear(json!({"type": "conversation.item.added", "item": item}));
    talk.hear(
        json!({"type": "response.function_call_arguments.delta", "item_id": "f", "call_id": "c", "delta": "{\"a\""}),
    );
    assert_eq!(read(&talk.item("f"), |item| item.arguments.clone()), Some("{\"a\"".into()));

    let item = json!({"id": "f", "type": "function_call", "name": "now", "call_id": "c", "arguments": "{\"a\":1}", "status": "completed"});
    talk.hear(json!({"type": "conversation.item.done", "item": item}));

    assert_eq!(read(&talk.item("f"), |item| item.arguments.clone()), Some("{\"a\":1}".into()));
}

#[test]
fn a_truncated_item_has_no_transcript_and_gets_none_back() {
    let mut talk = Talk::new();
    talk.conversation = Conversation::new(10.0);
    talk.hear(created("r"));
    talk.hear(added("a", json!(null), "assistant", "in_progress"));
    talk.hear(delta("output_audio_transcript", "a", "A long story."));
    talk.audio("a", 2 * RATE);

    talk.hear(json!({"type": "conversation.item.truncated", "item_id": "a", "content_index": 0, "audio_end_ms": 500}));
    let content = json!([{"type": "output_audio", "transcript": "A long story."}]);
    talk.hear(told("conversation.item.done", "a", json!(null), "assistant", "completed", content));

    let item = talk.item("a");
    assert_eq!(read(&item, |item| (item.transcript.clone(), item.samples)), (String::new(), 12_000));
    assert_eq!(read(&item, |item| item.audio.iter().map(Vec::len).sum::<usize>()), 12_000);
}

#[test]
fn a_deleted_item_is_gone_and_told_once_more() {
    let mut talk = Talk::new();
    talk.hear(added("a", json!(null), "user", "completed"));
    talk.hear(added("b", json!("a"), "user", "completed"));

    let changes = talk.hear(json!({"type": "conversation.item.deleted", "item_id": "a"}));

    assert_eq!(talk.ids(), ["b"]);
    assert_eq!(read(&changes[0].item, |item| item.id.clone()), "a");
}

#[test]
fn items_of_a_response_outside_the_conversation_stay_out() {
    let mut talk = Talk::new();
    talk.hear(json!({"type": "response.created", "response": {"id": "out", "conversation_id": null}}));
    let item = json!({"id": "x", "type": "message", "role": "assistant", "status": "completed", "content": []});
    talk.hear(json!({"type": "response.output_item.done", "response_id": "out", "item": item}));

    assert!(talk.ids().is_empty());
}

#[test]
fn audio_is_kept_for_so_many_seconds_newest_first() {
    let mut talk = Talk::new();
    talk.conversation = Conversation::new(1.0);
    talk.hear(created("r"));
    for id in ["a", "b"] {
        talk.hear(added(id, json!(null), "assistant", "in_progress"));
        talk.audio(id, RATE / 2);
        talk.audio(id, RATE / 4);
    }

    let kept = |id: &str| read(&talk.item(id), |item| item.audio.iter().map(Vec::len).sum::<usize>());
    assert_eq!((kept("a"), kept("b")), (RATE / 4, 3 * RATE / 4));
}

#[test]
fn audio_inside_of_items_is_not_kept_as_json() {
    let mut talk = Talk::new();
    let content = json!([{"type": "input_audio", "audio": "AAAA".repeat(1_000_000), "transcript": "Hi."}]);

    talk.hear(told("conversation.item.retrieved", "a", json!(null), "user", "completed", content));

    let item = talk.item("a");
    assert!(read(&item, |item| item.raw.len()) < 300);
    assert_eq!(read(&item, |item| item.transcript.clone()), "Hi.");
}

#[test]
fn the_oldest_words_go_when_there_is_no_room() {
    let mut talk = Talk::new();
    for number in 0..20 {
        let content = json!([{"type": "output_text", "text": "x".repeat(1 << 20)}]);
        talk.hear(told("conversation.item.added", &number.to_string(), json!(null), "assistant", "completed", content));
    }

    assert!(talk.conversation.forgotten() >= 12);
    assert_eq!(talk.ids().last().unwrap(), "19");
}

#[test]
fn strays_do_not_pile_up() {
    let mut talk = Talk::new();
    for number in 0..10_000 {
        talk.hear(delta("output_text", &number.to_string(), "x"));
    }

    talk.hear(added("0", json!(null), "assistant", "in_progress"));
    talk.hear(added("9999", json!(null), "assistant", "in_progress"));

    assert_eq!(read(&talk.item("0"), |item| item.text.clone()), "");
    assert_eq!(read(&talk.item("9999"), |item| item.text.clone()), "x");
}
