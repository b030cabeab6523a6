//! base64 of PCM16 against the `base64` crate as an independent oracle.
#![allow(clippy::unwrap_used)]

use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use base64::Engine;
use proptest::prelude::*;
use voicewire_audio::base64::{decode_bytes, decode_pcm16, encode_bytes, encode_pcm16};

fn little_endian(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

proptest! {
    #[test]
    fn encoding_equals_the_oracle(samples: Vec<i16>) {
        let mut text = b"before".to_vec();
        encode_pcm16(&samples, &mut text);
        prop_assert_eq!(text, format!("before{}", STANDARD.encode(little_endian(&samples))).into_bytes());
    }

    #[test]
    fn decoding_gives_the_samples_back(samples: Vec<i16>) {
        let decoded = decode_pcm16(STANDARD.encode(little_endian(&samples)).as_bytes()).unwrap();
        prop_assert_eq!(decoded.samples, samples);
        prop_assert!(!decoded.odd_byte);
    }

    #[test]
    fn an_odd_last_byte_is_dropped_and_told(bytes: Vec<u8>) {
        let decoded = decode_pcm16(STANDARD.encode(&bytes).as_bytes()).unwrap();
        prop_assert_eq!(decoded.odd_byte, bytes.len() % 2 == 1);
        prop_assert_eq!(little_endian(&decoded.samples), &bytes[..bytes.len() / 2 * 2]);
    }

    #[test]
    fn any_text_is_taken_or_refused_as_the_oracle_does(text in "[A-Za-z0-9+/=\\-_ \n]{0,40}") {
        let oracle = STANDARD.decode(&text).ok();
        prop_assert_eq!(decode_bytes(text.as_bytes()).ok(), oracle);
    }

    #[test]
    fn any_bytes_are_taken_or_refused_as_the_oracle_does(text: Vec<u8>) {
        prop_assert_eq!(decode_bytes(&text).ok(), STANDARD.decode(&text).ok());
    }

    #[test]
    fn white_space_within_is_refused(bytes in prop::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index) {
        let mut text = STANDARD.encode(&bytes);
        text.insert(at.index(text.len()), '\n');
        prop_assert!(decode_pcm16(text.as_bytes()).is_err());
    }

    #[test]
    fn long_texts_take_the_same_path(bytes in prop::collection::vec(any::<u8>(), 4_000..9_000)) {
        let mut text = Vec::new();
        encode_bytes(&bytes, &mut text);
        prop_assert_eq!(&text, &STANDARD.encode(&bytes).into_bytes());
        prop_assert_eq!(decode_bytes(&text).unwrap(), bytes);
    }
}

#[test]
fn the_url_safe_alphabet_is_refused() {
    let error = decode_pcm16(URL_SAFE.encode([0xfb, 0xff, 0xfe]).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "not base64 (standard alphabet, padded): byte '-' at 0");
}

#[test]
fn missing_padding_is_refused() {
    let error = decode_pcm16(STANDARD_NO_PAD.encode([1, 2, 3, 4]).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "not base64 (standard alphabet, padded): length 6 is no multiple of 4");
}

#[test]
fn stray_bits_behind_the_last_byte_are_refused() {
    let error = decode_bytes(b"AB==").unwrap_err();
    assert_eq!(error.to_string(), "not base64 (standard alphabet, padded): bits are left over behind the last byte");
}

#[test]
fn an_empty_text_is_no_sample() {
    assert!(decode_pcm16(b"").unwrap().samples.is_empty());
}

#[test]
fn any_byte_at_any_place_of_a_long_text_is_taken_or_refused_as_the_oracle_does() {
    for at in 0..96 {
        for byte in 0..=255 {
            let mut text =
                b"abcdefghijklmnopqrstuvwxyz0123456789+/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345"
                    [..96]
                    .to_vec();
            text[at] = byte;
            assert_eq!(decode_bytes(&text).ok(), STANDARD.decode(&text).ok(), "byte {byte} at {at}");
        }
    }
}
