//! The voice is sound: its length, level, pitch and chunks; and the other sounds.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::*;

const WORDS: &str = "The quick brown fox jumps over the lazy dog.";

async fn speak(rule: serde_json::Value, voice: &str) -> Vec<serde_json::Value> {
    let simulator = start_with(|config| config.script = script(json!([rule])));
    let mut client = Client::open(&simulator).await;
    client.update(json!({"audio": {"output": {"voice": voice}}})).await;
    client.ask("speak").await
}

/// The lag of the strongest autocorrelation, as a frequency.
fn pitch(samples: &[i16]) -> f64 {
    let window: Vec<f64> = samples[24_000..27_600].iter().map(|sample| f64::from(*sample)).collect();
    let score = |lag: &usize| (0..1800).map(|at| window[at] * window[at + lag]).sum::<f64>();
    let best = (80..400).max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
    24_000.0 / best as f64
}

#[tokio::test]
async fn voice_has_the_length_and_level_of_speech() {
    let samples = audio(&speak(json!({"say": WORDS}), "alloy").await);

    let seconds = samples.len() as f64 / 24_000.0;
    assert!((seconds - WORDS.len() as f64 / 14.0).abs() < 0.05, "{seconds} s");
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((15_500..=17_300).contains(&peak), "peak {peak}");
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let level = (energy / samples.len() as f64).sqrt();
    assert!((1_000.0..8_000.0).contains(&level), "level {level}");
    let mean: f64 = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / samples.len() as f64;
    assert!(mean.abs() < 600.0, "offset {mean}");
}

#[tokio::test]
async fn voices_differ_in_pitch() {
    let aaa = json!({"say": "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"});
    let low = pitch(&audio(&speak(aaa.clone(), "cedar").await));
    let high = pitch(&audio(&speak(aaa, "shimmer").await));

    assert!((85.0..115.0).contains(&low), "cedar {low} Hz");
    assert!((185.0..235.0).contains(&high), "shimmer {high} Hz");
}

#[tokio::test]
async fn deltas_have_the_configured_length() {
    let events = speak(json!({"say": WORDS}), "alloy").await;

    let deltas = of_type(&events, "response.output_audio.delta");
    let lengths: Vec<_> = deltas.iter().map(|event| event["delta"].as_str().unwrap().len()).collect();
    assert!(lengths[..lengths.len() - 1].iter().all(|length| *length == 16_000), "{lengths:?}");
}

#[tokio::test]
async fn voice_is_heard_by_the_simulator_itself() {
    let samples = audio(&speak(json!({"say": WORDS}), "alloy").await);
    let simulator = start();
    let mut client = Client::open(&simulator).await;
    client.next().await;

    client.append(&[silence(500), samples, silence(500)].concat()).await;

    let events = client.until("response.done").await;
    assert_eq!(of_type(&events, "input_audio_buffer.speech_started").len(), 1);
}

#[tokio::test]
async fn tone_is_440_hertz() {
    let samples = audio(&speak(json!({"say": WORDS, "audio": "tone"}), "alloy").await);

    let crossings = samples.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count();
    let seconds = samples.len() as f64 / 24_000.0;
    assert!((crossings as f64 / seconds - 440.0).abs() < 2.0);
}

#[tokio::test]
async fn recordings_are_played_at_the_wire_rate() {
    let path = std::env::temp_dir().join(format!("voicewire-sim-{}.wav", std::process::id()));
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    (0..96_000).for_each(|_| writer.write_sample(1000i16).unwrap());
    writer.finalize().unwrap();

    let events = speak(json!({"say": "…", "audio": path.to_str().unwrap()}), "alloy").await;

    std::fs::remove_file(&path).unwrap();
    let samples = audio(&events);
    assert_eq!(samples.len(), 24_000);
    assert!(samples.iter().all(|sample| (999..=1000).contains(sample)));
}
