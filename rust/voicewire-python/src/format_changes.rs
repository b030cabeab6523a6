//! Step "send_audio() → message": changes of the input format that the service has not answered.

use voicewire_proto::AudioEncoder;

/// Open changes, oldest first: the receipt of each, and how audio was encoded before it.
#[derive(Default)]
pub(crate) struct FormatChanges(Vec<(u64, AudioEncoder)>);

impl FormatChanges {
    /// A change was sent.
    pub(crate) fn begin(&mut self, receipt: u64, before: AudioEncoder) {
        self.0.push((receipt, before));
    }

    /// The service took one.
    pub(crate) fn taken(&mut self, receipt: u64) {
        self.0.retain(|(known, _)| *known != receipt);
    }

    /// The service refused one; returns how audio is to be encoded again, None where a later change holds.
    pub(crate) fn refused(&mut self, receipt: u64) -> Option<AudioEncoder> {
        let at = self.0.iter().position(|(known, _)| *known == receipt)?;
        let (_, before) = self.0.remove(at);
        match self.0.get_mut(at) {
            // It was made on top of the refused one.
            Some((_, later)) => {
                *later = before;
                None
            }
            None => Some(before),
        }
    }
}
