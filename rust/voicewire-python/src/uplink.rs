//! Step "send_audio() → resample": what is carried from chunk to chunk.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use voicewire_audio::codec::Codec;
use voicewire_audio::g711::{self, Law};
use voicewire_audio::resample::Resampler;
use voicewire_net::{SendError, Session};

use crate::errors::send_error;
use crate::memory::Memory;

/// The resampler of a session's input.
#[derive(Default)]
pub(crate) struct Uplink {
    resampler: Option<(u32, Resampler)>,
    output: Vec<i16>,
}

/// Why audio was not taken.
pub(crate) enum AudioError {
    Send(SendError),
    Rate(String),
}

impl AudioError {
    pub(crate) fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Self::Send(error) => send_error(py, &error),
            Self::Rate(message) => PyValueError::new_err(format!("sample_rate: {message}")),
        }
    }
}

impl Uplink {
    /// Sends a chunk at its own rate; None means the wire's.
    pub(crate) fn send(
        &mut self,
        net: &Session,
        memory: &Memory,
        input: &[i16],
        sample_rate: Option<u32>,
    ) -> Result<(), AudioError> {
        let wire_rate = net.audio_encoder().sample_rate;
        let rate = sample_rate.unwrap_or(wire_rate);
        net.admits_audio().map_err(AudioError::Send)?;
        self.output.clear();
        if self.resampler.as_ref().is_some_and(|(from, _)| *from != rate) {
            // Another source: the tail of the old one comes first.
            self.take_tail();
        }
        if rate != wire_rate {
            self.resample(input, rate, wire_rate)?;
        } else if self.output.is_empty() {
            net.send_audio(input).map_err(AudioError::Send)?;
            memory.sent(input);
            return Ok(());
        } else {
            self.output.extend_from_slice(input);
        }
        net.send_audio(&self.output).map_err(AudioError::Send)?;
        memory.sent(&self.output);
        Ok(())
    }

    /// Sends G.711: as it is where the session takes it so, else as samples.
    pub(crate) fn send_g711(
        &mut self,
        net: &Session,
        memory: &Memory,
        bytes: &[u8],
        law: Law,
    ) -> Result<(), AudioError> {
        let mut samples = Vec::new();
        g711::decode(law, bytes, &mut samples);
        let encoder = net.audio_encoder();
        if encoder.codec != Codec::G711(law) || encoder.sample_rate != g711::SAMPLE_RATE {
            return self.send(net, memory, &samples, Some(g711::SAMPLE_RATE));
        }
        // The tail of another source comes first.
        self.flush(net, memory).map_err(AudioError::Send)?;
        net.send_encoded(&samples, bytes).map_err(AudioError::Send)?;
        memory.sent(&samples);
        Ok(())
    }

    /// Sends what the resampler holds back, before a turn is closed.
    pub(crate) fn flush(&mut self, net: &Session, memory: &Memory) -> Result<(), SendError> {
        self.output.clear();
        self.take_tail();
        if self.output.is_empty() {
            return Ok(());
        }
        net.send_audio(&self.output)?;
        memory.sent(&self.output);
        Ok(())
    }

    fn resample(&mut self, input: &[i16], from: u32, to: u32) -> Result<(), AudioError> {
        if self.resampler.is_none() {
            let made = Resampler::new(from, to).map_err(|error| AudioError::Rate(error.to_string()))?;
            self.resampler = Some((from, made));
        }
        if let Some((_, resampler)) = &mut self.resampler {
            resampler.process(input, &mut self.output);
        }
        Ok(())
    }

    fn take_tail(&mut self) {
        if let Some((_, mut resampler)) = self.resampler.take() {
            resampler.flush(&mut self.output);
        }
    }
}
