//! The resampler against its promises: chunking, length, place, pass-band, stop-band, noise.
#![allow(clippy::unwrap_used)]

use std::f64::consts::PI;

use proptest::prelude::*;
use voicewire_audio::dot::Path;
use voicewire_audio::resample::Resampler;

const RATES: [u32; 6] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000];

fn whole(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
    whole_on(Path::best(), from, to, input)
}

fn whole_on(path: Path, from: u32, to: u32, input: &[i16]) -> Vec<i16> {
    let (mut resampler, mut out) = (Resampler::new(from, to).unwrap().on(path), Vec::new());
    resampler.process(input, &mut out);
    resampler.flush(&mut out);
    out
}

fn sine(rate: u32, frequency: f64, amplitude: f64, seconds: f64) -> Vec<i16> {
    let count = (f64::from(rate) * seconds) as usize;
    let at = |index: usize| amplitude * (2.0 * PI * frequency * index as f64 / f64::from(rate)).sin();
    (0..count).map(|index| at(index).round() as i16).collect()
}

/// Amplitude of a frequency in the middle of a signal, and the power of everything else.
fn project(samples: &[i16], rate: u32, frequency: f64) -> (f64, f64) {
    let middle = &samples[samples.len() / 8..samples.len() * 7 / 8];
    let step = 2.0 * PI * frequency / f64::from(rate);
    let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, &sample) in middle.iter().enumerate() {
        let (sin, cos) = (step * index as f64).sin_cos();
        ss += sin * sin;
        sc += sin * cos;
        cc += cos * cos;
        ys += f64::from(sample) * sin;
        yc += f64::from(sample) * cos;
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((ys * cc - yc * sc) / determinant, (yc * ss - ys * sc) / determinant);
    let rest = middle.iter().enumerate().map(|(index, &sample)| {
        let (sin, cos) = (step * index as f64).sin_cos();
        (f64::from(sample) - a * sin - b * cos).powi(2)
    });
    (a.hypot(b), rest.sum::<f64>() / middle.len() as f64)
}

fn decibel(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_chunking_gives_the_samples_of_the_whole(
        from in prop::sample::select(&RATES[..]),
        to in prop::sample::select(&RATES[..]),
        input in prop::collection::vec(any::<i16>(), 0..3_000),
        cuts in prop::collection::vec(0usize..700, 1..12),
        path in prop::sample::select(vec![Path::SCALAR, Path::best()]),
    ) {
        let resampler = Resampler::new(from, to).unwrap().on(path);
        let (mut resampler, mut out, mut rest) = (resampler, Vec::new(), &input[..]);
        for cut in cuts {
            let (chunk, left) = rest.split_at(cut.min(rest.len()));
            resampler.process(chunk, &mut out);
            rest = left;
        }
        resampler.process(rest, &mut out);
        resampler.flush(&mut out);
        prop_assert_eq!(out, whole_on(path, from, to, &input));
    }

    #[test]
    fn vectors_and_plain_rust_differ_by_one_step_at_most(
        from in prop::sample::select(&RATES[..]),
        to in prop::sample::select(&[8_000, 16_000, 24_000, 48_000, 44_100, 47_999][..]),
        input in prop::collection::vec(any::<i16>(), 0..2_000),
    ) {
        let (vectors, plain) = (whole(from, to, &input), whole_on(Path::SCALAR, from, to, &input));
        prop_assert_eq!(vectors.len(), plain.len());
        let steps = vectors.iter().zip(&plain).map(|(left, right)| left.abs_diff(*right)).max();
        prop_assert!(steps <= Some(1), "{:?}", steps);
    }

    #[test]
    fn a_stream_has_the_length_that_its_rates_give(
        from in 4_000u32..=192_000,
        to in 4_000u32..=192_000,
        count in 0usize..2_000,
    ) {
        let expected = (count as u64 * u64::from(to)).div_ceil(u64::from(from)) as usize;
        prop_assert_eq!(whole(from, to, &vec![100; count]).len(), expected);
    }
}

#[test]
fn a_flushed_resampler_begins_anew() {
    let (mut resampler, mut first, mut second) = (Resampler::new(16_000, 24_000).unwrap(), Vec::new(), Vec::new());
    let input = sine(16_000, 440.0, 10_000.0, 0.1);
    for out in [&mut first, &mut second] {
        resampler.process(&input, out);
        resampler.flush(out);
    }
    assert_eq!(first, second);
}

