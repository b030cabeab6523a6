//! The tape keeps the newest samples and finds them by their place.

use voicewire_audio::tape::Tape;

#[test]
fn samples_are_found_by_their_place_in_the_stream() {
    let mut tape = Tape::new(10);
    tape.push(&[0, 1, 2, 3]);
    tape.push(&[4, 5]);

    assert_eq!(tape.slice(1, 5), [1, 2, 3, 4]);
    assert_eq!(tape.end(), 6);
}

#[test]
fn a_full_tape_has_lost_the_oldest() {
    let mut tape = Tape::new(3);
    tape.push(&[0, 1]);
    tape.push(&[2, 3, 4, 5, 6]);

    assert_eq!(tape.slice(0, 100), [4, 5, 6]);
    assert_eq!(tape.slice(0, 3), []);
    assert_eq!(tape.slice(6, 5), []);
}

#[test]
fn a_tape_without_room_keeps_nothing() {
    let mut tape = Tape::new(0);
    tape.push(&[1, 2, 3]);

    assert_eq!(tape.slice(0, 3), []);
    assert_eq!(tape.end(), 3);
}

#[test]
fn what_is_taken_out_is_gone() {
    let mut tape = Tape::new(3);
    tape.push(&[1, 2, 3, 4]);

    assert_eq!(tape.len(), 3);
    assert_eq!(tape.take(), [2, 3, 4]);
    assert!(tape.is_empty());
    assert_eq!(tape.slice(0, 4), []);
}
