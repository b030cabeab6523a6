//! Step "resample": a streaming polyphase filter between any two rates.
//!
//! Windowed sinc, 64 taps a phase at the lower of both rates, Kaiser window with β 9, f32. The pass-band ends at 0.82 of
//! the lower Nyquist frequency, the stop-band begins at it. State is carried across chunks: any chunking gives bit for bit
//! the samples of the whole. Output sample `k` belongs to input time `k · from / to`: nothing leads and nothing is cut, a
//! whole stream of `n` samples gives `ceil(n · to / from)`.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::dot::{Eight, Factors, Path, Product, BATCH};
use crate::pcm16::to_sample;

/// A rate out of range.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("sample rate not within {MIN_RATE}..{MAX_RATE} Hz: {0}")]
pub struct RateError(pub u32);

/// Lowest rate, Hz.
pub const MIN_RATE: u32 = 4_000;
/// Highest rate, Hz.
pub const MAX_RATE: u32 = 192_000;

/// Taps on each side at the lower rate.
const HALF_TAPS: f64 = 32.0;
/// Kaiser's β: stop-band at −90 dB.
const BETA: f64 = 9.0;
/// Middle of the transition band, as a share of the lower Nyquist frequency.
const CUTOFF: f64 = 0.909;
/// Ratios with more phases interpolate between this many; the error is below −115 dB.
const MAX_PHASES: usize = 1024;
/// Samples taken at a time: bounds the window, and stays in the cache.
const PIECE: usize = 4096;
/// Kernels kept for the next resampler of the same ratio.
const CACHED: usize = 16;

/// Changes the rate of one stream.
#[derive(Debug)]
pub struct Resampler {
    kernel: Arc<Kernel>,
    /// Input from the first tap of the next output on.
    window: Vec<f32>,
    /// The next output; its row is that of its phase if every phase had one.
    next: Product,
    /// Room for the outputs of a batch.
    products: Vec<Product>,
    sums: Vec<f32>,
    path: Path,
    received: u64,
    produced: u64,
}

/// The filter of a ratio.
#[derive(Debug)]
struct Kernel {
    from: u32,
    up: usize,
    down: usize,
    taps: usize,
    phases: usize,
    /// `phases + 1` rows of `taps`; the last row is the first one, one input later.
    table: Vec<Eight>,
}

/// A kernel and the rates that it is for.
type Cached = ((u32, u32), Arc<Kernel>);

impl Resampler {
    /// A resampler between two rates in Hz, 4,000 to 192,000 each.
    ///
    /// # Errors
    /// [`RateError`] with the rate that is out of range.
    pub fn new(from_rate: u32, to_rate: u32) -> Result<Self, RateError> {
        for rate in [from_rate, to_rate] {
            if !(MIN_RATE..=MAX_RATE).contains(&rate) {
                return Err(RateError(rate));
            }
        }
        let kernel = Kernel::shared(from_rate, to_rate);
        let mut made = Self {
            kernel,
            window: Vec::new(),
            next: Product::default(),
            products: Vec::with_capacity(BATCH),
            sums: vec![0.0; BATCH],
            path: Path::best(),
            received: 0,
            produced: 0,
        };
        made.reset();
        Ok(made)
    }

    /// The same resampler with other instructions, before the first chunk.
    #[must_use]
    pub fn on(self, path: Path) -> Self {
        Self { path, ..self }
    }

    /// Takes a chunk and appends what is ready of the output.
    pub fn process(&mut self, input: &[i16], out: &mut Vec<i16>) {
        self.received += input.len() as u64;
        if self.kernel.is_identity() {
            self.produced += input.len() as u64;
            return out.extend_from_slice(input);
        }
        for piece in input.chunks(PIECE) {
            self.window.extend(piece.iter().map(|&sample| f32::from(sample)));
            self.run(out, u64::MAX);
        }
    }

    /// Ends the stream: appends the rest of the output and begins anew.
    pub fn flush(&mut self, out: &mut Vec<i16>) {
        let kernel = Arc::clone(&self.kernel);
        if !kernel.is_identity() {
            let total = (u128::from(self.received) * kernel.up as u128).div_ceil(kernel.down as u128) as u64;
            self.window.extend(std::iter::repeat_n(0.0, kernel.taps + kernel.down / kernel.up + 1));
            self.run(out, total);
        }
        self.reset();
    }

    /// Forgets the stream so far.
    pub fn reset(&mut self) {
        self.window.clear();
        // Silence before the beginning: the first output is in the middle of its taps.
        self.window.resize(self.kernel.taps / 2 - 1, 0.0);
        (self.next, self.received, self.produced) = (Product::default(), 0, 0);
    }

    /// The instructions that it uses.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Seconds by which the output is behind the input.
    pub fn delay_seconds(&self) -> f64 {
        if self.kernel.is_identity() {
            return 0.0;
        }
        (self.kernel.taps / 2) as f64 / f64::from(self.kernel.from)
    }

