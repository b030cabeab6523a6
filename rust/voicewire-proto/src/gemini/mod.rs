//! Gemini Live: Google AI Studio and Vertex AI, with models that differ as data.

mod backend;
mod commands;
mod content;
mod decode;
mod history;
mod profile;
mod protocol;
mod read;
mod reader;
mod setup;
mod switch;
mod talk;
mod tokens;
mod told;
mod update;
mod wire;

pub use backend::{backend, Backend, GEMINI, INPUT_RATE, OUTPUT_RATE, VERTEX};
pub use profile::Profile;
pub use protocol::{Gemini, Settings};
pub use setup::{encode_setup, EncodedSetup};
