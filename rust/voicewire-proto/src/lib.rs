//! Realtime voice protocols without sockets, clocks, tasks or Python.
//!
//! A [`Protocol`] turns messages into events and commands into messages; time is an argument. What differs between the
//! services that speak the same protocol is data (see [`openai::Dialect`]).
#![forbid(unsafe_code)]

pub mod command;
pub mod config;
pub mod conversation;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod gemini;
pub mod item;
mod malformed;
mod merge;
pub mod message;
pub mod openai;
mod playback;
pub mod protocol;
pub mod scan;
pub mod secret;
pub mod service;
pub mod uplink;
pub mod usage;

pub use command::{Command, CommandId, ReceiptId};
pub use config::SessionConfig;
pub use conversation::Conversation;
pub use endpoint::{Endpoint, EndpointOptions};
pub use error::{Error, Malformed, ServerError};
pub use event::{Body, Event, Kind, TurnStatus};
pub use message::{Message, Text};
pub use protocol::{Outcome, Protocol, Recovery, Settled, Transmit};
pub use secret::Secrets;
pub use service::Service;
pub use uplink::AudioEncoder;
pub use usage::Usage;
