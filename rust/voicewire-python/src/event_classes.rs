//! The classes of events: names, fields and order of design section "Public API".

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use voicewire_proto::event::TurnComplete as Turn;
use voicewire_proto::{Body, Kind, Usage};

use crate::errors::from_error;
use crate::event::{json_object, PyEvent};

/// One event class: its documentation, `__match_args__`, and one getter a field.
macro_rules! event_class {
    (
        $(#[$doc:meta])* $class:ident { $($fields:tt)* } [$($arg:literal),*]
        $($(#[$getter_doc:meta])* fn $name:ident($self:ident, $py:ident) -> $type:ty $body:block)*
    ) => {
        $(#[$doc])*
        #[pyclass(frozen, extends = PyEvent, module = "voicewire")]
        pub struct $class { $($fields)* }

        // A getter's body is a block of the macro's caller.
        #[allow(unused_braces)]
        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Py<PyTuple>> {
                names(py, &[$($arg),*])
            }

            $(
                $(#[$getter_doc])*
                #[getter]
                fn $name<'py>(slf: &Bound<'py, Self>) -> $type {
                    let $py = slf.py();
                    let $self: &PyEvent = slf.as_super().get();
                    let _ = $py;
                    $body
                }
            )*
        }
    };
}

type Str<'py> = Option<Bound<'py, PyString>>;
type Any<'py> = PyResult<Bound<'py, PyAny>>;

event_class! {
    /// The session is ready.
    Open {} []
}

event_class! {
    /// A piece of written answer.
    TextDelta {} ["text"]
    /// The piece.
    fn text(this, py) -> Str<'py> {
        match &this.event.body { Body::TextDelta(text) => this.string(py, text), _ => None }
    }
}

event_class! {
    /// A piece of the transcript of the spoken answer.
    TranscriptDelta {} ["text"]
    /// The piece.
    fn text(this, py) -> Str<'py> {
        match &this.event.body { Body::Transcript(text) => this.string(py, text), _ => None }
    }
}

event_class! {
    /// A piece of the model's thinking, which is never part of the transcript.
    ThoughtDelta {} ["text"]
    /// The piece.
    fn text(this, py) -> Str<'py> {
        match &this.event.body { Body::Thought(text) => this.string(py, text), _ => None }
    }
}

event_class! {
    /// What the user said: a piece of it, or the whole where `final`.
    InputTranscript {} ["text", "final", "item_id"]
    /// The piece, or the whole.
    fn text(this, py) -> Str<'py> {
        match &this.event.body { Body::InputTranscript { text, .. } => this.string(py, text), _ => None }
    }
    /// Whether it is the whole transcript of the item.
    #[pyo3(name = "final")]
    fn is_final(this, py) -> bool { matches!(this.event.body, Body::InputTranscript { is_final: true, .. }) }
}

event_class! {
    /// The server heard the user begin to speak.
    SpeechStarted {} ["item_id"]
    /// Where the speech begins, prefix padding included, in ms of all audio sent; None where not told.
    fn audio_start_ms(this, py) -> Option<i64> {
        match this.event.body { Body::SpeechStarted(at) => at, _ => None }
    }
}

event_class! {
    /// The server heard the user stop speaking.
    SpeechStopped {} ["item_id"]
    /// Where the speech ends, in ms of all audio sent; None where not told.
    fn audio_end_ms(this, py) -> Option<i64> {
        match this.event.body { Body::SpeechStopped(at) => at, _ => None }
    }
}

event_class! {
    /// The user's audio became an item of the conversation.
    InputCommitted {} ["item_id"]
}

event_class! {
    /// The user spoke over the answer.
    Interrupted {} ["item_id", "heard_ms"]
    /// How much of the item had been heard, in ms, or None where nothing had come.
    fn heard_ms(this, py) -> Option<i64> {
        match this.event.body { Body::Interrupted { heard_ms, .. } => heard_ms, _ => None }
    }
    /// Whether `heard_ms` assumes that playback began with the first delta and had no gaps.
    fn estimated(this, py) -> bool { matches!(this.event.body, Body::Interrupted { estimated: true, .. }) }
}

event_class! {
    /// The model began a response.
    ResponseStarted {} ["response_id"]
}

