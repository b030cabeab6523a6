//! The gate opens for voices, and for nothing else that the tests know. More of it in tests/property/test_speech_gate.py.

use voicewire_audio::speech::{GateSettings, SpeechGate};

const RATE: u32 = 16_000;
const SETTINGS: GateSettings =
    GateSettings { sample_rate: RATE, threshold_db: 9.0, attack_ms: 30, hangover_ms: 200, pre_roll_ms: 100 };

/// Milliseconds of a 440 Hz tone.
fn tone(ms: u32, amplitude: f64) -> Vec<i16> {
    let phase = |at: u32| f64::from(at) * std::f64::consts::TAU * 440.0 / f64::from(RATE);
    (0..ms * RATE / 1000).map(|at| (amplitude * phase(at).sin()) as i16).collect()
}

fn silence(ms: u32) -> Vec<i16> {
    vec![0; (ms * RATE / 1000) as usize]
}

#[test]
fn a_tone_comes_out_with_pre_roll_and_hangover() {
    let input = [silence(500), tone(300, 8000.0), silence(500)].concat();
    let mut output = Vec::new();
    SpeechGate::new(SETTINGS).process(&input, &mut output);

    let at = |ms: u32| (ms * RATE / 1000) as usize;
    // The filter rings for a step behind the tone.
    assert!((at(600)..=at(610)).contains(&output.len()), "{} samples", output.len());
    assert!(output == input[at(400)..at(400) + output.len()]);
}

#[test]
fn silence_and_dc_stay_inside() {
    let mut gate = SpeechGate::new(SETTINGS);
    let mut output = Vec::new();
    gate.process(&[silence(500), vec![9000; 16_000], silence(500)].concat(), &mut output);

    assert_eq!(output, []);
    assert!(!gate.is_speech());
}

#[test]
fn the_end_of_the_stream_comes_out_only_while_open() {
    let mut gate = SpeechGate::new(SETTINGS);
    let mut output = Vec::new();
    let input = [silence(200), tone(205, 8000.0)].concat();
    gate.process(&input, &mut output);
    assert!(gate.is_speech());
    gate.flush(&mut output);
    assert_eq!(output.last(), input.last());

    output.clear();
    gate.process(&silence(205), &mut output);
    gate.flush(&mut output);
    assert_eq!(output, []);
}
