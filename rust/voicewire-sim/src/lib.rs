//! A local simulator of the OpenAI Realtime service and its dialects: a real WebSocket server, so that a client can be tried without an account.
//!
//! The path of one message: `listener` (socket) → `request`, `gate` (upgrade) → `connection` (message) → `shape` (dialect) →
//! `session` (event), and back. What is no upgrade goes to `rest`. `session` does no I/O and reads no clock. Nothing here is shared with the client crates, so that one bug cannot
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

pub use config::{Beta, Dialect, Refusal, SimulatorConfig};
pub use fault::{Cut, Fault, FaultError, FaultKind, Trigger};
pub use ledger::{ConnectionRecord, RequestRecord};
pub use script::{Rule, Script, ScriptError};
pub use simulator::{Simulator, SimulatorError};
