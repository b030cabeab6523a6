//! The open turn of the model and the score by which it is played; between the reply and the messages.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::usage::Bill;
use crate::reply::pieces;
use crate::script::Call;
use crate::sound::VOICE_RATE;

/// Audio is made so many times faster than it plays; 4.3 was measured at the service.
const AHEAD: u32 = 4;
/// Place of the first content at pace 1.
const FIRST: Duration = Duration::from_millis(120);
/// Between two pieces of a written answer.
const TEXT_GAP: Duration = Duration::from_millis(20);
const THOUGHT_GAP: Duration = Duration::from_millis(40);
const END_GAP: Duration = Duration::from_millis(5);

/// How far a turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Generating,
    /// Its calls have to be answered before it goes on.
    Waiting,
    /// All is sent; the client is believed to play it.
    Playing,
}

/// A turn of the model.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) stage: Stage,
    pub(super) samples: Arc<[i16]>,
    /// Words sent so far that the conversation does not hold yet.
    pub(super) words: String,
    pub(super) bill: Bill,
    /// The script ends it as interrupted.
    pub(super) cancelled: bool,
    /// Content was sent.
    pub(super) begun: bool,
}

/// What a turn will hold, in this order; calls that are not waited for come before the words.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) thought: Option<String>,
    pub(super) words: String,
    pub(super) samples: Arc<[i16]>,
    pub(super) calls: Vec<Call>,
    /// The turn waits for the calls.
    pub(super) blocks: bool,
    /// Only the first half is sent.
    pub(super) halved: bool,
}

/// One thing that a turn does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Thought(String),
    /// A piece of a written answer.
    Text(String),
    /// A piece of a spoken answer; both may be empty, not at once.
    Speech {
        words: String,
        samples: Range<usize>,
    },
    Calls(Vec<Call>),
    GenerationComplete,
    TurnComplete,
}

/// How a score is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) delta_ms: u32,
    pub(super) ragged: bool,
}

/// Steps of a turn with their places at pace 1.
pub(super) fn score(content: &Content, cut: Cut) -> Vec<(Duration, Step)> {
    let mut score = Vec::new();
    let mut place = FIRST;
    if let Some(thought) = &content.thought {
        score.push((place, Step::Thought(thought.clone())));
        place += THOUGHT_GAP;
    }
    let calls = || Step::Calls(content.calls.clone());
    if !content.calls.is_empty() && !content.blocks {
        score.push((place, calls()));
    }
    let start = place;
    if content.samples.is_empty() {
        for piece in pieces(&content.words) {
            score.push((place, Step::Text(piece.to_owned())));
            place += TEXT_GAP;
        }
    } else {
        place = score_speech(content, cut, place, &mut score);
    }
    if content.halved {
        let content = score.iter().filter(|(_, step)| matches!(step, Step::Text(_) | Step::Speech { .. })).count();
        score.truncate(score.len() - content / 2);
    }
    place += END_GAP;
    if content.blocks {
        score.push((place, calls()));
        return score;
    }
    score.push((place, Step::GenerationComplete));
    let length = Duration::from_secs_f64(content.samples.len() as f64 / f64::from(VOICE_RATE));
    score.push(((start + length).max(place + END_GAP), Step::TurnComplete));
    score
}

/// Chunks of audio, each with the words that are spoken in it; the place behind them.
fn score_speech(content: &Content, cut: Cut, start: Duration, score: &mut Vec<(Duration, Step)>) -> Duration {
    let chunk = (VOICE_RATE as usize * cut.delta_ms as usize / 1000).max(1);
    let total = content.samples.len();
    let count = pieces(&content.words).count().max(1);
    let mut words = pieces(&content.words).enumerate().peekable();
    let (mut from, mut place) = (0, start);
    while from < total {
        let to = if cut.ragged && from == 0 { 1 } else { (from + chunk).min(total) };
        let mut said = String::new();
        while let Some((_, piece)) = words.next_if(|(index, _)| index * total / count < to) {
            said.push_str(piece);
        }
        score.push((place, Step::Speech { words: said, samples: from..to }));
        place += Duration::from_secs_f64((to - from) as f64 / f64::from(VOICE_RATE)) / AHEAD;
        from = to;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(words: &str, ms: usize) -> Content {
        Content { words: words.to_owned(), samples: vec![0; ms * 24].into(), ..Content::default() }
    }

    #[test]
    fn a_turn_ends_when_its_audio_was_played_and_its_generation_long_before() {
        let score = score(&spoken("One two three.", 2_000), Cut { delta_ms: 100, ragged: false });

        let place = |wanted: Step| score.iter().find(|(_, step)| *step == wanted).unwrap().0;
        assert_eq!(place(Step::TurnComplete), FIRST + Duration::from_secs(2));
        assert_eq!(place(Step::GenerationComplete), FIRST + Duration::from_millis(500) + END_GAP);
    }

    #[test]
    fn all_words_and_all_audio_are_sent_once() {
        let score = score(&spoken("One, two, three.", 990), Cut { delta_ms: 250, ragged: true });

        let (mut said, mut heard) = (String::new(), Vec::new());
        for (_, step) in score {
            if let Step::Speech { words, samples } = step {
                said += &words;
                heard.push(samples);
            }
        }
        assert_eq!(said, "One, two, three.");
        assert_eq!((heard[0].clone(), heard[1].start, heard.last().unwrap().end), (0..1, 1, 990 * 24));
    }
}