event_class! {
    /// The model ended a response; fires once for each.
    TurnComplete {} ["status", "response_id", "usage", "final"]
    /// "completed", "cancelled", "incomplete" or "failed".
    fn status(this, py) -> &'static str { turn(this).map_or("completed", |turn| turn.status.as_str()) }
    /// Tokens used, or None where the service does not tell.
    fn usage(this, py) -> Any<'py> { usage_object(py, this, turn(this).and_then(|turn| turn.usage.as_ref())) }
    /// False while the model is about to go on by itself.
    #[pyo3(name = "final")]
    fn is_final(this, py) -> bool { turn(this).is_none_or(|turn| turn.is_final) }
    /// Why it failed, or None.
    fn error(this, py) -> Any<'py> {
        match turn(this).and_then(|turn| turn.error.as_ref()) {
            Some(error) => from_error(py, error),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

event_class! {
    /// The model calls a tool.
    ToolCall {} ["call_id", "name", "arguments"]
    /// Id to answer under.
    fn call_id(this, py) -> Str<'py> {
        match &this.event.body { Body::ToolCall { call_id, .. } => this.string(py, call_id), _ => None }
    }
    /// Name of the tool, or None where the dialect does not tell.
    fn name(this, py) -> Str<'py> {
        match &this.event.body { Body::ToolCall { name, .. } => this.string(py, name), _ => None }
    }
    /// Arguments as a dict; empty where the text is no JSON object.
    fn arguments(this, py) -> Any<'py> {
        let Body::ToolCall { arguments, .. } = &this.event.body else { return json_object(py, "{}") };
        json_object(py, this.event.resolve(arguments).unwrap_or("{}"))
    }
    /// Arguments as the text that came.
    fn arguments_json(this, py) -> Str<'py> {
        match &this.event.body { Body::ToolCall { arguments, .. } => this.string(py, arguments), _ => None }
    }
}

event_class! {
    /// The provider took tool calls back.
    ToolCallCancelled {} ["call_ids"]
    /// Ids of the calls.
    fn call_ids(this, py) -> Vec<String> {
        match &this.event.body { Body::ToolCallCancelled(ids) => ids.clone(), _ => Vec::new() }
    }
}

event_class! {
    /// Tokens that a response used.
    UsageReported {} ["usage"]
    /// The tokens.
    fn usage(this, py) -> Any<'py> {
        match &this.event.body {
            Body::Usage(usage) => usage_object(py, this, Some(usage)),
            _ => Ok(py.None().into_bound(py)),
        }
    }
}

event_class! {
    /// What is left of the rate limits.
    RateLimits {} ["limits"]
    /// One dict a limit: name, limit, remaining, reset_seconds.
    fn limits(this, py) -> Any<'py> {
        let raw = this.raw_dict(py)?;
        raw.call_method1("get", ("rate_limits", Vec::<String>::new()))
    }
}

event_class! {
    /// The session is about to reach its time limit.
    SessionExpiring {} ["time_left"]
    /// Seconds left.
    fn time_left(this, py) -> f64 {
        match this.event.body { Body::SessionExpiring(seconds) => seconds, _ => 0.0 }
    }
}

event_class! {
    /// The connection was lost and is being made again.
    Reconnecting {} ["attempt"]
    /// Number of the attempt, from 1.
    fn attempt(this, py) -> u32 {
        match this.event.body { Body::Reconnecting { attempt } => attempt, _ => 0 }
    }
}

event_class! {
    /// The connection is back.
    Reconnected {} ["restored", "gap_ms", "audio_lost_ms"]
    /// What the new session knows of the old: "resumed", "replayed", "partial" or "none".
    fn restored(this, py) -> &'static str {
        match this.event.body { Body::Reconnected { restored, .. } => restored, _ => "none" }
    }
    /// How long there was no session, in ms.
    fn gap_ms(this, py) -> u64 {
        match this.event.body { Body::Reconnected { gap_ms, .. } => gap_ms, _ => 0 }
    }
    /// Audio of the user that did not fit the ring, in ms.
    fn audio_lost_ms(this, py) -> u64 {
        match this.event.body { Body::Reconnected { audio_lost_ms, .. } => audio_lost_ms, _ => 0 }
    }
    /// Audio of the user that was sent again, in ms.
    fn audio_resent_ms(this, py) -> u64 {
        match this.event.body { Body::Reconnected { audio_resent_ms, .. } => audio_resent_ms, _ => 0 }
    }
}

event_class! {
    /// The session is not what was asked for.
    ConfigMismatch {} ["fields"]
    /// Names of the options.
    fn fields(this, py) -> Vec<String> {
        match &this.event.body { Body::ConfigMismatch(fields) => fields.clone(), _ => Vec::new() }
    }
}

