//! xAI's request schema as tables: GA's events, and a session that is half beta.

use super::beta_schema::{
    APPEND, CANCEL, CLEAR, COMMIT, DELETE, EVENT_ID, FUNCTION, FUNCTION_CALL, FUNCTION_CALL_OUTPUT, MAX_TOKENS,
    MODALITIES, PREVIOUS, RETRIEVE, TOOL_CHOICE, TRUNCATE, TYPE,
};
use crate::schema::Shape::{Any, Boolean, Integer, List, Map, Nullable, Number, Object, Short, Tagged, Text, Word};
use crate::schema::{optional, required, Field, Shape};

/// Client events by type.
pub(super) const EVENTS: &[(&str, &[Field])] = &[
    ("session.update", &[TYPE, EVENT_ID, required("session", Object(SESSION))]),
    APPEND,
    COMMIT,
    ("conversation.item.commit", &[TYPE, EVENT_ID]),
    CLEAR,
    ("conversation.item.create", &[TYPE, EVENT_ID, PREVIOUS, required("item", ITEM)]),
    RETRIEVE,
    TRUNCATE,
    DELETE,
    ("response.create", &[TYPE, EVENT_ID, optional("response", Object(RESPONSE))]),
    CANCEL,
];

const SESSION: &[Field] = &[
    optional("type", Word(&["realtime"])),
    optional("audio", Object(&[optional("input", Object(INPUT)), optional("output", Object(OUTPUT))])),
    optional("input_audio_transcription", TRANSCRIPTION),
    optional("instructions", Text),
    optional("max_response_output_tokens", MAX_TOKENS),
    optional("modalities", MODALITIES),
    optional("model", Text),
    optional("resumption", Nullable(&Object(&[optional("enabled", Boolean)]))),
    optional("temperature", Number(0.0, 2.0)),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", TOOLS),
    optional("turn_detection", Nullable(&Object(TURN_DETECTION))),
    optional("voice", Text),
];

const INPUT: &[Field] = &[optional("format", FORMAT), optional("transcription", TRANSCRIPTION), TRANSPORT];
const OUTPUT: &[Field] = &[optional("format", FORMAT), optional("speed", Number(0.25, 2.0)), TRANSPORT];
const TRANSPORT: Field = optional("transport", Word(&["json"]));

const FORMAT: Shape = Tagged(
    "type",
    &[
        ("audio/pcm", &[optional("type", Text), optional("rate", Integer(8_000, 48_000))]),
        ("audio/pcmu", &[required("type", Text)]),
        ("audio/pcma", &[required("type", Text)]),
    ],
);

const TRANSCRIPTION: Shape = Nullable(&Object(&[
    optional("language", Nullable(&Text)),
    optional("model", Text),
    optional("prompt", Nullable(&Text)),
]));

const TURN_DETECTION: &[Field] = &[
    optional("type", Nullable(&Word(&["server_vad"]))),
    optional("create_response", Boolean),
    optional("interrupt_response", Boolean),
    optional("prefix_padding_ms", Integer(0, 60_000)),
    optional("silence_duration_ms", Integer(0, 60_000)),
    optional("threshold", Number(0.0, 1.0)),
];

/// Searches of the service's own are taken and never used.
const TOOLS: Shape = List(&Tagged(
    "type",
    &[
        ("function", FUNCTION),
        ("web_search", &[required("type", Text)]),
        ("x_search", &[required("type", Text), optional("allowed_x_handles", List(&Text))]),
        ("file_search", &[required("type", Text), optional("vector_store_ids", Any), optional("max_num_results", Any)]),
    ],
));

const RESPONSE: &[Field] = &[
    optional("instructions", Text),
    optional("metadata", Nullable(&Map(&Short(512)))),
    optional("modalities", MODALITIES),
    optional("output_modalities", MODALITIES),
];

const ITEM: Shape = Tagged(
    "type",
    &[("message", MESSAGE), ("function_call", FUNCTION_CALL), ("function_call_output", FUNCTION_CALL_OUTPUT)],
);

const MESSAGE: &[Field] = &[
    TYPE,
    optional("id", Short(36)),
    optional("object", Word(&["realtime.item"])),
    optional("status", Word(&["completed", "incomplete", "in_progress"])),
    required("role", Word(&["system", "user", "assistant"])),
    required("content", List(&CONTENT)),
];

/// The assistant's parts are taken under both names.
const CONTENT: Shape = Tagged(
    "type",
    &[
        ("input_text", &[TYPE, required("text", Text)]),
        ("input_audio", &[TYPE, optional("audio", Text), optional("transcript", Nullable(&Text))]),
        ("text", &[TYPE, required("text", Text)]),
        ("output_text", &[TYPE, required("text", Text)]),
        ("audio", &[TYPE, optional("audio", Text), optional("transcript", Nullable(&Text))]),
        ("output_audio", &[TYPE, optional("audio", Text), optional("transcript", Nullable(&Text))]),
    ],
);
