//! The borrowed scan against the full parser: equal on every text that the scan accepts.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use voicewire_proto::openai::{OpenAi, SessionType, Settings, GA};
use voicewire_proto::scan::{scan, Field, Fields};
use voicewire_proto::{Body, Error, Event, Malformed, Message, Protocol, Secrets, SessionConfig, Text};

const DEPTH: usize = 128;

/// Texts in the shapes of the wire, to be mutated.
fn seeds() -> Vec<String> {
    let audio = "AQACAAMABAA".repeat(80);
    let mut seeds: Vec<String> = [
        r#"{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"AQACAA=="}"#,
        r#"{"event_id":"e","type":"response.output_text.delta","delta":"Grüße\n","item_id":"i","obfuscation":"x\"y"}"#,
        r#"{ "type" : "input_audio_buffer.speech_started" , "audio_start_ms" : 1460 , "item_id" : "u" }"#,
        r#"{"type":"response.function_call_arguments.done","call_id":"c","name":"f","arguments":"{\n  \"city\": 1}"}"#,
        r#"{"type":"error","error":{"type":"t","code":null,"message":"m","param":null,"event_id":"x"}}"#,
        r#"{"type":"response.done","response":{"id":"r","status":"completed","usage":{"total_tokens":1.5e3}}}"#,
        r#"{"type":"ping","timestamp":-12,"ok":true,"no":false,"none":null,"f":0.5}"#,
        r#"{"type":"a","type":"b","audio_end_ms":123456789012345678901234567890}"#,
        r#"{"type":"a","audio_end_ms":-0,"audio_start_ms":007}"#,
        "{}",
        "[]",
        "\u{feff}{\"type\":\"a\"}",
        r#"{"ty\u0070e":"a","delta":"\ud800"}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    seeds.push(format!(r#"{{"type":"response.output_audio.delta","item_id":"i","delta":"{audio}A="}}"#));
    seeds.push(format!(r#"{{"delta":"{audio}A=","type":"response.audio.delta"}}"#));
    seeds.push(format!(r#"{{"type":"x","delta":"{audio}A="}}"#));
    seeds.extend(recorded());
    seeds
}

/// Lines of real sessions, where they are at hand.
fn recorded() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let lines: Vec<String> = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines
        .iter()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| line.get("event").map(ToString::to_string))
        .collect()
}

fn resolved(message: &Message, field: &Field) -> (u8, Option<String>, Option<i64>) {
    let kind = match field {
        Field::Missing => 0,
        Field::Str(_) => 1,
        Field::Int(_) => 2,
        Field::Other => 3,
    };
    (kind, message.resolve(&field.text()).map(str::to_owned), field.int())
}

/// Holds the scan to the full parser, but for the bytes of an audio delta, which its decoder reads.
fn check(text: &str) -> Result<(), TestCaseError> {
    let Some(scanned) = scan(text.as_bytes()) else { return Ok(()) };
    let message = Message::new(Bytes::copy_from_slice(text.as_bytes()));
    match Fields::parse(text.as_bytes(), DEPTH) {
        Ok((parsed, _)) => {
            for ((key, scanned), (_, parsed)) in scanned.each().into_iter().zip(parsed.each()) {
                prop_assert_eq!(resolved(&message, scanned), resolved(&message, parsed), "{} of {}", key, text);
            }
        }
        Err((kind, problem)) => {
            let delta = message.resolve(&scanned.delta.text()).unwrap_or_default().to_owned();
            let is_audio = matches!(
                message.resolve(&scanned.kind.text()),
                Some("response.output_audio.delta" | "response.audio.delta")
            );
            let unread = is_audio && delta.bytes().any(|byte| byte < 0x20);
            prop_assert!(unread, "accepted what the parser refuses: {problem}: {text}");
            prop_assert_eq!(kind, Malformed::BadJson);
            prop_assert_eq!(malformed(&events(text)), vec![Malformed::BadJson]);
        }
    }
    Ok(())
}

fn events(text: &str) -> Vec<Event> {
    let settings = Settings {
        config: SessionConfig::default(),
        joins_call: false,
        session_type: SessionType::Realtime,
        reconnects: false,
        retained: None,
        auto_truncate: true,
        ack_timeout: Duration::from_secs(10),
        secrets: Secrets::default(),
        max_depth: DEPTH,
    };
    let mut protocol = OpenAi::new(&GA, settings);
    let now = start();
    protocol.receive(Message::new(Bytes::from_static(br#"{"type":"session.created"}"#)), now);
    protocol.receive(Message::new(Bytes::copy_from_slice(text.as_bytes())), now);
    std::iter::from_fn(|| protocol.poll_event()).skip(1).collect()
}

fn malformed(events: &[Event]) -> Vec<Malformed> {
    let kind = |event: &Event| match &event.body {
        Body::Error { error, fatal: false } => match **error {
            Error::Malformed { kind, .. } => Some(kind),
            _ => None,
        },
        _ => None,
    };
    events.iter().filter_map(kind).collect()
}

#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

/// One change to a text that keeps it UTF-8.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(prop::sample::Index, char),
    Insert(prop::sample::Index, &'static str),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\t",
    "\u{1}",
    "\0",
    "null",
    "true",
    "tru",
    "-",
    "0",
    "00",
    "1.5",
    "1e9",
    "1e999",
    "9223372036854775808",
    "999999999999999999",
    "\\u0041",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\x",
    "é",
    "🎈",
    "\"delta\":",
    "\"type\":",
    "\"type\":\"response.output_audio.delta\",",
    "\u{2028}",
    "\u{7f}",
    "=",
    "AAAA",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<char>()).prop_map(|(at, with)| Mutation::Replace(at, with)),
        (any::<prop::sample::Index>(), prop::sample::select(PIECES))
            .prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        any::<prop::sample::Index>().prop_map(Mutation::Remove),
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
        any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(at, to)| Mutation::Repeat(at, to)),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.is_empty() {
        return text.to_owned();
    }
    match mutation {
        Mutation::Replace(at, with) => letters[at.index(text.chars().count())] = *with,
        Mutation::Insert(at, piece) => {
            let at = at.index(letters.len());
            letters.splice(at..at, piece.chars());
        }
        Mutation::Remove(at) => {
            letters.remove(at.index(text.chars().count()));
        }
        Mutation::Cut(at) => letters.truncate(at.index(text.chars().count())),
        Mutation::Repeat(at, to) => {
            let (at, to) = (at.index(letters.len()), to.index(letters.len()));
            let piece: Vec<char> = letters[at.min(to)..at.max(to)].to_vec();
            letters.splice(at..at, piece);
        }
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_scan_equals_the_full_parser_on_mutated_messages(
        seed in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 0..4),
    ) {
        thread_local!(static SEEDS: Vec<String> = seeds());
        let text = SEEDS.with(|seeds| seeds[seed.index(seeds.len())].clone());
        let text = mutations.iter().fold(text, |text, mutation| mutate(&text, mutation));
        check(&text)?;
        prop_assert!(malformed(&events(&text)).len() <= 1, "{}", text);
    }

    #[test]
    fn the_scan_equals_the_full_parser_on_any_text(text in "[{}\\[\\]\",:\\\\ a-f0-9.eE+\\-\u{0}\u{1f}é]{0,24}") {
        check(&text)?;
    }
}

#[test]
fn the_scan_takes_the_messages_it_is_made_for() {
    let text = &seeds()[0];
    let fields = scan(text.as_bytes()).unwrap();
    let message = Message::new(Bytes::copy_from_slice(text.as_bytes()));
    assert_eq!(message.resolve(&fields.delta.text()), Some("AQACAA=="));
    assert!(matches!(fields.delta.text(), Text::Span { .. }));
}

#[test]
fn a_control_character_within_long_audio_is_bad_json() {
    let text = format!(r#"{{"type":"response.output_audio.delta","delta":"{}{}"}}"#, "A".repeat(600), "\n\nAA");
    assert_eq!(malformed(&events(&text)), [Malformed::BadJson]);
}

#[test]
fn nesting_is_allowed_to_128_levels() {
    let nested = |depth: usize| format!(r#"{{"type":"x","a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(malformed(&events(&nested(128))).is_empty());
    assert_eq!(malformed(&events(&nested(129))), [Malformed::TooDeep]);
    assert_eq!(malformed(&events(&"[".repeat(1_000_000))), [Malformed::TooDeep]);
}
