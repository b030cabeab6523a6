//! The GA request schema of sessions and responses as tables; consulted by `session.update` and `response.create`.

use crate::schema::Shape::{
    Any, Boolean, Either, Integer, List, Map, Nullable, Number, Object, Short, Tagged, Text, Word,
};
use crate::schema::{optional, required, Field, Shape};
use crate::schema_items::INPUT_ITEM;

/// `session` of `session.update`.
pub(crate) const SESSION: Shape = Tagged("type", &[("realtime", REALTIME), ("transcription", TRANSCRIPTION)]);

/// `response` of `response.create`.
pub(crate) const RESPONSE: Shape = Object(&[
    optional("audio", Object(&[optional("output", Object(RESPONSE_OUTPUT))])),
    optional("conversation", Word(&["auto", "none"])),
    optional("input", List(&INPUT_ITEM)),
    optional("instructions", Text),
    optional("max_output_tokens", MAX_OUTPUT_TOKENS),
    optional("metadata", Nullable(&Map(&Short(512)))),
    optional("output_modalities", MODALITIES),
    optional("parallel_tool_calls", Boolean),
    optional("prompt", PROMPT),
    optional("reasoning", REASONING),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", TOOLS),
]);

const REALTIME: &[Field] = &[
    required("type", Text),
    optional("audio", Object(&[optional("input", Object(INPUT)), optional("output", Object(OUTPUT))])),
    optional("include", INCLUDE),
    optional("instructions", Text),
    optional("max_output_tokens", MAX_OUTPUT_TOKENS),
    optional("model", Text),
    optional("output_modalities", MODALITIES),
    optional("parallel_tool_calls", Boolean),
    optional("prompt", PROMPT),
    optional("reasoning", REASONING),
    optional("tool_choice", TOOL_CHOICE),
    optional("tools", TOOLS),
    optional("tracing", Nullable(&Either(&[Word(&["auto"]), Object(TRACING)]))),
    optional("truncation", Either(&[Word(&["auto", "disabled"]), Object(RETENTION)])),
];

const TRANSCRIPTION: &[Field] = &[
    required("type", Text),
    optional("audio", Object(&[optional("input", Object(INPUT))])),
    optional("include", INCLUDE),
];

const INPUT: &[Field] = &[
    optional("format", FORMAT),
    optional(
        "noise_reduction",
        Nullable(&Object(&[
            optional("strength", Number(0.0, 1.0)),
            optional("type", Word(&["near_field", "far_field"])),
        ])),
    ),
    optional(
        "transcription",
        Nullable(&Object(&[
            optional("delay", Word(EFFORTS)),
            optional("keywords", List(&Text)),
            optional("language", Nullable(&Text)),
            optional("languages", List(&Text)),
            optional("model", Text),
            optional("prompt", Nullable(&Text)),
        ])),
    ),
    optional(
        "turn_detection",
        Nullable(&Tagged("type", &[("server_vad", SERVER_VAD), ("semantic_vad", SEMANTIC_VAD)])),
    ),
];

const SERVER_VAD: &[Field] = &[
    required("type", Text),
    optional("create_response", Boolean),
    optional("idle_timeout_ms", Nullable(&Integer(5_000, 30_000))),
    optional("interrupt_response", Boolean),
    // The upper ends are not declared; a minute is beyond any use.
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

const OUTPUT: &[Field] = &[optional("format", FORMAT), optional("speed", Number(0.25, 1.5)), optional("voice", VOICE)];

const RESPONSE_OUTPUT: &[Field] = &[optional("format", FORMAT), optional("voice", VOICE)];

/// Any name of a voice: the service has custom ones, and adds to its own.
const VOICE: Shape = Either(&[Text, Object(&[required("id", Text)])]);

const FORMAT: Shape = Tagged(
    "type",
    &[
        ("audio/pcm", &[optional("type", Text), optional("rate", Integer(24_000, 24_000))]),
        ("audio/pcmu", &[required("type", Text)]),
        ("audio/pcma", &[required("type", Text)]),
    ],
);

const INCLUDE: Shape = Nullable(&List(&Word(&["item.input_audio_transcription.logprobs"])));

const MODALITIES: Shape = List(&Word(&["text", "audio"]));

const MAX_OUTPUT_TOKENS: Shape = Either(&[Word(&["inf"]), Integer(1, 4096)]);

const EFFORTS: &[&str] = &["minimal", "low", "medium", "high", "xhigh"];

const REASONING: Shape = Object(&[optional("effort", Word(EFFORTS))]);

const PROMPT: Shape = Nullable(&Object(&[
    required("id", Text),
    optional("variables", Nullable(&Map(&Any))),
    optional("version", Nullable(&Text)),
]));

const TRACING: &[Field] = &[optional("group_id", Text), optional("metadata", Any), optional("workflow_name", Text)];

const RETENTION: &[Field] = &[
    required("type", Word(&["retention_ratio"])),
    required("retention_ratio", Number(0.0, 1.0)),
    optional("token_limits", Object(&[optional("post_instructions", Integer(0, i64::MAX))])),
];

const TOOL_CHOICE: Shape = Either(&[
    Word(&["none", "auto", "required"]),
    Tagged(
        "type",
        &[
            ("function", &[required("type", Text), required("name", Text)]),
            ("mcp", &[required("type", Text), required("server_label", Text), optional("name", Nullable(&Text))]),
        ],
    ),
]);

const TOOLS: Shape = List(&Tagged("type", &[("function", FUNCTION), ("mcp", MCP)]));

const FUNCTION: &[Field] =
    &[optional("type", Text), required("name", Short(64)), optional("description", Text), optional("parameters", Any)];

const MCP: &[Field] = &[
    required("type", Text),
    required("server_label", Text),
    optional("allowed_callers", Nullable(&List(&Word(&["direct", "programmatic"])))),
    optional("allowed_tools", Nullable(&Either(&[List(&Text), Object(TOOL_FILTER)]))),
    optional("authorization", Text),
    optional("connector_id", Word(CONNECTORS)),
    optional("defer_loading", Boolean),
    optional("headers", Nullable(&Map(&Text))),
    optional("require_approval", Nullable(&Either(&[Word(&["always", "never"]), Object(APPROVAL)]))),
    optional("server_description", Text),
    optional("server_url", Text),
    optional("tunnel_id", Text),
];

const TOOL_FILTER: &[Field] = &[optional("read_only", Boolean), optional("tool_names", List(&Text))];

const APPROVAL: &[Field] = &[optional("always", Object(TOOL_FILTER)), optional("never", Object(TOOL_FILTER))];

const CONNECTORS: &[&str] = &[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
];
