//! What each message of the server is told as.

use serde_json::{json, Value};
use voicewire_proto::{Body, Error, Event, Protocol};

use crate::support::{
    audio, content, ends, interrupted, kinds, neutral, newest, oldest, said, sound, turn_complete, user_said, vertex,
    words,
};

fn spoken(events: &[Event]) -> Vec<(Vec<i16>, u32)> {
    let audio = |event: &Event| match &event.body {
        Body::Audio { samples, sample_rate, .. } => Some((samples.clone(), *sample_rate)),
        _ => None,
    };
    events.iter().filter_map(audio).collect()
}

fn usage(events: &[Event]) -> Vec<(u64, u64, u64)> {
    let tokens = |event: &Event| match &event.body {
        Body::Usage(usage) => Some((usage.input_tokens, usage.output_tokens, usage.total_tokens)),
        _ => None,
    };
    events.iter().filter_map(tokens).collect()
}

#[test]
fn the_greeting_opens_the_session_and_names_it() {
    let mut session = vertex().session();
    session.start();
    assert!(!session.protocol.is_ready());
    session.written();

    let events = session.receive(json!({"setupComplete": {"sessionId": "s-1"}}));

    assert_eq!(kinds(&events), ["open"]);
    assert!(session.protocol.is_ready());
    assert_eq!(session.protocol.session_id(), Some("s-1"));
}

#[test]
fn a_second_greeting_is_told_and_changes_nothing() {
    let mut session = newest().open();

    assert_eq!(kinds(&session.receive(json!({"setupComplete": {}}))), ["server"]);
    assert!(session.written().is_empty());
}

#[test]
fn all_that_one_content_says_is_told_in_the_order_of_the_wire() {
    let mut session = oldest().open();
    session.receive(audio(24_000));
    session.clock = 500;

    let everything = json!({
        "serverContent": {
            "turnComplete": true, "generationComplete": true,
            "outputTranscription": {"text": "Spoken."},
            "modelTurn": {"parts": [
                {"text": "Hm.", "thought": true}, {"text": "Written."},
                {"inlineData": {"mimeType": "audio/pcm", "data": "AQA="}},
            ]},
            "inputTranscription": {"text": "Heard."}, "interrupted": true,
        },
        "usageMetadata": {"totalTokenCount": 3},
    });
    let events = session.receive(everything);

    let told = ["speech_started", "interrupted", "input_transcript", "thought", "text", "audio", "transcript"];
    assert_eq!(kinds(&neutral(events.clone())), [&told[..], &["usage", "turn_complete"]].concat());
    assert_eq!(words(&events), ["Heard.", "Hm.", "Written.", "Spoken."]);
    assert_eq!(events.iter().filter(|event| event.leads).count(), 1);
    assert!(events[0].leads);
}

#[test]
fn an_empty_message_says_nothing() {
    assert!(oldest().open().receive(json!({})).is_empty());
}

#[test]
fn fillers_are_for_wire_handlers_alone_and_begin_no_response() {
    let mut session = oldest().open();
    let fillers = [
        json!({}),
        json!({"outputTranscription": {}}),
        json!({"outputTranscription": {"text": ""}}),
        json!({"inputTranscription": {}}),
        json!({"groundingMetadata": {}}),
        json!({"modelTurn": {"parts": []}}),
        json!({"interrupted": false, "turnComplete": null, "generationComplete": false}),
    ];

    let events: Vec<Event> = fillers.into_iter().flat_map(|filler| session.receive(content(filler))).collect();

    assert_eq!(kinds(&events), ["wire"; 7]);
}

#[test]
fn what_maps_to_nothing_neutral_is_a_server_event() {
    let mut session = oldest().open();

    for message in [
        content(json!({"groundingMetadata": {"webSearchQueries": ["x"]}})),
        content(json!({"generationComplete": true})),
        json!({"sessionResumptionUpdate": {"resumable": false}}),
        json!({"toolCall": {"functionCalls": []}}),
        json!({"toolCallCancellation": {"ids": []}}),
        json!({"voiceActivity": {"type": "ACTIVITY_UNSPECIFIED"}}),
        json!({"voiceActivityDetectionSignal": {}}),
        json!({"somethingNew": {"a": 1}}),
    ] {
        assert_eq!(kinds(&session.receive(message.clone())), ["server"], "{message}");
    }
}

#[test]
fn an_unknown_message_is_named_by_its_key() {
    let events = oldest().open().receive(json!({"somethingNew": [1, 2]}));

    assert_eq!(events[0].resolve(&events[0].wire_type), Some("somethingNew"));
}

