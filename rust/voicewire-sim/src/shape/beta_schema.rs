//! The beta request schema as tables, as GA's stands in `schema_items` and `schema_session`.

use crate::schema::Shape::{
    Any, Boolean, Either, Integer, List, Map, Nullable, Number, Object, Short, Tagged, Text, Word,
};
use crate::schema::{optional, required, Field, Shape};

/// Client events by type.
pub(super) const EVENTS: &[(&str, &[Field])] = &[
    ("session.update", &[TYPE, EVENT_ID, required("session", Object(SESSION))]),
    ("transcription_session.update", TRANSCRIPTION_UPDATE),
    APPEND,
    COMMIT,
    CLEAR,
    CREATE_ITEM,
    RETRIEVE,
    TRUNCATE,
    DELETE,
    ("response.create", &[TYPE, EVENT_ID, optional("response", Object(RESPONSE))]),
    CANCEL,
    CLEAR_OUTPUT,
];

type Event = (&'static str, &'static [Field]);

pub(super) const APPEND: Event = ("input_audio_buffer.append", &[TYPE, EVENT_ID, required("audio", Text)]);
pub(super) const COMMIT: Event = ("input_audio_buffer.commit", &[TYPE, EVENT_ID]);
pub(super) const CLEAR: Event = ("input_audio_buffer.clear", &[TYPE, EVENT_ID]);
pub(super) const CREATE_ITEM: Event = ("conversation.item.create", &[TYPE, EVENT_ID, PREVIOUS, required("item", ITEM)]);
pub(super) const RETRIEVE: Event = ("conversation.item.retrieve", &[TYPE, EVENT_ID, required("item_id", Text)]);
pub(super) const TRUNCATE: Event = (
    "conversation.item.truncate",
    &[
        TYPE,
        EVENT_ID,
        required("item_id", Text),
        required("content_index", Integer(0, i64::MAX)),
        required("audio_end_ms", Integer(0, i64::MAX)),
    ],
);
pub(super) const DELETE: Event = ("conversation.item.delete", &[TYPE, EVENT_ID, required("item_id", Text)]);
pub(super) const CANCEL: Event = ("response.cancel", &[TYPE, EVENT_ID, optional("response_id", Text)]);
pub(super) const CLEAR_OUTPUT: Event = ("output_audio_buffer.clear", &[TYPE, EVENT_ID]);

pub(super) const TYPE: Field = required("type", Text);
pub(super) const EVENT_ID: Field = optional("event_id", Short(512));
pub(super) const PREVIOUS: Field = optional("previous_item_id", Nullable(&Text));

/// `session` of `session.update` and the body of `POST /v1/realtime/sessions`.
pub(crate) const SESSION: &[Field] = &[
    optional("client_secret", Nullable(&Any)),
    optional("include", INCLUDE),
    optional("input_audio_format", FORMAT),
    optional("input_audio_noise_reduction", NOISE_REDUCTION),
    optional("input_audio_transcription", INPUT_TRANSCRIPTION),
    optional("instructions", Text),
    optional("max_response_output_tokens", MAX_TOKENS),
    optional("modalities", MODALITIES),
    optional("model", Text),
    optional("output_audio_format", FORMAT),
    optional("speed", Number(0.25, 1.5)),
    optional("temperature", TEMPERATURE),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", TOOLS),
    optional("tracing", Nullable(&Either(&[Word(&["auto"]), Object(TRACING)]))),
    optional("turn_detection", TURN_DETECTION),
    optional("voice", Text),
];

/// `session` of `transcription_session.update` and the body of `POST /v1/realtime/transcription_sessions`.
pub(crate) const TRANSCRIPTION: &[Field] = &[
    optional("client_secret", Nullable(&Any)),
    optional("include", INCLUDE),
    optional("input_audio_format", FORMAT),
    optional("input_audio_noise_reduction", NOISE_REDUCTION),
    optional("input_audio_transcription", INPUT_TRANSCRIPTION),
    optional("modalities", MODALITIES),
    optional("turn_detection", TURN_DETECTION),
];

const TRANSCRIPTION_UPDATE: &[Field] = &[TYPE, EVENT_ID, required("session", Object(TRANSCRIPTION))];

