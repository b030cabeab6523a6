//! Audio formats as services write them.

use serde_json::{json, Map, Value};
use voicewire_audio::codec::Codec;
use voicewire_audio::g711;

/// How a service writes audio formats.
#[derive(Clone, Copy, Debug)]
pub enum Formats {
    /// An object with type and rate: `{"type": "audio/pcm", "rate": 24000}`.
    Typed {
        /// Rates of PCM16 that it takes, its own first.
        rates: &'static [u32],
    },
    /// A name for each format and rate.
    Named {
        /// Formats sent, the service's own first.
        input: &'static [Name],
        /// Formats received, the service's own first.
        output: &'static [Name],
        /// Option beside the input format that holds its rate.
        rate_field: Option<&'static str>,
    },
}

/// A format in our word, its rate in Hz, and the service's name for the two.
pub(super) type Name = (&'static str, u32, &'static str);

impl Formats {
    /// Hz of what we send.
    pub fn input_rate(&self, format: Option<&Value>) -> u32 {
        match self {
            Self::Typed { rates } => typed_rate(rates, format),
            Self::Named { input, .. } => named(input, format).unwrap_or(input[0]).1,
        }
    }

    /// Hz of what comes.
    pub fn output_rate(&self, format: Option<&Value>) -> u32 {
        match self {
            Self::Typed { rates } => typed_rate(rates, format),
            Self::Named { output, .. } => named(output, format).unwrap_or(output[0]).1,
        }
    }

    /// How what we send is written.
    pub fn input_codec(&self, format: Option<&Value>) -> Codec {
        self.codec("input_format", format)
    }

    /// How what comes is written.
    pub fn output_codec(&self, format: Option<&Value>) -> Codec {
        self.codec("output_format", format)
    }

    /// PCM16 where the service does not have the format.
    fn codec(&self, option: &str, format: Option<&Value>) -> Codec {
        let known = format.filter(|format| self.encode(option, format).is_some());
        known.and_then(|format| Codec::named(neutral(format).0)).unwrap_or_default()
    }

    /// The wire's word for a format; None where the service has none.
    pub(super) fn encode(&self, option: &str, format: &Value) -> Option<Value> {
        match self {
            Self::Typed { rates } => typed(rates, format),
            Self::Named { input, output, .. } => {
                let names = if option == "input_format" { input } else { output };
                named(names, Some(format)).map(|(_, _, name)| name.into())
            }
        }
    }

    /// The field beside the input format that holds its rate, where the service has one.
    pub(super) fn rate_field(&self) -> Option<&'static str> {
        match self {
            Self::Typed { .. } => None,
            Self::Named { rate_field, .. } => *rate_field,
        }
    }

    /// Codec and Hz that a session object of the service tells for its output, as far as it does.
    pub(super) fn told_output(&self, session: &Map<String, Value>) -> (Option<Codec>, Option<u32>) {
        let object = session.get("audio").map(|audio| &audio["output"]["format"]).filter(|format| format.is_object());
        if let Some(format) = object {
            let (kind, rate) = neutral(format);
            let codec = Codec::named(kind);
            let usual = matches!(codec, Some(Codec::G711(_))).then_some(g711::SAMPLE_RATE);
            return (codec, rate.or(usual).filter(|rate| (4_000..=192_000).contains(rate)));
        }
        let Self::Named { output, .. } = self else { return (None, None) };
        let told = session.get("output_audio_format").and_then(Value::as_str);
        match told.and_then(|told| output.iter().find(|(_, _, name)| *name == told)) {
            Some((kind, rate, _)) => (Codec::named(kind), Some(*rate)),
            None => (None, None),
        }
    }
}

/// The neutral kind of a format in our words or in OpenAI's, and its rate where given.
fn neutral(format: &Value) -> (&str, Option<u32>) {
    let kind = match format.as_str().or_else(|| format["type"].as_str()).unwrap_or_default() {
        "audio/pcm" => "pcm16",
        "audio/pcmu" => "g711_ulaw",
        "audio/pcma" => "g711_alaw",
        other => other,
    };
    (kind, format.get("rate").and_then(Value::as_u64).and_then(|rate| u32::try_from(rate).ok()))
}

fn typed_rate(rates: &[u32], format: Option<&Value>) -> u32 {
    match format.map(neutral) {
        Some(("g711_ulaw" | "g711_alaw", _)) => g711::SAMPLE_RATE,
        Some((_, Some(rate))) if rates.contains(&rate) => rate,
        _ => rates[0],
    }
}

fn typed(rates: &[u32], format: &Value) -> Option<Value> {
    match neutral(format) {
        ("pcm16", None) => Some(json!({"type": "audio/pcm", "rate": rates[0]})),
        ("pcm16", Some(rate)) => rates.contains(&rate).then(|| json!({"type": "audio/pcm", "rate": rate})),
        ("g711_ulaw", None | Some(g711::SAMPLE_RATE)) => Some(json!({"type": "audio/pcmu"})),
        ("g711_alaw", None | Some(g711::SAMPLE_RATE)) => Some(json!({"type": "audio/pcma"})),
        _ => None,
    }
}

fn named(names: &'static [Name], format: Option<&Value>) -> Option<Name> {
    let (kind, rate) = neutral(format?);
    names.iter().find(|(known, hz, _)| *known == kind && rate.is_none_or(|rate| rate == *hz)).copied()
}
