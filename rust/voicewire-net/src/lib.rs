//! All I/O and time of voicewire: the I/O threads, the socket, the session driver, inbox and outbox.
//!
//! Knows no provider and no JSON: a [`voicewire_proto::Protocol`] does.
#![forbid(unsafe_code)]

mod clock;
pub mod connect_error;
mod downlink;
mod driver;
pub mod inbox;
pub mod inline;
pub mod io;
mod keepalive;
mod link;
pub mod outbox;
mod reconnect;
mod renewal;
mod replay;
mod runs_on;
pub mod session;
pub mod settings;
pub mod socket;
pub mod stats;
pub mod target;
mod tls;
mod upgrade;
pub mod wake;

pub use connect_error::{ConnectError, ConnectErrorKind};
pub use inbox::{ConnectFailure, Delivery, Inbox, Item};
pub use outbox::{Phase, SendError};
pub use session::Session;
pub use settings::{Limits, Reconnect, ReplayAudio, Timeouts};
pub use stats::Stats;
pub use target::{Target, TlsOptions};