/// `response` of `response.create`. Both names of the token limit are in use.
const RESPONSE: &[Field] = &[
    optional("conversation", Word(&["auto", "none"])),
    optional("input", List(&INPUT_ITEM)),
    optional("instructions", Text),
    optional("max_output_tokens", MAX_TOKENS),
    optional("max_response_output_tokens", MAX_TOKENS),
    optional("metadata", Nullable(&Map(&Short(512)))),
    optional("modalities", MODALITIES),
    optional("output_audio_format", FORMAT),
    optional("temperature", TEMPERATURE),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", TOOLS),
    optional("voice", Text),
];

const FORMAT: Shape = Word(&["pcm16", "g711_ulaw", "g711_alaw"]);
const TEMPERATURE: Shape = Number(0.6, 1.2);
pub(super) const MODALITIES: Shape = List(&Word(&["text", "audio"]));
pub(super) const MAX_TOKENS: Shape = Either(&[Word(&["inf"]), Integer(1, 4096)]);
const NOISE_REDUCTION: Shape = Nullable(&Object(&[optional("type", Word(&["near_field", "far_field"]))]));
const INCLUDE: Shape = Nullable(&List(&Word(&["item.input_audio_transcription.logprobs"])));
const TRACING: &[Field] = &[optional("group_id", Text), optional("metadata", Any), optional("workflow_name", Text)];

const INPUT_TRANSCRIPTION: Shape = Nullable(&Object(&[
    optional("language", Nullable(&Text)),
    optional("model", Text),
    optional("prompt", Nullable(&Text)),
]));

const TURN_DETECTION: Shape = Nullable(&Tagged("type", &[("server_vad", SERVER_VAD), ("semantic_vad", SEMANTIC_VAD)]));

pub(super) const SERVER_VAD: &[Field] = &[
    optional("type", Text),
    optional("create_response", Boolean),
    optional("interrupt_response", Boolean),
    optional("prefix_padding_ms", Integer(0, 60_000)),
    optional("silence_duration_ms", Integer(0, 60_000)),
    optional("threshold", Number(0.0, 1.0)),
];

const SEMANTIC_VAD: &[Field] = &[
    required("type", Text),
    optional("create_response", Boolean),
    optional("eagerness", Word(&["low", "medium", "high", "auto"])),
    optional("interrupt_response", Boolean),
];

/// The object was taken too, though the types declare a string.
pub(super) const TOOL_CHOICE: Shape = Either(&[
    Word(&["none", "auto", "required"]),
    Tagged("type", &[("function", &[required("type", Text), required("name", Text)])]),
]);

const TOOLS: Shape = List(&Tagged("type", &[("function", FUNCTION)]));

pub(super) const FUNCTION: &[Field] = &[
    optional("type", Text),
    required("name", Short(64)),
    optional("description", Nullable(&Text)),
    optional("parameters", Any),
];

const ID: Field = optional("id", Short(32));
const OBJECT: Field = optional("object", Word(&["realtime.item"]));
const STATUS: Field = optional("status", Word(&["completed", "incomplete", "in_progress"]));

/// `item` of `conversation.item.create`.
const ITEM: Shape = Tagged(
    "type",
    &[("message", MESSAGE), ("function_call", FUNCTION_CALL), ("function_call_output", FUNCTION_CALL_OUTPUT)],
);

/// An item of `response.input`.
pub(super) const INPUT_ITEM: Shape = Tagged(
    "type",
    &[
        ("message", MESSAGE),
        ("function_call", FUNCTION_CALL),
        ("function_call_output", FUNCTION_CALL_OUTPUT),
        ("item_reference", &[TYPE, required("id", Text)]),
    ],
);

pub(super) const MESSAGE: &[Field] = &[
    TYPE,
    ID,
    OBJECT,
    STATUS,
    required("role", Word(&["system", "user", "assistant"])),
    required("content", List(&CONTENT)),
];

/// Parts of all roles; which role may hold which part is checked beside the item.
const CONTENT: Shape = Tagged(
    "type",
    &[
        ("input_text", &[TYPE, required("text", Text)]),
        ("input_audio", &[TYPE, optional("audio", Text), optional("transcript", Nullable(&Text))]),
        ("text", &[TYPE, required("text", Text)]),
        ("audio", &[TYPE, optional("audio", Text), optional("transcript", Nullable(&Text))]),
    ],
);

pub(super) const FUNCTION_CALL: &[Field] =
    &[TYPE, ID, OBJECT, STATUS, optional("call_id", Short(64)), required("name", Text), required("arguments", Text)];

pub(super) const FUNCTION_CALL_OUTPUT: &[Field] =
    &[TYPE, ID, OBJECT, STATUS, required("call_id", Text), required("output", Text)];