#[test]
fn thoughts_never_become_words() {
    let mut session = oldest().open();
    session.receive(content(json!({"modelTurn": {"parts": [{"text": "Secret plan.", "thought": true}]}})));
    session.receive(said("Hello."));

    let events = session.receive(turn_complete());

    let texts: Vec<String> = events.iter().map(|event| format!("{:?}", event.change)).collect();
    assert!(texts.iter().any(|text| text.contains("Hello.")));
    assert!(!texts.iter().any(|text| text.contains("Secret")));
}

#[test]
fn the_rate_of_sound_is_that_of_its_type() {
    let mut session = oldest().open();
    let mut rate = |mime_type: &str| spoken(&session.receive(sound(mime_type, "AQD//w=="))).remove(0);

    assert_eq!(rate("audio/pcm;rate=16000"), (vec![1, -1], 16_000));
    assert_eq!(rate("audio/pcm; codec=s16le; rate=48000"), (vec![1, -1], 48_000));
    assert_eq!(rate("audio/pcm"), (vec![1, -1], 24_000));
    assert_eq!(rate("audio/pcm;rate=fast"), (vec![1, -1], 24_000));
    assert_eq!(rate("audio/pcm;rate=0"), (vec![1, -1], 24_000));
}

#[test]
fn sound_without_a_type_is_taken_and_pictures_are_not() {
    let mut session = oldest().open();

    let untyped = content(json!({"modelTurn": {"parts": [{"inlineData": {"data": "AQA="}}]}}));

    assert_eq!(spoken(&session.receive(untyped)), [(vec![1], 24_000)]);
    assert_eq!(kinds(&session.receive(sound("image/png", "AQA="))), ["wire"]);
}

#[test]
fn a_chunk_of_two_bytes_is_one_sample() {
    assert_eq!(spoken(&oldest().open().receive(sound("audio/pcm", "AQA="))), [(vec![1], 24_000)]);
}

#[test]
fn half_a_sample_is_told_once_a_response() {
    let mut session = oldest().open();

    let first = session.receive_all([sound("audio/pcm", "AQAC"), sound("audio/pcm", "AQAC"), turn_complete()]);
    let second = session.receive_all([sound("audio/pcm", "AQAC")]);

    assert_eq!(kinds(&first), ["response_started", "audio", "error", "audio", "turn_complete"]);
    assert_eq!(spoken(&first), [(vec![1], 24_000), (vec![1], 24_000)]);
    assert_eq!(kinds(&second), ["response_started", "audio", "error"]);
}

#[test]
fn sound_that_is_no_base64_is_an_error_and_the_session_goes_on() {
    let mut session = oldest().open();

    let events = session.receive_all([sound("audio/pcm", "!!"), audio(1)]);

    assert_eq!(kinds(&events), ["error", "response_started", "audio"]);
}

#[test]
fn written_words_are_text_and_spoken_ones_a_transcript() {
    let mut session = oldest().open();
    let parts = json!({"modelTurn": {"parts": [{"text": "One "}, {"text": "two."}]}});

    let events = session.receive_all([content(parts), said("Three."), turn_complete()]);

    let expected = ["response_started", "text", "text", "transcript", "turn_complete"];
    assert_eq!(kinds(&events), expected);
    assert_eq!(words(&events), ["One ", "two.", "Three."]);
}

