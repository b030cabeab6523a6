//! Gemini Live (BidiGenerateContent): the session of the other family of services, of AI Studio and of Vertex.
//!
//! The path of one message: `endpoint` (whom to let in) → `schema` (keys and shapes) → `session` (setup) → `talk` and its
//! parts, which answer → the outbox. Nothing here does I/O or reads a clock.

mod answering;
mod close;
mod content;
mod declarations;
pub(crate) mod endpoint;
mod handles;
mod listening;
mod playing;
mod profile;
mod resuming;
mod schema;
mod session;
mod setup;
mod shapes;
mod talk;
mod tools;
mod turn;
mod usage;

pub(crate) use close::Close;
pub(crate) use handles::Handles;
pub(crate) use session::Session;
