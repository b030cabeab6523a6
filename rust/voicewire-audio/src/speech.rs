//! Beside the path: lets speech through and holds back what is none.
//!
//! The stream is judged in steps of 10 ms. A step is loud when its power, without DC, is well above the noise floor, which
//! is the least power of the last 1.6 s. A step whose sign changes too rarely (hum, rumble) or too often (hiss) for a
//! vowel has to be louder by another [`UNVOICED_DB`] to open the gate; one that is open stays so for any loud step.
//! Everything depends on the samples alone, so any chunking gives the same output.

use std::collections::VecDeque;

use crate::tape::Tape;

/// Steps a second.
const STEPS: u32 = 100;

/// A quarter of the memory of the floor, in steps, and how many quarters there are.
const QUARTER: u32 = 40;
const QUARTERS: usize = 4;

/// No floor is lower: what is fainter than that and the threshold is no speech in any room.
const LOWEST_FLOOR_DB: f64 = -70.0;

/// The floor is no higher than that before the memory is full, so that a stream may begin with speech.
const FIRST_FLOOR_DB: f64 = -40.0;

/// Zero crossings a second of vowels, and what others need beyond the threshold.
const VOICED: std::ops::RangeInclusive<f64> = 120.0..=3000.0;
const UNVOICED_DB: f64 = 6.0;

/// What a change of sign must reach, as a multiple of the floor's amplitude.
const SWING: f64 = 1.5;

/// Corner of the filter that takes DC out, in Hz: high enough for a click to fade within a step.
const CORNER_HZ: f64 = 100.0;

/// How a gate opens and closes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// Hz.
    pub sample_rate: u32,
    /// How far above the noise floor speech begins.
    pub threshold_db: f64,
    /// For how long it must be loud before the gate opens.
    pub attack_ms: u32,
    /// For how long the gate stays open after it was loud last.
    pub hangover_ms: u32,
    /// How much of what came before the attack is let through as well.
    pub pre_roll_ms: u32,
}

/// A gate for one stream.
#[derive(Clone, Debug)]
pub struct SpeechGate {
    settings: GateSettings,
    step: Vec<i16>,
    before: Tape,
    level: Level,
    floor: Floor,
    /// Loud steps in a row.
    loud: u32,
    /// Steps that the gate stays open for; 0 is closed.
    open: u32,
}

impl SpeechGate {
    /// A closed gate that has heard nothing.
    pub fn new(settings: GateSettings) -> Self {
        let before = settings.samples(settings.pre_roll_ms) + steps_of(settings.attack_ms) as usize * settings.step();
        Self {
            settings,
            step: Vec::with_capacity(settings.step()),
            before: Tape::new(before),
            level: Level::new(settings.sample_rate),
            floor: Floor::default(),
            loud: 0,
            open: 0,
        }
    }

    /// Takes a chunk; appends what is let through to `out`.
    pub fn process(&mut self, mut chunk: &[i16], out: &mut Vec<i16>) {
        let size = self.settings.step();
        while !chunk.is_empty() {
            let (now, later) = chunk.split_at(chunk.len().min(size - self.step.len()));
            self.step.extend_from_slice(now);
            chunk = later;
            if self.step.len() == size {
                self.judge(out);
                self.step.clear();
            }
        }
    }

    /// Ends the stream: lets through what is left of it, if the gate is open, and forgets everything.
    pub fn flush(&mut self, out: &mut Vec<i16>) {
        if self.is_speech() {
            out.extend_from_slice(&self.step);
        }
        self.reset();
    }

    /// Forgets the stream so far, and the room.
    pub fn reset(&mut self) {
        *self = Self::new(self.settings);
    }

    /// Whether the gate is open.
    pub fn is_speech(&self) -> bool {
        self.open > 0
    }

    /// The least power of late, in dB of full scale.
    pub fn floor_db(&self) -> f64 {
        self.floor.db()
    }

    fn judge(&mut self, out: &mut Vec<i16>) {
        let (power_db, crossings) = self.level.measure(&self.step, self.floor.db());
        let needed = self.floor.db() + self.settings.threshold_db;
        let is_voiced = VOICED.contains(&crossings);
        let is_loud = power_db > needed && (self.is_speech() || is_voiced || power_db > needed + UNVOICED_DB);
        self.floor.learn(power_db);
        self.loud = if is_loud { self.loud.saturating_add(1) } else { 0 };
        if self.is_speech() {
            out.extend_from_slice(&self.step);
            self.open = if is_loud { self.hangover() } else { self.open - 1 };
            return;
        }
        self.before.push(&self.step);
        if is_loud && self.loud >= steps_of(self.settings.attack_ms) {
            out.append(&mut self.before.take());
            self.open = self.hangover();
        }
    }

    fn hangover(&self) -> u32 {
        steps_of(self.settings.hangover_ms)
    }
}

impl GateSettings {
    fn step(&self) -> usize {
        (self.sample_rate / STEPS).max(1) as usize
    }

    fn samples(&self, ms: u32) -> usize {
        (u64::from(ms) * u64::from(self.sample_rate) / 1000) as usize
    }
}

/// At least one: no time at all cannot be judged.
fn steps_of(ms: u32) -> u32 {
    ms.div_ceil(1000 / STEPS).max(1)
}

/// Measures steps without their DC.
#[derive(Clone, Debug)]
struct Level {
    keep: f64,
    input: Option<f64>,
    output: f64,
    is_negative: bool,
}

impl Level {
    fn new(sample_rate: u32) -> Self {
        let keep = 1.0 - (std::f64::consts::TAU * CORNER_HZ / f64::from(sample_rate)).min(1.0);
        Self { keep, input: None, output: 0.0, is_negative: false }
    }

    /// Power in dB of full scale, and changes of sign a second; swings that the noise floor makes are none.
    fn measure(&mut self, step: &[i16], floor_db: f64) -> (f64, f64) {
        let (mut power, mut crossings) = (0.0, 0_u32);
        let swing = SWING * 10_f64.powf(floor_db / 20.0);
        for &sample in step {
            let input = f64::from(sample) / 32768.0;
            // The first sample is taken for the DC of the stream.
            self.output = input - self.input.unwrap_or(input) + self.keep * self.output;
            self.input = Some(input);
            power += self.output * self.output;
            let has_crossed = if self.is_negative { self.output > swing } else { self.output < -swing };
            self.is_negative ^= has_crossed;
            crossings += u32::from(has_crossed);
        }
        let steps = step.len().max(1) as f64;
        (10.0 * (power / steps).max(1e-12).log10(), f64::from(crossings) * f64::from(STEPS))
    }
}

/// The least power of the last quarters.
#[derive(Clone, Debug, Default)]
struct Floor {
    quarters: VecDeque<f64>,
    steps: u32,
    is_old: bool,
}

impl Floor {
    fn db(&self) -> f64 {
        let least = self.quarters.iter().copied().fold(f64::INFINITY, f64::min);
        least.clamp(LOWEST_FLOOR_DB, if self.is_old { 0.0 } else { FIRST_FLOOR_DB })
    }

    fn learn(&mut self, power_db: f64) {
        if self.steps % QUARTER == 0 {
            if self.quarters.len() == QUARTERS {
                self.quarters.pop_front();
                self.is_old = true;
            }
            self.quarters.push_back(power_db);
        }
        self.steps = (self.steps + 1) % QUARTER;
        if let Some(least) = self.quarters.back_mut() {
            *least = least.min(power_db);
        }
    }
}
