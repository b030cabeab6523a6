//! The GA request schema of client events and conversation items as tables; consulted by every message.

use crate::schema::Shape::{Any, Boolean, Integer, List, Nullable, Object, Short, Tagged, Text, Word};
use crate::schema::{optional, required, Field, Shape};
use crate::schema_session::{RESPONSE, SESSION};

/// Client events by type.
pub(crate) const EVENTS: &[(&str, &[Field])] = &[
    ("session.update", &[TYPE, EVENT_ID, required("session", SESSION)]),
    ("input_audio_buffer.append", &[TYPE, EVENT_ID, required("audio", Text)]),
    ("input_audio_buffer.commit", &[TYPE, EVENT_ID]),
    ("input_audio_buffer.clear", &[TYPE, EVENT_ID]),
    ("conversation.item.create", &[TYPE, EVENT_ID, PREVIOUS, required("item", ITEM)]),
    ("conversation.item.retrieve", &[TYPE, EVENT_ID, required("item_id", Text)]),
    ("conversation.item.truncate", TRUNCATE),
    ("conversation.item.delete", &[TYPE, EVENT_ID, required("item_id", Text)]),
    ("response.create", &[TYPE, EVENT_ID, optional("response", RESPONSE)]),
    ("response.cancel", &[TYPE, EVENT_ID, optional("response_id", Text)]),
    ("output_audio_buffer.clear", &[TYPE, EVENT_ID]),
];

/// `item` of `conversation.item.create`.
pub(crate) const ITEM: Shape = Tagged(
    "type",
    &[
        ("message", MESSAGE),
        ("function_call", FUNCTION_CALL),
        ("function_call_output", FUNCTION_CALL_OUTPUT),
        ("mcp_approval_response", APPROVAL_RESPONSE),
        ("mcp_list_tools", LIST_TOOLS),
        ("mcp_call", MCP_CALL),
        ("mcp_approval_request", APPROVAL_REQUEST),
    ],
);

/// One of `input` of `response.create`: an item, or a reference to one of the conversation.
pub(crate) const INPUT_ITEM: Shape = Tagged(
    "type",
    &[
        ("message", MESSAGE),
        ("function_call", FUNCTION_CALL),
        ("function_call_output", FUNCTION_CALL_OUTPUT),
        ("mcp_approval_response", APPROVAL_RESPONSE),
        ("mcp_list_tools", LIST_TOOLS),
        ("mcp_call", MCP_CALL),
        ("mcp_approval_request", APPROVAL_REQUEST),
        ("item_reference", &[TYPE, required("id", Text)]),
    ],
);

const TYPE: Field = required("type", Text);
const EVENT_ID: Field = optional("event_id", Short(512));
const PREVIOUS: Field = optional("previous_item_id", Nullable(&Text));
const ID: Field = optional("id", Short(32));
const OBJECT: Field = optional("object", Word(&["realtime.item"]));
const STATUS: Field = optional("status", Word(&["completed", "incomplete", "in_progress"]));

const TRUNCATE: &[Field] = &[
    TYPE,
    EVENT_ID,
    required("item_id", Text),
    required("content_index", Integer(0, i64::MAX)),
    required("audio_end_ms", Integer(0, i64::MAX)),
];

const MESSAGE: &[Field] = &[
    TYPE,
    ID,
    OBJECT,
    STATUS,
    required("role", Word(&["system", "user", "assistant"])),
    required("content", List(&CONTENT)),
];

/// Parts of all roles; which role may hold which part is checked beside the item. One declared type covers all parts of a
/// role, so a part may name the fields of its siblings.
const CONTENT: Shape = Tagged(
    "type",
    &[
        ("input_text", &[TYPE, required("text", Text), AUDIO, TRANSCRIPT, IMAGE_URL, DETAIL]),
        ("input_audio", &[TYPE, AUDIO, TRANSCRIPT, TEXT, IMAGE_URL, DETAIL]),
        ("input_image", &[TYPE, required("image_url", Text), DETAIL, TEXT, AUDIO, TRANSCRIPT]),
        ("output_text", &[TYPE, required("text", Text), AUDIO, TRANSCRIPT]),
        ("output_audio", &[TYPE, AUDIO, TRANSCRIPT, TEXT]),
    ],
);

const TEXT: Field = optional("text", Text);
const AUDIO: Field = optional("audio", Text);
const TRANSCRIPT: Field = optional("transcript", Nullable(&Text));
const IMAGE_URL: Field = optional("image_url", Text);
const DETAIL: Field = optional("detail", Word(&["auto", "low", "high"]));

const FUNCTION_CALL: &[Field] =
    &[TYPE, ID, OBJECT, STATUS, optional("call_id", Short(32)), required("name", Text), required("arguments", Text)];

const FUNCTION_CALL_OUTPUT: &[Field] = &[TYPE, ID, OBJECT, STATUS, required("call_id", Text), required("output", Text)];

const APPROVAL_RESPONSE: &[Field] = &[
    TYPE,
    // Declared as required, and left out by clients in use.
    ID,
    required("approval_request_id", Text),
    required("approve", Boolean),
    optional("reason", Nullable(&Text)),
];

const LIST_TOOLS: &[Field] = &[
    TYPE,
    ID,
    required("server_label", Text),
    required(
        "tools",
        List(&Object(&[
            required("name", Text),
            required("input_schema", Any),
            optional("annotations", Any),
            optional("description", Nullable(&Text)),
        ])),
    ),
];

const MCP_CALL: &[Field] = &[
    TYPE,
    required("id", Short(32)),
    required("server_label", Text),
    required("name", Text),
    required("arguments", Text),
    optional("approval_request_id", Nullable(&Text)),
    optional("error", Nullable(&MCP_ERROR)),
    optional("output", Nullable(&Text)),
];

const MCP_ERROR: Shape = Tagged(
    "type",
    &[
        ("protocol_error", &[TYPE, required("code", Integer(i64::MIN, i64::MAX)), required("message", Text)]),
        ("tool_execution_error", &[TYPE, required("message", Text)]),
        ("http_error", &[TYPE, required("code", Integer(i64::MIN, i64::MAX)), required("message", Text)]),
    ],
);

const APPROVAL_REQUEST: &[Field] = &[
    TYPE,
    required("id", Short(32)),
    required("server_label", Text),
    required("name", Text),
    required("arguments", Text),
];