event_class! {
    /// Something is wrong; the session goes on unless `fatal`.
    ErrorEvent {} ["error", "fatal"]
    /// A `VoicewireError`.
    fn error(this, py) -> Any<'py> {
        let made = this.detail.get_or_try_init(py, || match &this.event.body {
            Body::Error { error, .. } => from_error(py, error).map(Bound::unbind),
            _ => Ok(py.None()),
        })?;
        Ok(made.bind(py).clone())
    }
    /// Whether the session ends by it.
    fn fatal(this, py) -> bool { matches!(this.event.body, Body::Error { fatal: true, .. }) }
}

event_class! {
    /// The session is over; the last event.
    Closed {} ["code", "reason", "clean"]
    /// WebSocket close code: 1005 without one, 1006 for a cut.
    fn code(this, py) -> u16 {
        match this.event.body { Body::Closed { code, .. } => code, _ => 1006 }
    }
    /// The peer's words, or ours.
    fn reason(this, py) -> String {
        match &this.event.body { Body::Closed { reason, .. } => reason.to_string(), _ => String::new() }
    }
    /// Whether both sides said goodbye.
    fn clean(this, py) -> bool { matches!(this.event.body, Body::Closed { clean: true, .. }) }
}

/// An event under its wire name; `event["key"]` is `event.raw["key"]`.
#[pyclass(frozen, extends = PyEvent, module = "voicewire")]
pub struct ServerEvent {}

#[pymethods]
impl ServerEvent {
    #[classattr]
    fn __match_args__(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        names(py, &["type", "raw"])
    }

    /// The wire name, as it came.
    #[getter]
    fn r#type<'py>(slf: &Bound<'py, Self>) -> Str<'py> {
        let this: &PyEvent = slf.as_super().get();
        this.string(slf.py(), &this.event.wire_type)
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &str) -> Any<'py> {
        slf.as_super().get().raw_dict(slf.py())?.get_item(key)
    }

    fn __contains__(slf: &Bound<'_, Self>, key: &str) -> PyResult<bool> {
        slf.as_super().get().raw_dict(slf.py())?.contains(key)
    }

    /// `raw.get(key, default)`.
    #[pyo3(signature = (key, default=None, /))]
    fn get<'py>(slf: &Bound<'py, Self>, key: &str, default: Option<Bound<'py, PyAny>>) -> Any<'py> {
        slf.as_super().get().raw_dict(slf.py())?.call_method1("get", (key, default))
    }
}

/// Makes the object of the class that the body asks for; audio has its own way.
pub(crate) fn build(py: Python<'_>, base: PyEvent) -> PyResult<Py<PyAny>> {
    macro_rules! by_kind {
        ($($kind:ident => $class:ident),* $(,)?) => {
            match base.event.kind() {
                $(Kind::$kind => Py::new(py, ($class {}, base))?.into_any(),)*
                _ => Py::new(py, (ServerEvent {}, base))?.into_any(),
            }
        };
    }
    Ok(by_kind! {
        Open => Open,
        Text => TextDelta,
        Transcript => TranscriptDelta,
        Thought => ThoughtDelta,
        InputTranscript => InputTranscript,
        SpeechStarted => SpeechStarted,
        SpeechStopped => SpeechStopped,
        InputCommitted => InputCommitted,
        Interrupted => Interrupted,
        ResponseStarted => ResponseStarted,
        TurnComplete => TurnComplete,
        ToolCall => ToolCall,
        ToolCallCancelled => ToolCallCancelled,
        Usage => UsageReported,
        RateLimits => RateLimits,
        SessionExpiring => SessionExpiring,
        Reconnecting => Reconnecting,
        Reconnected => Reconnected,
        ConfigMismatch => ConfigMismatch,
        Error => ErrorEvent,
        Closed => Closed,
    })
}

pub(crate) fn names(py: Python<'_>, names: &[&str]) -> PyResult<Py<PyTuple>> {
    PyTuple::new(py, names).map(Bound::unbind)
}

fn turn(event: &PyEvent) -> Option<&Turn> {
    match &event.event.body {
        Body::TurnComplete(turn) => Some(turn),
        _ => None,
    }
}

fn usage_object<'py>(py: Python<'py>, event: &PyEvent, usage: Option<&Usage>) -> Any<'py> {
    let Some(usage) = usage else { return Ok(py.None().into_bound(py)) };
    let made = event.detail.get_or_try_init(py, || {
        let fields = PyDict::new(py);
        for (name, tokens) in usage.each() {
            fields.set_item(name, tokens)?;
        }
        py.import("voicewire.usage")?.getattr("Usage")?.call((), Some(&fields)).map(Bound::unbind)
    })?;
    Ok(made.bind(py).clone())
}
