//! The script in use by all connections: chooses the rule of a turn and counts what was used up; beside the session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// The last item is the output of a tool.
    pub(crate) tool_output: bool,
    /// Counts responses of the session from 1.
    pub(crate) number: u64,
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

    /// What the script says the user said in an audio turn.
    pub(crate) fn transcript(&self, number: u64) -> Option<String> {
        let playing = self.lock();
        let told = playing.unused().find_map(|(_, rule)| {
            let text = rule.transcript.as_ref()?;
            let fits = rule.audio != Some(false)
                && rule.turn.is_none_or(|turn| turn == number)
                && rule.text.as_ref().is_none_or(|regex| regex.is_match(text));
            fits.then(|| text.clone())
        });
        told
    }

    fn lock(&self) -> MutexGuard<'_, Playing> {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Playing {
    fn find(&self, turn: Turn<'_>) -> Option<usize> {
        self.unused().find(|(_, rule)| matches(rule, turn)).map(|(index, _)| index)
    }

    fn unused(&self) -> impl Iterator<Item = (usize, &Arc<Rule>)> {
        self.rules.iter().enumerate().filter(|(index, _)| !self.used[*index])
    }
}

/// A rule that calls tools does not answer their output, or it would call for ever; naming the turn says otherwise.
fn matches(rule: &Rule, turn: Turn<'_>) -> bool {
    let calls_again = turn.tool_output && !rule.tools.is_empty() && rule.turn.is_none();
    !calls_again
        && rule.turn.is_none_or(|number| number == turn.number)
        && rule.audio.is_none_or(|audio| audio == turn.audio)
        && rule.text.as_ref().is_none_or(|regex| regex.is_match(turn.text))
}
