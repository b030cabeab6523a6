//! Whatever comes in whatever order: nothing panics, turns come in pairs, timers end.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{json, Map, Value};
use voicewire_proto::{Body, Command, Event, Message, Protocol};

use crate::support::{
    activity, audio, call, config, content, generated, go_away, handle, interrupted, newest, oldest, realtime_only,
    said, turn_complete, user_said, vertex, Session,
};

const KEYS: &[&str] = &[
    "setupComplete",
    "sessionId",
    "serverContent",
    "modelTurn",
    "parts",
    "text",
    "thought",
    "inlineData",
    "mimeType",
    "data",
    "inputTranscription",
    "outputTranscription",
    "finished",
    "interrupted",
    "generationComplete",
    "turnComplete",
    "turnCompleteReason",
    "interactionStatus",
    "groundingMetadata",
    "toolCall",
    "functionCalls",
    "id",
    "name",
    "args",
    "toolCallCancellation",
    "ids",
    "goAway",
    "timeLeft",
    "sessionResumptionUpdate",
    "newHandle",
    "resumable",
    "voiceActivity",
    "type",
    "audioOffset",
    "voiceActivityDetectionSignal",
    "vadSignalType",
    "usageMetadata",
    "promptTokenCount",
    "candidatesTokenCount",
    "responseTokensDetails",
    "modality",
    "tokenCount",
    "error",
    "code",
    "message",
    "unknown",
];

const WORDS: &[&str] = &[
    "",
    "Hi",
    "c1",
    "c2",
    "h1",
    "50s",
    "1e308s",
    "-1s",
    "s",
    "AQA=",
    "AQAC",
    "!",
    "audio/pcm;rate=0",
    "audio/pcm;rate=99999999999",
    "image/png",
    "ACTIVITY_START",
    "ACTIVITY_END",
    "VAD_SIGNAL_TYPE_SOS",
    "IN_PROGRESS",
    "12",
    "AUDIO",
    "\u{1F44B}\"\n",
];

/// What happens to a session.
#[derive(Clone, Debug)]
enum Step {
    Receive(String),
    Send(Command),
    Speak,
    Wait(u64),
    Timer,
    Replace,
    Lose,
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => select(WORDS).prop_map(Value::from),
        3 => any::<bool>().prop_map(Value::from),
        2 => any::<u64>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

/// Any JSON made of the known keys.
fn tree() -> impl Strategy<Value = Value> {
    let object = |inner: BoxedStrategy<Value>| {
        let fields = prop::collection::vec((select(KEYS), inner), 0..5);
        fields
            .prop_map(|fields| Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
    };
    leaf().prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![3 => object(inner.clone().boxed()), 1 => prop::collection::vec(inner, 0..4).prop_map(Value::from)]
    })
}

/// A message as a server would send it.
fn valid() -> impl Strategy<Value = Value> {
    let usage = json!({"promptTokenCount": 3, "candidatesTokenCount": "4", "totalTokenCount": 7});
    let thought = json!({"modelTurn": {"parts": [{"text": "Hm.", "thought": true}, {"text": "Yes."}]}});
    let ending = json!({"turnComplete": true, "interactionStatus": "IN_PROGRESS"});
    select(vec![
        json!({}),
        json!({"setupComplete": {"sessionId": "s"}}),
        content(json!({})),
        audio(2_400),
        audio(1),
        said("Hi"),
        user_said("Hello"),
        content(json!({"inputTranscription": {"finished": true}})),
        content(thought),
        generated(),
        interrupted(),
        turn_complete(),
        turn_complete(),
        content(ending),
        json!({"serverContent": {"turnComplete": true}, "usageMetadata": usage}),
        json!({"usageMetadata": usage}),
        call("c1", "weather"),
        json!({"toolCall": {"functionCalls": [{"name": "clock"}]}}),
        json!({"toolCallCancellation": {"ids": ["c1"]}}),
        handle("h1"),
        json!({"sessionResumptionUpdate": {"resumable": false}}),
        go_away("50s"),
        activity("ACTIVITY_START", "1.5s"),
        activity("ACTIVITY_END", "3s"),
        json!({"error": {"code": 3, "message": "No."}}),
    ])
}

