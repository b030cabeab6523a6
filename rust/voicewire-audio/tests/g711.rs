//! G.711 against the recommendation's own description: a list of decision values, searched from the bottom.
#![allow(clippy::unwrap_used)]

use voicewire_audio::g711::{decode, encode, Law, UnknownLaw};

/// Lower bounds of the 128 intervals of a law and the bound behind them: (intervals, width of each), from zero up.
fn bounds(pieces: &[(usize, i32)]) -> Vec<i32> {
    let mut bounds = vec![0];
    for &(count, width) in pieces {
        for _ in 0..count {
            bounds.push(bounds.last().unwrap() + width);
        }
    }
    bounds
}

/// Table 2a of the recommendation, in units of 14-bit samples: 0, 1, 3, … 31, 35, … 8,159.
fn ulaw_bounds() -> Vec<i32> {
    bounds(&[(1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)])
}

/// Table 1a, in units of 12-bit magnitudes: 0, 1, … 32, 34, … 2,048.
fn alaw_bounds() -> Vec<i32> {
    bounds(&[(32, 1), (16, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64)])
}

/// The interval that holds a magnitude; what is above the last one belongs to it.
fn interval(bounds: &[i32], magnitude: i32) -> usize {
    bounds[1..128].iter().filter(|&&bound| bound <= magnitude).count()
}

/// −1 is the first below zero, as 0 is the first above.
fn complemented(sample: i16) -> i32 {
    i32::from(if sample < 0 { -1 - sample } else { sample })
}

fn slow_ulaw(sample: i16) -> u8 {
    let code = interval(&ulaw_bounds(), complemented(sample) / 4) as u8;
    if sample < 0 {
        0x7F - code
    } else {
        0xFF - code
    }
}

fn slow_alaw(sample: i16) -> u8 {
    let code = interval(&alaw_bounds(), complemented(sample) / 16) as u8;
    let signed = if sample < 0 { code } else { code + 128 };
    signed ^ 0b0101_0101
}

fn encoded(law: Law, samples: &[i16]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(law, samples, &mut out);
    out
}

fn decoded(law: Law, bytes: &[u8]) -> Vec<i16> {
    let mut out = Vec::new();
    decode(law, bytes, &mut out);
    out
}

fn all_samples() -> Vec<i16> {
    (i16::MIN..=i16::MAX).collect()
}

fn all_codes() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn the_decision_values_are_those_of_the_recommendation() {
    let (ulaw, alaw) = (ulaw_bounds(), alaw_bounds());
    assert_eq!([ulaw[16], ulaw[32], ulaw[48], ulaw[64], ulaw[80], ulaw[96]], [31, 95, 223, 479, 991, 2_015]);
    assert_eq!([ulaw[112], ulaw[127], ulaw[128]], [4_063, 7_903, 8_159]);
    assert_eq!([alaw[32], alaw[48], alaw[64], alaw[80], alaw[96], alaw[112]], [32, 64, 128, 256, 512, 1_024]);
    assert_eq!([alaw[127], alaw[128]], [1_984, 2_048]);
}

#[test]
fn all_samples_are_encoded_as_the_decision_values_say() {
    let samples = all_samples();
    let ulaw: Vec<u8> = samples.iter().map(|&sample| slow_ulaw(sample)).collect();
    let alaw: Vec<u8> = samples.iter().map(|&sample| slow_alaw(sample)).collect();
    assert!(encoded(Law::Ulaw, &samples) == ulaw);
    assert!(encoded(Law::Alaw, &samples) == alaw);
}

#[test]
fn every_ulaw_byte_is_the_middle_of_its_interval_and_the_first_is_zero() {
    let bounds = ulaw_bounds();
    let magnitudes = (0..128).map(|code| if code == 0 { 0 } else { (bounds[code] + bounds[code + 1]) / 2 * 4 });
    let magnitudes: Vec<i16> = magnitudes.map(|value| value as i16).collect();
    let negative = magnitudes.iter().rev().map(|value| -value);
    let expected: Vec<i16> = negative.chain(magnitudes.iter().rev().copied()).collect();
    assert_eq!(decoded(Law::Ulaw, &all_codes()), expected);
}

#[test]
fn every_alaw_byte_is_the_middle_of_its_interval() {
    let bounds = alaw_bounds();
    for code in 0..128u8 {
        let place = usize::from(code);
        let middle = ((bounds[place] + bounds[place + 1]) * 8) as i16;
        assert_eq!(decoded(Law::Alaw, &[(code + 128) ^ 0x55, code ^ 0x55]), [middle, -middle]);
    }
}

#[test]
fn known_values_are_met() {
    let samples = [0, -1, -4, -5, 3, 4, 8, 1_000, -1_000, 32_635, 32_767, -32_768];
    let ulaw = [0xFF, 0x7F, 0x7F, 0x7E, 0xFF, 0xFE, 0xFE, 0xCE, 0x4E, 0x80, 0x80, 0x00];
    assert_eq!(encoded(Law::Ulaw, &samples), ulaw);
    let alaw = [0xD5, 0x55, 0x55, 0x55, 0xD5, 0xD5, 0xD5, 0xFA, 0x7A, 0xAA, 0xAA, 0x2A];
    assert_eq!(encoded(Law::Alaw, &samples), alaw);
    assert_eq!(decoded(Law::Ulaw, &[0xFF, 0x7F, 0xFE, 0x80, 0x00]), [0, 0, 8, 32_124, -32_124]);
    assert_eq!(decoded(Law::Alaw, &[0xD5, 0x55, 0xAA, 0x2A]), [8, -8, 32_256, -32_256]);
}

#[test]
fn every_byte_survives_decoding_but_the_negative_zero_of_ulaw() {
    let codes = all_codes();
    assert_eq!(encoded(Law::Alaw, &decoded(Law::Alaw, &codes)), codes);
    let expected: Vec<u8> = codes.iter().map(|&code| if code == 0x7F { 0xFF } else { code }).collect();
    assert_eq!(encoded(Law::Ulaw, &decoded(Law::Ulaw, &codes)), expected);
}

#[test]
fn output_is_appended() {
    let (mut bytes, mut samples) = (vec![1], vec![2]);
    encode(Law::Ulaw, &[0], &mut bytes);
    decode(Law::Alaw, &[0xD5], &mut samples);
    assert_eq!((bytes, samples), (vec![1, 0xFF], vec![2, 8]));
}

#[test]
fn a_law_is_found_by_its_name() {
    assert_eq!(["ulaw", "alaw"].map(|name| name.parse::<Law>().unwrap().name()), ["ulaw", "alaw"]);
    let error = "g711".parse::<Law>().unwrap_err();
    assert_eq!(error, UnknownLaw("g711".to_owned()));
    assert_eq!(error.to_string(), "neither \"ulaw\" nor \"alaw\": \"g711\"");
}
