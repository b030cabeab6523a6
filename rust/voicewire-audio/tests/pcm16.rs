//! Floats and bytes to samples and back.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use voicewire_audio::pcm16::{float_to_pcm16, from_le_bytes, mix_pairs, pcm16_to_float, to_le_bytes};

proptest! {
    #[test]
    fn samples_survive_the_way_through_floats(samples: Vec<i16>) {
        let (mut floats, mut back) = (Vec::new(), Vec::new());
        pcm16_to_float(&samples, &mut floats);
        float_to_pcm16(&floats, &mut back).unwrap();
        prop_assert_eq!(back, samples);
    }

    #[test]
    fn floats_round_to_nearest_even_and_saturate(float in -3.0f32..3.0) {
        let mut out = Vec::new();
        float_to_pcm16(&[float], &mut out).unwrap();
        let exact = f64::from(float) * 32_768.0;
        let oracle = exact.round_ties_even().clamp(-32_768.0, 32_767.0);
        prop_assert_eq!(f64::from(out[0]), oracle);
    }

    #[test]
    fn bytes_are_little_endian(samples: Vec<i16>) {
        prop_assert_eq!(from_le_bytes(&to_le_bytes(&samples)).unwrap(), samples);
    }
}

#[test]
fn infinities_saturate() {
    let mut out = Vec::new();
    float_to_pcm16(&[f32::INFINITY, f32::NEG_INFINITY], &mut out).unwrap();
    assert_eq!(out, [32_767, -32_768]);
}

#[test]
fn a_nan_is_refused_with_its_place_and_nothing_is_taken() {
    let mut out = vec![7];
    let error = float_to_pcm16(&[0.5, f32::NAN, f32::NAN], &mut out).unwrap_err();
    assert_eq!(error.to_string(), "sample is NaN at index 1");
    assert_eq!(out, [7]);
}

#[test]
fn half_a_sample_is_refused() {
    assert_eq!(from_le_bytes(&[1, 2, 3]).unwrap_err().to_string(), "odd byte count: 3");
}

#[test]
fn two_channels_become_their_mean_rounded_to_even() {
    let mut mixed = vec![9];
    mix_pairs(&[1, 2, 2, 3, -1, -2, -2, -3, 0, -1, 0, 1, i16::MAX, i16::MAX, i16::MIN, i16::MIN, 5], &mut mixed);
    assert_eq!(mixed, [9, 2, 2, -2, -2, 0, 0, i16::MAX, i16::MIN]);
}
