//! OpenAI Realtime: the GA protocol and, as data, the services that speak like it.

mod commands;
mod decode;
mod dialect;
mod names;
mod pending;
mod protocol;
mod sequencer;
mod session;
mod turn;

pub use dialect::{Dialect, GA};
pub use names::{canonical, is_wire_name};
pub use protocol::{OpenAi, Settings};
pub use session::encode_session;
