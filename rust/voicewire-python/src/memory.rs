//! Step "drain → conversation": what a session remembers of both sides, at the pace of the event loop, so that a handler
//! finds what its event has changed and nothing later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use voicewire_audio::tape::Tape;
use voicewire_proto::conversation::Change;
use voicewire_proto::{Body, Conversation, Event, Message};

/// The conversation, the user's audio and the server's word on the session.
pub(crate) struct Memory {
    pub(crate) conversation: Arc<Mutex<Conversation>>,
    input: Mutex<Input>,
    session: Mutex<Option<Message>>,
    retain_s: f64,
}

/// The user's audio as it was sent, at the wire's rate.
#[derive(Default)]
struct Input {
    tape: Tape,
    sample_rate: u32,
    /// First sample that the session in progress has heard: its times count from there.
    start: u64,
    /// Items whose speech has begun, with where.
    speech: VecDeque<(String, u64)>,
    /// First sample behind the last commit or clear of ours.
    uncommitted: u64,
    /// Commits of ours that the server has not confirmed: the receipt, and the samples.
    commits: VecDeque<(u64, (u64, u64))>,
}

/// Utterances and commits remembered; one of each is usual.
const REMEMBERED: usize = 16;

impl Memory {
    /// A memory that keeps the newest `retain_s` seconds of the audio of either side.
    pub(crate) fn new(retain_s: f64) -> Self {
        let conversation = Arc::new(Mutex::new(Conversation::new(retain_s)));
        Self { conversation, input: Mutex::default(), session: Mutex::default(), retain_s }
    }

    /// A new connection, which takes audio at `sample_rate`; the conversation stays.
    pub(crate) fn begin(&self, sample_rate: u32) {
        let tape = Tape::new((self.retain_s * f64::from(sample_rate)) as usize);
        *lock(&self.input) = Input { tape, sample_rate, ..Input::default() };
        *lock(&self.session) = None;
    }

    /// Whether audio is kept at all.
    pub(crate) fn retains(&self) -> bool {
        self.retain_s > 0.0
    }

    /// Audio was sent.
    pub(crate) fn sent(&self, samples: &[i16]) {
        lock(&self.input).tape.push(samples);
    }

    /// The audio sent so far became a turn by the command of that receipt, or was taken back.
    pub(crate) fn closed_turn(&self, committed: bool, receipt: u64) {
        let mut input = lock(&self.input);
        let span = (input.uncommitted, input.tape.end());
        input.uncommitted = span.1;
        if committed {
            remember(&mut input.commits, (receipt, span));
        }
    }

    /// A command failed; where it was a commit, its audio still waits for one.
    pub(crate) fn refused(&self, receipt: u64) {
        let mut input = lock(&self.input);
        if let Some(at) = input.commits.iter().position(|(known, _)| *known == receipt) {
            let from = input.commits.remove(at).map_or(u64::MAX, |(_, (from, _))| from);
            match input.commits.get_mut(at) {
                Some((_, next)) => next.0 = from,
                None => input.uncommitted = input.uncommitted.min(from),
            }
        }
    }

    /// Milliseconds of audio sent since the last commit or clear.
    pub(crate) fn uncommitted_ms(&self) -> f64 {
        let input = lock(&self.input);
        (input.tape.end() - input.uncommitted) as f64 * 1000.0 / f64::from(input.sample_rate.max(1))
    }

    /// The message with the session object that the server told last.
    pub(crate) fn session(&self) -> Option<Message> {
        lock(&self.session).clone()
    }

    /// Takes in an event; tells what it changed in the conversation.
    pub(crate) fn apply(&self, event: &Event) -> Option<Change> {
        match &event.body {
            Body::Open | Body::Server if is_session(event) => lock(&self.session).clone_from(&event.message),
            Body::Reconnected { input_start, .. } => {
                let mut input = lock(&self.input);
                input.start = *input_start;
                input.speech.clear();
            }
            Body::SpeechStarted(_) | Body::SpeechStopped(_) | Body::InputCommitted if self.retain_s > 0.0 => {
                self.attach(event);
            }
            _ => {}
        }
        lock(&self.conversation).apply(event)
    }

    /// Gives the user's item the audio that was sent for it.
    fn attach(&self, event: &Event) {
        let Some(id) = event.resolve(&event.item_id) else { return };
        let mut input = lock(&self.input);
        let (rate, start) = (input.sample_rate, input.start);
        let at = |ms: i64, rate: u32| start + u64::try_from(ms).unwrap_or_default() * u64::from(rate) / 1000;
        let span = match event.body {
            Body::SpeechStarted(Some(ms)) => {
                remember(&mut input.speech, (id.to_owned(), at(ms, rate)));
                return;
            }
            Body::SpeechStopped(Some(ms)) => {
                let known = input.speech.iter().position(|(item, _)| item == id);
                known.and_then(|known| input.speech.remove(known)).map(|(_, start)| (start, at(ms, rate)))
            }
            Body::InputCommitted => input.commits.pop_front().map(|(_, span)| span),
            _ => None,
        };
        if let Some((from, to)) = span {
            let samples = input.tape.slice(from, to);
            lock(&self.conversation).attach(id, &samples, rate);
        }
    }
}

fn is_session(event: &Event) -> bool {
    event.resolve(&event.wire_type).is_some_and(|name| matches!(name, "session.created" | "session.updated"))
}

fn remember<T>(list: &mut VecDeque<T>, value: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(value);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each section leaves the value whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