/// A valid message with a value of it replaced, or its text cut.
fn mutated() -> impl Strategy<Value = String> {
    let replaced = (valid(), any::<prop::sample::Index>(), tree()).prop_map(|(mut message, at, value)| {
        let count = message.as_object().map_or(0, Map::len).max(1);
        let inner = message.as_object_mut().and_then(|fields| fields.values_mut().nth(at.index(count)));
        let place = inner.map(|inner| inner.as_object_mut().and_then(|fields| fields.values_mut().next()));
        if let Some(Some(place)) = place {
            *place = value;
        }
        message.to_string()
    });
    let cut = (valid(), any::<prop::sample::Index>()).prop_map(|(message, at)| {
        let text = message.to_string();
        text[..at.index(text.len())].to_owned()
    });
    prop_oneof![replaced, cut]
}

fn command() -> impl Strategy<Value = Command> {
    let text = |respond| Command::SendText { text: "Hi".into(), respond };
    let result = |scheduling: Option<&str>| Command::ToolOutput {
        call_id: "c1".into(),
        output: "{}".into(),
        name: None,
        scheduling: scheduling.map(str::to_owned),
    };
    let update = |changes| Command::UpdateSession(Box::new(config(changes)));
    select(vec![
        text(true),
        text(false),
        Command::CommitAudio,
        Command::ClearAudio,
        Command::CreateResponse(Map::new()),
        Command::CancelResponse { truncate: Some(("item_1".into(), 5)) },
        Command::Interrupt,
        Command::ReportPlayed { item_id: "item_1".into(), samples: 100 },
        result(None),
        result(Some("SILENT")),
        result(Some("INTERRUPT")),
        update(json!({"voice": "Kore"})),
        update(json!({"instructions": "Be brief."})),
        update(json!({"turn_detection": null})),
    ])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => valid().prop_map(|message| Step::Receive(message.to_string())),
        3 => mutated().prop_map(Step::Receive),
        2 => tree().prop_map(|message| Step::Receive(message.to_string())),
        5 => command().prop_map(Step::Send),
        2 => Just(Step::Speak),
        3 => (0..4_000u64).prop_map(Step::Wait),
        2 => Just(Step::Timer),
        1 => Just(Step::Replace),
        1 => Just(Step::Lose),
    ]
}

fn take(session: &mut Session, step: Step) -> Vec<Event> {
    match step {
        Step::Receive(text) => return session.receive_text(&text),
        Step::Send(command) => drop(session.send(command)),
        Step::Speak => session.protocol.audio_goes_out(),
        Step::Wait(ms) => session.clock += ms,
        Step::Timer => return session.timeout(),
        Step::Replace => {
            let events = session.leave();
            session.start();
            return [events, session.receive(json!({"setupComplete": {}}))].concat();
        }
        Step::Lose => {
            let events = session.leave();
            session.start();
            return events;
        }
    }
    session.events()
}

/// How many responses began and ended under each id; panics for one that ends before it began.
fn count_turns(turns: &mut HashMap<String, (usize, usize)>, events: &[Event]) {
    for event in events {
        let id = event.resolve(&event.response_id).unwrap_or_default().to_owned();
        match &event.body {
            Body::ResponseStarted => turns.entry(id).or_default().0 += 1,
            Body::TurnComplete(_) => {
                let turn = turns.entry(id).or_default();
                turn.1 += 1;
                assert_eq!(*turn, (1, 1), "began and ended");
            }
            _ => {}
        }
    }
}

fn end_timers(session: &mut Session) {
    for _ in 0..10 {
        let Some(due) = session.protocol.poll_timeout() else { return };
        let now = session.now().max(due);
        session.protocol.handle_timeout(now);
    }
    assert_eq!(session.protocol.poll_timeout(), None, "a timer that does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_story_has_turns_in_pairs_and_timers_that_end(
        kind in 0..5usize,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let by_hand = oldest().with(json!({"turn_detection": null}));
        let scenes = [oldest(), realtime_only(), newest(), vertex(), by_hand];
        let mut session = scenes.into_iter().nth(kind).unwrap().open();
        let mut turns = HashMap::new();
        for step in steps {
            let events = take(&mut session, step);
            count_turns(&mut turns, &events);
            for message in session.written() {
                prop_assert_eq!(message.as_object().map(Map::len), Some(1));
            }
        }
        end_timers(&mut session);
        count_turns(&mut turns, &session.leave());
        prop_assert!(turns.values().all(|turn| *turn == (1, 1)), "{:?}", turns);
    }

    #[test]
    fn any_bytes_are_an_event_or_a_fault(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut session = oldest().open();
        let now = session.now();
        session.protocol.receive(Message::new(Bytes::from(text)), now);
        prop_assert!(session.events().len() <= 2);
    }
}
