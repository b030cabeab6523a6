//! Between "event" and "inbox": brings the model's voice to the rate that the application asked for.

use voicewire_audio::resample::Resampler;
use voicewire_proto::{Body, Command, Event, Text};

/// The rate of what is delivered, and the item whose audio is on its way.
#[derive(Debug)]
pub(crate) struct Downlink {
    /// Hz; None delivers what comes as it comes.
    to: Option<u32>,
    stream: Option<Stream>,
    /// Hz of what came last.
    wire_rate: Option<u32>,
}

/// One item's audio.
#[derive(Debug)]
struct Stream {
    resampler: Resampler,
    /// What the tail is told with: the last piece, without its samples.
    last: Event,
}

impl Downlink {
    pub(crate) fn new(to: Option<u32>) -> Self {
        Self { to, stream: None, wire_rate: None }
    }

    /// Passes an event on to `deliver`: audio at the wanted rate, and what the resampler holds back before what follows
    /// the item.
    pub(crate) fn pass(&mut self, event: Event, mut deliver: impl FnMut(Event)) {
        let Some(to) = self.to else { return deliver(event) };
        match &event.body {
            Body::Audio { sample_rate, .. } => {
                let from = *sample_rate;
                self.wire_rate = Some(from);
                if self.stream.as_ref().is_some_and(|stream| !stream.continues_with(&event)) {
                    self.end(&mut deliver);
                }
                deliver(self.resampled(event, from, to));
            }
            Body::TurnComplete(_) => {
                self.end(&mut deliver);
                deliver(event);
            }
            Body::Interrupted { .. } => {
                // Nobody is to hear the rest.
                self.stream = None;
                deliver(event);
            }
            _ => deliver(event),
        }
    }

    /// Counts of samples that the application gives are at its rate; the protocol's are at the wire's.
    pub(crate) fn rescale(&self, command: &mut Command) {
        let (Some(to), Some(from)) = (self.to, self.wire_rate) else { return };
        let scale = |samples: &mut u64| *samples = samples.saturating_mul(u64::from(from)) / u64::from(to.max(1));
        match command {
            Command::ReportPlayed { samples, .. } | Command::CancelResponse { truncate: Some((_, samples)) } => {
                scale(samples);
            }
            _ => {}
        }
    }

    fn resampled(&mut self, mut event: Event, from: u32, to: u32) -> Event {
        if from == to {
            return event;
        }
        if self.stream.is_none() {
            // A rate that cannot be worked with is delivered as it came.
            let Ok(resampler) = Resampler::new(from, to) else { return event };
            self.stream = Some(Stream::new(&event, resampler));
        }
        if let (Some(stream), Body::Audio { samples, sample_rate, .. }) = (&mut self.stream, &mut event.body) {
            let mut output = Vec::new();
            stream.resampler.process(samples, &mut output);
            *samples = output;
            *sample_rate = to;
        }
        event
    }

    /// The item is over: what its resampler holds back is one last piece.
    fn end(&mut self, deliver: &mut impl FnMut(Event)) {
        let (Some(mut stream), Some(to)) = (self.stream.take(), self.to) else { return };
        let mut tail = Vec::new();
        stream.resampler.flush(&mut tail);
        if tail.is_empty() {
            return;
        }
        if let Body::Audio { samples, sample_rate, .. } = &mut stream.last.body {
            *samples = tail;
            *sample_rate = to;
        }
        deliver(stream.last);
    }
}

impl Stream {
    fn new(event: &Event, resampler: Resampler) -> Self {
        let owned = |text: &Text| Text::from(event.resolve(text));
        let mut last = Event::ours(Body::Server, event.received_at);
        last.item_id = owned(&event.item_id);
        last.response_id = owned(&event.response_id);
        if let Body::Audio { sample_rate, content_index, codec, .. } = event.body {
            let (samples, encoded) = (Vec::new(), Text::None);
            last.body = Body::Audio { samples, sample_rate, content_index, codec, encoded };
        }
        Self { resampler, last }
    }

    fn continues_with(&self, event: &Event) -> bool {
        rate_of(&self.last) == rate_of(event)
            && self.last.resolve(&self.last.item_id) == event.resolve(&event.item_id)
            && self.last.resolve(&self.last.response_id) == event.resolve(&event.response_id)
    }
}

/// Hz of an event's audio.
fn rate_of(event: &Event) -> Option<u32> {
    match event.body {
        Body::Audio { sample_rate, .. } => Some(sample_rate),
        _ => None,
    }
}
