//! The Python boundary: the only crate that names pyo3 and numpy. Extension module `voicewire._voicewire`.
//!
//! Events go out of it by ownership, audio comes in by borrow; Rust threads run no user code and make no Python objects.
#![deny(unsafe_code)]

mod audio;
mod audio_delta;
mod audio_tools;
mod conversation;
mod delivery;
mod dialects;
mod dispatch;
mod endpoint;
mod errors;
mod event;
mod event_classes;
mod format_changes;
mod hub;
mod interpreter;
mod iterator;
mod memory;
mod request;
mod samples;
mod session;
mod simulator;
mod staging;
mod uplink;

/// Rust core of voicewire; use the names of the package `voicewire`.
// A free-threaded interpreter takes its lock back for it: nothing has proved yet that the classes do without.
#[pyo3::pymodule(gil_used = true)]
mod _voicewire {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::audio::{
        base64_decode, base64_encode, configure, decode_g711, encode_g711, float_to_pcm16, mix_down, pcm16_to_float,
        read_wav, PyResampler,
    };
    #[pymodule_export]
    use crate::audio_delta::AudioDelta;
    #[pymodule_export]
    use crate::audio_tools::{copy_samples, PyAudioRing, PyChunker, PyPreRoll, PySpeechGate};
    #[pymodule_export]
    use crate::conversation::{ConversationItem, ConversationStore};
    #[pymodule_export]
    use crate::dialects::{decode_event, dialect_facts, encode_session, unsupported_options};
    #[pymodule_export]
    use crate::endpoint::{canonical_name, check_endpoint};
    #[pymodule_export]
    use crate::event::PyEvent;
    #[pymodule_export]
    use crate::event_classes::{
        Closed, ConfigMismatch, ErrorEvent, InputCommitted, InputTranscript, Interrupted, Open, RateLimits,
        Reconnected, Reconnecting, ResponseStarted, ServerEvent, SessionExpiring, SpeechStarted, SpeechStopped,
        TextDelta, ThoughtDelta, ToolCall, ToolCallCancelled, TranscriptDelta, TurnComplete, UsageReported,
    };
    #[pymodule_export]
    use crate::hub::PyHub;
    #[pymodule_export]
    use crate::iterator::{EventIterator, NextEvent};
    #[pymodule_export]
    use crate::session::PySession;
    #[pymodule_export]
    use crate::simulator::SimulatorServer;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::claim(module.py())
    }
}
