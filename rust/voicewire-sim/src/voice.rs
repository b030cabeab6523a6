//! A voice that needs no model: letters become syllables of a formant synthesiser; between the reply's words and its audio.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::resonator::{Resonator, Source};
use crate::sound::VOICE_RATE;

/// Rate of speech; 14 characters a second is 170 words a minute.
const CHARACTERS_PER_SECOND: f64 = 14.0;
/// −6 dBFS.
const PEAK: f64 = 16_423.0;
/// Longer texts are cut: nobody waits ten minutes for a test.
const CHARACTER_LIMIT: usize = 8_400;
/// Spoken audio that is kept for the next time the same words are said, in samples (32 MiB).
const CACHE_LIMIT: usize = 16 << 20;
/// Samples between two settings of the filters.
const STRIDE: usize = 48;

/// Speaks, and remembers what was said: many sessions of a bench say the same.
#[derive(Debug, Default)]
pub(crate) struct Studio {
    // A std mutex: never held across an await, nor while a voice is made.
    spoken: Mutex<Cache>,
}

/// Samples by voice and text, and their total count.
type Cache = (HashMap<(String, String), Arc<[i16]>>, usize);

/// What the mouth does during one character.
#[derive(Clone, Copy, Debug)]
struct Phone {
    formants: [f64; 3],
    voiced: f64,
    noise: f64,
}

impl Studio {
    /// Mono audio at `VOICE_RATE`; `speed` changes the length and not the pitch.
    pub(crate) fn speak(&self, text: &str, voice: &str, speed: f64) -> Arc<[i16]> {
        let key = (format!("{voice} {speed}"), text.to_owned());
        if let Some(audio) = self.spoken.lock().unwrap_or_else(PoisonError::into_inner).0.get(&key) {
            return Arc::clone(audio);
        }
        let audio: Arc<[i16]> = synthesise(text, voice, speed).into();
        let mut spoken = self.spoken.lock().unwrap_or_else(PoisonError::into_inner);
        spoken.1 += audio.len();
        if spoken.1 > CACHE_LIMIT {
            spoken.0.clear();
            spoken.1 = audio.len();
        }
        spoken.0.insert(key, Arc::clone(&audio));
        audio
    }
}

/// Seconds that a text takes.
pub(crate) fn duration(text: &str) -> f64 {
    text.chars().take(CHARACTER_LIMIT).count() as f64 / CHARACTERS_PER_SECOND
}

/// Pitch of a voice in Hz: the known names have their own, others one by their letters.
pub(crate) fn pitch(voice: &str) -> f64 {
    match voice {
        "alloy" => 165.0,
        "ash" => 112.0,
        "ballad" => 132.0,
        "coral" => 198.0,
        "echo" => 105.0,
        "sage" => 186.0,
        "shimmer" => 210.0,
        "verse" => 122.0,
        "marin" => 192.0,
        "cedar" => 98.0,
        other => 95.0 + f64::from(hash(other) % 130),
    }
}

fn synthesise(text: &str, voice: &str, speed: f64) -> Vec<i16> {
    let rate = f64::from(VOICE_RATE);
    let per_character = (rate / CHARACTERS_PER_SECOND / speed).round() as usize;
    let base = pitch(voice);
    let mut source = Source::new(hash(voice));
    let mut filters = [Resonator::default(); 3];
    let mut now = phone(' ');
    let mut wave = Vec::new();
    let phones: Vec<Phone> = text.chars().take(CHARACTER_LIMIT).map(phone).collect();
    for (index, target) in phones.iter().enumerate() {
        // The voice falls over the sentence and sways with the syllables.
        let fall = 1.08 - 0.16 * index as f64 / phones.len() as f64;
        let tone = base * fall * (1.0 + 0.05 * (index as f64 * 0.9).sin());
        for at in 0..per_character {
            if at % STRIDE == 0 {
                now.approach(target);
                tune(&mut filters, &now, rate);
            }
            let excited = now.voiced * source.pulse(tone, rate) + now.noise * source.noise();
            wave.push(filters.iter_mut().fold(excited, |signal, filter| filter.filter(signal)));
        }
    }
    normalise(&wave)
}

fn tune(filters: &mut [Resonator; 3], phone: &Phone, rate: f64) {
    for ((filter, formant), bandwidth) in filters.iter_mut().zip(phone.formants).zip([80.0, 110.0, 170.0]) {
        filter.tune(formant, bandwidth, rate);
    }
}

fn normalise(wave: &[f64]) -> Vec<i16> {
    let peak = wave.iter().fold(0.0f64, |peak, sample| peak.max(sample.abs()));
    let gain = if peak > 0.0 { PEAK / peak } else { 0.0 };
    wave.iter().map(|sample| (sample * gain) as i16).collect()
}

impl Phone {
    /// Glide a quarter of the way; at 2 ms a step a mouth takes about 15 ms.
    fn approach(&mut self, target: &Phone) {
        let glide = |from: &mut f64, to: f64| *from += (to - *from) * 0.25;
        for (from, to) in self.formants.iter_mut().zip(target.formants) {
            glide(from, to);
        }
        glide(&mut self.voiced, target.voiced);
        glide(&mut self.noise, target.noise);
    }
}

/// Vowels by Peterson and Barney's averages (1952); consonants by manner.
fn phone(character: char) -> Phone {
    let letter = character.to_lowercase().next().unwrap_or(character);
    let (formants, voiced, noise) = match letter {
        'a' => ([730.0, 1090.0, 2440.0], 1.0, 0.0),
        'e' => ([530.0, 1840.0, 2480.0], 1.0, 0.0),
        'i' | 'y' => ([270.0, 2290.0, 3010.0], 1.0, 0.0),
        'o' => ([570.0, 840.0, 2410.0], 1.0, 0.0),
        'u' | 'w' => ([300.0, 870.0, 2240.0], 1.0, 0.0),
        'm' | 'n' => ([280.0, 1200.0, 2300.0], 0.6, 0.0),
        'l' | 'r' => ([360.0, 1300.0, 2000.0], 0.7, 0.0),
        'b' | 'd' | 'g' | 'j' | 'v' | 'z' => ([300.0, 1500.0, 2500.0], 0.45, 0.15),
        's' | 'x' | 'c' | 'f' | 'h' => ([1500.0, 3200.0, 5200.0], 0.05, 0.5),
        'p' | 't' | 'k' | 'q' => ([700.0, 1800.0, 2900.0], 0.2, 0.3),
        digit if digit.is_ascii_digit() => ([500.0, 1500.0, 2500.0], 0.9, 0.0),
        other if other.is_alphanumeric() => {
            let spread = f64::from(u32::from(other) % 7);
            ([300.0 + 70.0 * spread, 900.0 + 200.0 * spread, 2500.0], 0.9, 0.0)
        }
        _ => ([500.0, 1500.0, 2500.0], 0.0, 0.0),
    };
    Phone { formants, voiced, noise }
}

/// FNV-1a.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
