//! OpenAI Realtime: the GA protocol and, as data, the services that speak like it.

mod commands;
mod decode;
mod dialect;
mod formats;
mod history;
mod names;
mod pending;
mod protocol;
mod reader;
mod refusals;
mod restore;
mod sequencer;
mod services;
mod session;
mod standing;
mod told;
mod turn;

pub use dialect::{Abilities, Dialect};
pub use formats::Formats;
pub use names::{canonical, is_wire_name};
pub use protocol::{OpenAi, Settings};
pub use services::{dialect, ALL, AZURE, AZURE_PREVIEW, BETA, GA, QWEN, VOICE_LIVE, XAI};
pub use session::{encode_session, EncodedSession, SessionType};
