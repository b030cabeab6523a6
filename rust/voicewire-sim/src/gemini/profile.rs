//! What the models of this service do differently, as data; chosen by the name in the setup.

/// Calls that the model does not wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Async {
    /// A tool asks for it with `behavior: NON_BLOCKING`.
    OptIn,
    /// Every tool is so, but for those with `behavior: BLOCKING`.
    Default,
    /// There is none, and asking for it is refused.
    Never,
}

/// Whether the model speaks of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proactive {
    OptIn,
    /// Switching it off is refused.
    Always,
    /// Asking for it is refused.
    Never,
}

/// The manners of a family of models.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    pub(super) speaks: bool,
    pub(super) writes: bool,
    /// False for models that only transcribe.
    pub(super) answers: bool,
    /// Audio and its transcript share a message.
    pub(super) bundles: bool,
    /// Its first chunk of audio is one sample long.
    pub(super) ragged: bool,
    /// Thoughts are told though nobody asked.
    pub(super) thinks: bool,
    /// `thinkingConfig` may be set.
    pub(super) takes_thinking: bool,
    /// Affective dialogue may be asked for.
    pub(super) takes_affect: bool,
    pub(super) proactive: Proactive,
    /// Messages without content come before messages with it.
    pub(super) fillers: bool,
    /// `voiceActivity` tells where speech starts and ends.
    pub(super) tells_activity: bool,
    /// Handles come unasked.
    pub(super) unasked_handles: bool,
    /// The user's words come in pieces; else a sentence at once.
    pub(super) word_pieces: bool,
    pub(super) async_calls: Async,
    /// `clientContent` may follow a model turn.
    pub(super) content_mid_session: bool,
    /// `realtimeInput.mediaChunks` is taken.
    pub(super) media_chunks: bool,
    pub(super) context_update: bool,
    /// Search and functions go together.
    pub(super) searches_and_calls: bool,
    /// `interactionStatus` stands beside `turnComplete`.
    pub(super) interaction_status: bool,
    /// Prefix of the ids of calls, before their digits.
    pub(super) call_prefix: &'static str,
}

/// Native audio of 2.5: one thing in a message, thoughts shown.
const NATIVE_2_5: Profile = Profile {
    speaks: true,
    writes: false,
    answers: true,
    bundles: false,
    ragged: false,
    thinks: true,
    takes_thinking: true,
    takes_affect: true,
    proactive: Proactive::OptIn,
    fillers: false,
    tells_activity: false,
    unasked_handles: false,
    word_pieces: true,
    async_calls: Async::OptIn,
    content_mid_session: true,
    media_chunks: true,
    context_update: false,
    searches_and_calls: false,
    interaction_status: false,
    call_prefix: "function-call-",
};

/// A name that is not in the table: as 2.5, and nothing that depends on the model is refused.
const OTHER: Profile = Profile { writes: true, searches_and_calls: true, ..NATIVE_2_5 };

const LIVE_3_1: Profile = Profile {
    bundles: true,
    ragged: true,
    thinks: false,
    takes_affect: false,
    proactive: Proactive::Never,
    unasked_handles: true,
    word_pieces: false,
    async_calls: Async::Never,
    content_mid_session: false,
    media_chunks: false,
    searches_and_calls: true,
    call_prefix: "fc_",
    ..NATIVE_2_5
};

const LIVE_3_8: Profile = Profile {
    ragged: false,
    takes_thinking: false,
    proactive: Proactive::Always,
    fillers: true,
    tells_activity: true,
    async_calls: Async::Default,
    content_mid_session: true,
    context_update: true,
    ..LIVE_3_1
};

const EXTENDED_3_8: Profile = Profile { takes_thinking: true, interaction_status: true, ..LIVE_3_8 };

/// Half a cascade: text or speech, and no thoughts.
const HALF_CASCADE: Profile = Profile { writes: true, thinks: false, ..NATIVE_2_5 };

const WRITES_ONLY: Profile = Profile { speaks: false, writes: true, thinks: false, ..NATIVE_2_5 };

const TRANSCRIBES: Profile = Profile { answers: false, media_chunks: false, thinks: false, ..NATIVE_2_5 };

/// By the beginning of a name; the first that fits is meant.
const PROFILES: &[(&str, Profile)] = &[
    ("gemini-3.8-live-extended-thinking", EXTENDED_3_8),
    ("gemini-3.8-live", LIVE_3_8),
    ("gemini-3.1-flash-live", LIVE_3_1),
    ("gemini-2.5-flash-native-audio", NATIVE_2_5),
    ("gemini-live-2.5-flash-native-audio", Profile { writes: true, ..NATIVE_2_5 }),
    ("gemini-live-2.5-flash", HALF_CASCADE),
    ("gemini-2.0-flash-live", HALF_CASCADE),
    ("gemini-robotics-er-2-streaming", WRITES_ONLY),
    ("gemini-3.5-transcribe-live", TRANSCRIBES),
    ("gemini", OTHER),
];

/// The name without the folders that Google puts before it.
pub(super) fn bare_name(model: &str) -> &str {
    model.rsplit_once("models/").map_or(model, |(_, name)| name)
}

impl Profile {
    /// The profile of a bare name; None if there is no such model.
    pub(super) fn of(name: &str) -> Option<Profile> {
        PROFILES.iter().find(|(start, _)| name.starts_with(start)).map(|(_, profile)| *profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_no_part_of_a_name() {
        assert_eq!(bare_name("models/gemini-3.8-live"), "gemini-3.8-live");
        assert_eq!(bare_name("publishers/google/models/gemini-x"), "gemini-x");
        assert_eq!(bare_name("projects/p/locations/l/publishers/google/models/gemini-x"), "gemini-x");
        assert_eq!(bare_name("gemini/demo"), "gemini/demo");
    }

    #[test]
    fn names_have_the_manners_of_their_family() {
        assert!(Profile::of("gemini-3.8-live").unwrap().fillers);
        assert!(Profile::of("gemini-3.1-flash-live-preview").unwrap().bundles);
        assert!(Profile::of("gemini-4.0-live").unwrap().thinks);
        assert!(Profile::of("gemini").unwrap().writes);
        assert!(Profile::of("gpt-realtime").is_none());
    }
}