    /// Produces what the window allows, up to a total of `limit` samples.
    fn run(&mut self, out: &mut Vec<i16>, limit: u64) {
        let kernel = Arc::clone(&self.kernel);
        let count = self.ready().min(usize::try_from(limit - self.produced).unwrap_or(usize::MAX));
        out.reserve(count);
        for done in (0..count).step_by(BATCH) {
            self.next = kernel.batch(self.next, BATCH.min(count - done), &mut self.products);
            let sums = &mut self.sums[..self.products.len()];
            kernel.sums(self.path, &self.window, &mut self.products, sums);
            out.extend(sums.iter().map(|&sum| to_sample(sum)));
        }
        self.produced += count as u64;
        let used = self.next.start.min(self.window.len());
        self.next.start -= used;
        self.window.drain(..used);
    }

    /// Outputs whose taps all lie within the window.
    fn ready(&self) -> usize {
        let Kernel { up, down, taps, .. } = *self.kernel;
        match self.window.len().checked_sub(self.next.start + taps) {
            Some(slack) => ((slack + 1) * up - 1 - self.next.row / self.kernel.length()) / down + 1,
            None => 0,
        }
    }
}

impl Kernel {
    /// The kernel of a ratio, from the cache where it is there.
    fn shared(from: u32, to: u32) -> Arc<Self> {
        static CACHE: Mutex<Vec<Cached>> = Mutex::new(Vec::new());
        let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kernel)) = cache.iter().find(|(key, _)| *key == (from, to)) {
            return Arc::clone(kernel);
        }
        let kernel = Arc::new(Self::new(from, to));
        if cache.len() == CACHED {
            cache.remove(0);
        }
        cache.push(((from, to), Arc::clone(&kernel)));
        kernel
    }

    fn new(from: u32, to: u32) -> Self {
        let divisor = greatest_common_divisor(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        let scale = (f64::from(to) / f64::from(from)).min(1.0);
        // A multiple of 8 taps in all, so that the sum needs no remainder.
        let half = ((HALF_TAPS / scale / 4.0 + 1e-9).floor() * 4.0) as usize;
        let (taps, phases) = (half * 2, up.min(MAX_PHASES));
        let mut kernel = Self { from, up, down, taps, phases, table: Vec::new() };
        if !kernel.is_identity() {
            kernel.table = (0..=phases).flat_map(|phase| kernel.row(phase as f64 / phases as f64, scale)).collect();
        }
        kernel
    }

    /// The taps for an output that lies `fraction` behind an input; their sum is 1.
    fn row(&self, fraction: f64, scale: f64) -> Vec<Eight> {
        let half = (self.taps / 2) as f64;
        let cutoff = CUTOFF * scale;
        let taps: Vec<f64> = (0..self.taps)
            .map(|tap| {
                let distance = fraction + half - 1.0 - tap as f64;
                sinc(cutoff * distance) * kaiser(distance / half)
            })
            .collect();
        let sum: f64 = taps.iter().sum();
        let eight = |taps: &[f64]| Eight(std::array::from_fn(|lane| (taps[lane] / sum) as f32));
        taps.chunks_exact(8).map(eight).collect()
    }

    /// Lists so many outputs from `next` on; returns the one behind them.
    fn batch(&self, next: Product, count: usize, products: &mut Vec<Product>) -> Product {
        let (whole, part, rows) = (self.down / self.up, self.down % self.up * self.length(), self.up * self.length());
        let mut next = next;
        products.clear();
        products.extend((0..count).map(|_| {
            let this = next;
            // A comparison, no division: every output waits for the place of the one before.
            let row = next.row + part;
            let carried = row >= rows;
            next = Product {
                start: next.start + whole + usize::from(carried),
                row: if carried { row - rows } else { row },
            };
            this
        }));
        next
    }

    /// The outputs of a batch, in its order.
    fn sums(&self, path: Path, window: &[f32], products: &mut [Product], sums: &mut [f32]) {
        let length = self.length();
        let factors = Factors { window, table: &self.table, length, period: self.up, in_step: self.down == 1 };
        if self.phases == self.up {
            return path.sums(factors, products, sums);
        }
        let mut upper = [0.0; BATCH];
        let mut between = [0.0; BATCH];
        for (product, between) in products.iter_mut().zip(&mut between) {
            let position = product.row / length * self.phases;
            *between = (position % self.up) as f32 / self.up as f32;
            product.row = position / self.up * length;
        }
        path.sums(factors, products, sums);
        products.iter_mut().for_each(|product| product.row += length);
        path.sums(factors, products, &mut upper[..products.len()]);
        for ((sum, upper), between) in sums.iter_mut().zip(upper).zip(between) {
            *sum += (upper - *sum) * between;
        }
    }

    /// Eights of taps that a row has.
    fn length(&self) -> usize {
        self.taps / 8
    }

    fn is_identity(&self) -> bool {
        self.up == self.down
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-12 {
        return 1.0;
    }
    (PI * x).sin() / (PI * x)
}

/// Kaiser's window; 0 outside of −1…1.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    bessel(BETA * (1.0 - x * x).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of the first kind, order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-16 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
