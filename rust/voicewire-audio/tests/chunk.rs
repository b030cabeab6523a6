//! Any pieces in, the same chunks out.

use proptest::prelude::*;
use voicewire_audio::chunk::Chunker;

proptest! {
    #[test]
    fn any_pieces_give_the_chunks_of_the_whole(
        size in 1_usize..50,
        pieces in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..120), 0..12),
    ) {
        let mut chunker = Chunker::new(size);
        let (whole, mut out) = (pieces.concat(), Vec::new());
        for piece in &pieces {
            let before = out.len();
            chunker.process(piece, &mut out);
            prop_assert_eq!((out.len() - before) % size, 0);
            prop_assert!(chunker.waiting() < size);
        }
        out.extend(chunker.flush());
        prop_assert_eq!(out, whole);
    }
}

#[test]
fn a_chunker_that_was_reset_begins_anew() {
    let mut chunker = Chunker::new(3);
    let mut out = Vec::new();
    chunker.process(&[1, 2], &mut out);
    chunker.reset();
    chunker.process(&[3, 4, 5], &mut out);

    assert_eq!(out, [3, 4, 5]);
    assert_eq!(chunker.flush(), []);
}