#[test]
fn escapes_are_undone_and_plain_words_are_spans_of_the_message() {
    let mut session = oldest().open();

    let escaped = session.receive_text(r#"{"serverContent":{"outputTranscription":{"text":"\"Gr\u00fc\u00dfe\"\n"}}}"#);
    let plain = session.receive_text(r#"{"serverContent":{"outputTranscription":{"text":"Grüße 👋"}}}"#);

    assert_eq!(words(&escaped), ["\"Grüße\"\n"]);
    assert_eq!(words(&plain), ["Grüße 👋"]);
    assert!(plain.iter().any(|event| matches!(&event.body, Body::Transcript(voicewire_proto::Text::Span { .. }))));
}

#[test]
fn null_is_the_same_as_absent() {
    let mut session = oldest().open();
    let nulls = json!({
        "serverContent": {
            "modelTurn": {"parts": [{"text": null, "thought": null, "inlineData": null}]},
            "interrupted": null, "turnComplete": null, "generationComplete": null,
            "inputTranscription": null, "outputTranscription": {"text": null, "finished": null},
        },
        "toolCall": null, "goAway": null, "setupComplete": null, "error": null,
        "usageMetadata": {"promptTokenCount": null, "promptTokensDetails": null},
    });

    assert_eq!(kinds(&session.receive(nulls)), ["usage"]);
    assert_eq!(neutral(session.receive(json!({"serverContent": null}))).len(), 0);
    assert!(session.receive_all([json!({"toolCall": {"functionCalls": null}})]).is_empty());
}

#[test]
fn counts_come_as_numbers_or_as_strings() {
    let mut session = oldest().open();
    let told = json!({"promptTokenCount": "12", "responseTokenCount": 30, "totalTokenCount": "42"});

    let events = session.receive(json!({"usageMetadata": told}));

    assert_eq!(usage(&events), [(12, 30, 42)]);
}

#[test]
fn vertex_counts_candidates_and_both_names_count_once() {
    let mut session = vertex().open();
    let details = json!([{"modality": "AUDIO", "tokenCount": 26}, {"modality": "TEXT", "tokenCount": 4}]);
    let candidates = json!({"candidatesTokenCount": 30, "candidatesTokensDetails": details, "totalTokenCount": 30});
    let both = json!({"candidatesTokenCount": 30, "responseTokenCount": 30, "totalTokenCount": 30});

    let events = session.receive(json!({"usageMetadata": candidates}));

    let Body::Usage(told) = &events[0].body else { panic!("{:?}", events[0]) };
    assert_eq!((told.output_tokens, told.output_audio_tokens, told.output_text_tokens), (30, 26, 4));
    assert_eq!(usage(&session.receive(json!({"usageMetadata": both}))), [(0, 30, 30)]);
}

#[test]
fn tokens_are_told_by_kind() {
    let mut session = oldest().open();
    let detail = |modality: &str, count: u64| json!({"modality": modality, "tokenCount": count});
    let told = json!({
        "promptTokenCount": 100, "toolUsePromptTokenCount": 5, "cachedContentTokenCount": 50,
        "promptTokensDetails": [detail("TEXT", 10), detail("AUDIO", 60), detail("IMAGE", 20), detail("VIDEO", 10)],
        "cacheTokensDetails": [detail("AUDIO", 30), detail("TEXT", 20)],
    });

    let events = session.receive(json!({"usageMetadata": told}));

    let Body::Usage(told) = &events[0].body else { panic!("{:?}", events[0]) };
    assert_eq!((told.input_tokens, told.cached_tokens), (105, 50));
    assert_eq!((told.input_text_tokens, told.input_audio_tokens, told.input_image_tokens), (10, 60, 30));
    assert_eq!((told.cached_audio_tokens, told.cached_text_tokens), (30, 20));
}

#[test]
fn an_error_in_place_of_a_greeting_is_a_refusal() {
    let wrapped = json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "very-secret-key is bad"}});
    let bare = json!({"code": 401, "status": "UNAUTHENTICATED", "message": "very-secret-key is bad"});
    for message in [wrapped, bare] {
        let mut session = oldest().session();
        session.start();

        assert!(session.receive(message).is_empty());

        let Some(Error::Server(error)) = session.protocol.refusal() else { panic!("no refusal") };
        assert_eq!((error.code.as_deref(), error.kind.as_deref()), (Some("401"), Some("UNAUTHENTICATED")));
        assert!(!error.message.contains("very-secret-key") && error.message.contains("is bad"));
    }
}

#[test]
fn an_error_in_a_session_does_not_end_it() {
    let mut session = oldest().open();
    let message = |value: Value| {
        let events = session.receive(value);
        let Body::Error { error, fatal } = &events[0].body else { panic!("{events:?}") };
        (error.to_string(), *fatal)
    };
    let told: Vec<_> =
        [json!({"error": {"message": "Busy."}}), json!({"error": "Busy."}), json!({"code": 14, "message": "Busy."})]
            .map(message)
            .into();

    assert_eq!(told[0], ("Busy.".to_owned(), false));
    assert_eq!(told[2], told[0]);
    assert!(session.protocol.refusal().is_none());
}

#[test]
fn the_end_of_a_connection_is_told_in_seconds() {
    let mut session = oldest().open();
    let mut left = |message: Value| match session.receive(message).remove(0).body {
        Body::SessionExpiring(seconds) => seconds,
        other => panic!("{other:?}"),
    };

    assert_eq!(left(json!({"goAway": {"timeLeft": "50s"}})), 50.0);
    assert_eq!(left(json!({"goAway": {"timeLeft": "1.880s"}})), 1.88);
    assert_eq!(left(json!({"goAway": {}})), 0.0);
    assert_eq!(left(json!({"goAway": {"timeLeft": "1e300s"}})), 0.0);
    assert_eq!(left(json!({"goAway": {"timeLeft": "-3s"}})), 0.0);
}

#[test]
fn an_interruption_among_the_greeting_is_no_fault() {
    let mut session = oldest().session();
    session.start();

    let events = session.receive_all([user_said("Hi"), interrupted(), json!({"setupComplete": {}})]);

    assert!(kinds(&events).contains(&"open"));
    assert!(ends(&events).is_empty());
}
