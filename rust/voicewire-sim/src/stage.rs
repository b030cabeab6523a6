//! The script in use by all connections: chooses the rule of a turn and counts what was used up; beside the session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::script::Failure;
use crate::script_mcp::{default_tools, Listing};
use crate::{Rule, Script};

/// The running script; settable while sessions run.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    // A std mutex: never held across an await, and the section walks a short list.
    playing: Mutex<Playing>,
}

#[derive(Debug, Default)]
struct Playing {
    rules: Vec<Arc<Rule>>,
    used: Vec<bool>,
}

/// What a rule is matched against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    /// Words of the user's last item, or the output of a tool.
    pub(crate) text: &'a str,
    /// The user's last item was audio.
    pub(crate) audio: bool,
    /// The last item is the output of a tool, or the answer to an approval request.
    pub(crate) tool_output: bool,
    /// Counts responses of the session from 1.
    pub(crate) number: u64,
}

/// What was said in an audio turn, as far as the script tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) transcript: Option<String>,
    /// The transcription fails with this.
    pub(crate) failure: Option<Failure>,
}

impl Stage {
    /// Replace the script; used-up rules are forgotten.
    pub(crate) fn set(&self, script: Script) {
        let mut playing = self.lock();
        playing.used = vec![false; script.rules.len()];
        playing.rules = script.rules;
    }

    /// The first rule that matches, used up if it says so.
    pub(crate) fn choose(&self, turn: Turn<'_>) -> Option<Arc<Rule>> {
        let mut playing = self.lock();
        let index = playing.find(turn)?;
        let rule = Arc::clone(&playing.rules[index]);
        playing.used[index] = rule.once;
        Some(rule)
    }

    /// What the script says about the user's words in an audio turn; a rule stays, for the answer that uses it up.
    pub(crate) fn heard(&self, number: u64) -> Heard {
        let playing = self.lock();
        playing.find_words(number).map_or_else(Heard::default, |index| playing.words(index))
    }

    /// The same where no answer will follow: a rule that is to be used once is used up.
    pub(crate) fn take_heard(&self, number: u64) -> Heard {
        let mut playing = self.lock();
        let Some(index) = playing.find_words(number) else {
            return Heard::default();
        };
        playing.used[index] = playing.rules[index].once;
        playing.words(index)
    }

    /// What the script says an MCP server lists.
    pub(crate) fn listing(&self, server_label: &str) -> Listing {
        let playing = self.lock();
        let mut listings = playing.unused().flat_map(|(_, rule)| &rule.mcp);
        let told = listings.find(|(label, _)| label == server_label).map(|(_, listing)| listing.clone());
        told.unwrap_or_else(|| Listing::Tools(default_tools()))
    }

    fn lock(&self) -> MutexGuard<'_, Playing> {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Playing {
    fn find(&self, turn: Turn<'_>) -> Option<usize> {
        self.unused().find(|(_, rule)| rule.answers && matches(rule, turn)).map(|(index, _)| index)
    }

    fn find_words(&self, number: u64) -> Option<usize> {
        self.unused().find(|(_, rule)| tells_words(rule, number)).map(|(index, _)| index)
    }

    fn words(&self, index: usize) -> Heard {
        let rule = &self.rules[index];
        Heard { transcript: rule.transcript.clone(), failure: rule.transcription.clone() }
    }

    fn unused(&self) -> impl Iterator<Item = (usize, &Arc<Rule>)> {
        self.rules.iter().enumerate().filter(|(index, _)| !self.used[*index])
    }
}

/// A rule that calls tools does not answer their output, or it would call for ever; naming the turn says otherwise.
fn matches(rule: &Rule, turn: Turn<'_>) -> bool {
    let calls = !rule.tools.is_empty() || !rule.mcp_calls.is_empty();
    let calls_again = turn.tool_output && calls && rule.turn.is_none();
    !calls_again
        && rule.turn.is_none_or(|number| number == turn.number)
        && rule.audio.is_none_or(|audio| audio == turn.audio)
        && rule.text.as_ref().is_none_or(|regex| regex.is_match(turn.text))
}

/// A rule that gives words is held against them, as its turn will be.
fn tells_words(rule: &Rule, number: u64) -> bool {
    let fits_text = match (&rule.text, &rule.transcript) {
        (Some(regex), Some(words)) => regex.is_match(words),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let tells = rule.transcript.is_some() || rule.transcription.is_some();
    tells && fits_text && rule.audio != Some(false) && rule.turn.is_none_or(|turn| turn == number)
}
