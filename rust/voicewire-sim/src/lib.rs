//! A local simulator of the OpenAI Realtime service, its dialects and Gemini Live: a real WebSocket server, so that a client
//! can be tried without an account.
//!
//! The path of one message: `listener` (socket) → `request`, `gate` (upgrade) → `connection` (message) → `service` →
//! `shape` (dialect) and `session` (event), or `gemini`, and back. What is no upgrade goes to `rest`. Sessions do no I/O and read no clock. Nothing here is shared with the client crates, so that one bug cannot
//! hide in both.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod connection;
mod conversation;
mod event;
mod fault;
mod g711;
mod gate;
mod gemini;
mod ids;
mod input;
mod ledger;
mod line;
mod listener;
mod mcp;
mod multipart;
mod outbox;
mod registry;
mod reply;
mod request;
mod resonator;
mod rest;
mod schema;
mod schema_items;
mod schema_session;
mod script;
mod script_mcp;
mod service;
mod session;
mod settings;
mod shape;
mod simulator;
mod socket;
mod sound;
mod stage;
mod stream;
mod timeline;
mod tls;
mod usage;
mod vad;
mod voice;

pub use config::{Beta, Dialect, GeminiConfig, Refusal, SimulatorConfig};
pub use fault::{Cut, Fault, FaultError, FaultKind, Trigger};
pub use ledger::{ConnectionRecord, RequestRecord};
pub use script::{Rule, Script, ScriptError};
pub use simulator::{Simulator, SimulatorError};