#[test]
fn a_tone_keeps_its_place_in_time() {
    for (from, to) in [(8_000, 24_000), (48_000, 24_000), (44_100, 24_000), (24_000, 16_000)] {
        let out = whole(from, to, &sine(from, 300.0, 12_000.0, 0.5));
        let oracle = sine(to, 300.0, 12_000.0, 0.5);
        let middle = oracle.len() / 4..oracle.len() / 2;
        let furthest = middle.map(|at| (i32::from(out[at]) - i32::from(oracle[at])).abs()).max();
        assert!(furthest <= Some(4), "{from} to {to}: {furthest:?}");
    }
}

#[test]
fn the_pass_band_is_flat_to_a_tenth_of_a_decibel() {
    for from in RATES {
        for to in RATES.into_iter().filter(|&to| to != from) {
            let edge = 0.8 * f64::from(from.min(to)) / 2.0;
            for share in [0.1, 0.5, 0.9, 1.0] {
                let out = whole(from, to, &sine(from, edge * share, 16_000.0, 0.3));
                let gain = decibel(project(&out, to, edge * share).0 / 16_000.0);
                assert!(gain.abs() < 0.1, "{from} to {to} at {share} of the edge: {gain} dB");
            }
        }
    }
}

#[test]
fn what_would_alias_is_80_decibels_down() {
    for (from, to) in [(24_000, 16_000), (24_000, 8_000), (48_000, 24_000), (48_000, 8_000), (44_100, 24_000)] {
        for share in [1.02, 1.2, 1.5] {
            let frequency = share * f64::from(to) / 2.0;
            if frequency < f64::from(from) / 2.0 {
                let out = whole(from, to, &sine(from, frequency, 30_000.0, 0.3));
                let (_, power) = project(&out, to, 1.0);
                let level = decibel(power.sqrt() / (30_000.0 / 2f64.sqrt()));
                assert!(level < -80.0, "{from} to {to}: {frequency} Hz is at {level} dB");
            }
        }
    }
}

#[test]
fn noise_is_85_decibels_below_a_full_tone() {
    for (from, to) in
        [(8_000, 24_000), (16_000, 24_000), (24_000, 16_000), (24_000, 48_000), (48_000, 24_000), (44_100, 24_000)]
    {
        let out = whole(from, to, &sine(from, 997.0, 32_000.0, 0.5));
        let (amplitude, noise) = project(&out, to, 997.0);
        let ratio = decibel(amplitude / 2f64.sqrt() / noise.sqrt());
        assert!(ratio > 85.0, "{from} to {to}: {ratio} dB");
    }
}

#[test]
fn the_delay_is_at_most_two_milliseconds_and_four_at_8_khz() {
    for from in RATES {
        for to in RATES.into_iter().filter(|&to| to != from) {
            let limit = if from.min(to) <= 8_000 { 0.004 } else { 0.0021 };
            let delay = Resampler::new(from, to).unwrap().delay_seconds();
            assert!(delay <= limit, "{from} to {to}: {delay} s");
        }
    }
}

#[test]
fn odd_ratios_interpolate_between_phases_without_harm() {
    let out = whole(44_101, 47_999, &sine(44_101, 997.0, 32_000.0, 0.5));
    let (amplitude, noise) = project(&out, 47_999, 997.0);
    assert!(decibel(amplitude / 2f64.sqrt() / noise.sqrt()) > 85.0);
}

#[test]
fn a_long_chunk_gives_the_samples_of_short_ones() {
    let input = sine(24_000, 440.0, 10_000.0, 1.0);
    let (mut resampler, mut out) = (Resampler::new(24_000, 16_000).unwrap(), Vec::new());
    input.chunks(37).for_each(|chunk| resampler.process(chunk, &mut out));
    resampler.flush(&mut out);
    assert_eq!(out, whole(24_000, 16_000, &input));
}

#[test]
fn a_resampler_tells_its_path() {
    let resampler = Resampler::new(8_000, 16_000).unwrap();
    assert_eq!(resampler.path(), Path::best());
    assert_eq!(resampler.on(Path::SCALAR).path().name(), "scalar");
}

#[test]
fn equal_rates_pass_through() {
    assert_eq!(whole(24_000, 24_000, &[1, -2, 3]), [1, -2, 3]);
}

#[test]
fn rates_out_of_range_are_refused_with_their_value() {
    let error = Resampler::new(3_999, 24_000).unwrap_err();
    assert_eq!(error.to_string(), "sample rate not within 4000..192000 Hz: 3999");
    assert!(Resampler::new(24_000, 192_001).is_err());
}
