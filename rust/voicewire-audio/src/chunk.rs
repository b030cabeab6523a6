//! Beside the path: pieces of any length in, chunks of one length out.

/// Cuts a stream into chunks of `size` samples.
#[derive(Clone, Debug)]
pub struct Chunker {
    size: usize,
    kept: Vec<i16>,
}

impl Chunker {
    /// For chunks of so many samples, at least one.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { size, kept: Vec::with_capacity(size) }
    }

    /// Takes a piece; appends the chunks that are complete to `out`, one behind the other.
    pub fn process(&mut self, piece: &[i16], out: &mut Vec<i16>) {
        let complete = (self.kept.len() + piece.len()) / self.size * self.size;
        if complete == 0 {
            self.kept.extend_from_slice(piece);
            return;
        }
        let (now, later) = piece.split_at(complete - self.kept.len());
        out.append(&mut self.kept);
        out.extend_from_slice(now);
        self.kept.extend_from_slice(later);
    }

    /// Ends the stream: what is left, shorter than a chunk, perhaps empty.
    pub fn flush(&mut self) -> Vec<i16> {
        std::mem::take(&mut self.kept)
    }

    /// Forgets what is left.
    pub fn reset(&mut self) {
        self.kept.clear();
    }

    /// Samples of a chunk.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Samples that wait for their chunk to be complete.
    pub fn waiting(&self) -> usize {
        self.kept.len()
    }
}
