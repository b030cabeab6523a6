//! Step "resample": the sums of products of the filter, four outputs at a time, in the machine's own vectors.
//!
//! Each output's sum is formed in an order that depends on the path and on nothing else: not on the chunk, not on its
//! place among the four. So a path gives bit for bit the same samples for any chunking. Between paths the last bit of the
//! sum differs, which moves a sample by one step at most.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod neon;

/// Four inputs or rows of the same length, a multiple of 8.
pub(crate) type Four<'a> = [&'a [f32]; 4];

/// The instructions that form the sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path(Kind);

/// Not public: a path that the machine does not have must not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Path {
    /// Plain Rust: the same bits on every machine.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The fastest one of this machine, found at run time: AVX2 with FMA, NEON, or else the scalar one.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return Self(Kind::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            return Self(Kind::Neon);
        }
        Self::SCALAR
    }

    /// "scalar", "avx2" or "neon".
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
        }
    }

    /// Each window times its row, summed.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn sums(self, windows: Four<'_>, rows: Four<'_>) -> [f32; 4] {
        let taps = windows[0].len();
        assert!(taps % 8 == 0 && windows.iter().chain(&rows).all(|slice| slice.len() == taps), "four of one length");
        match self.0 {
            Kind::Scalar => std::array::from_fn(|output| scalar(windows[output], rows[output])),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this path exists where `best` found AVX2 and FMA; the lengths are checked above.
            Kind::Avx2 => unsafe { avx2::sums(windows, rows) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: this path exists where `best` found NEON; the lengths are checked above.
            Kind::Neon => unsafe { neon::sums(windows, rows) },
        }
    }
}

/// Eight partial sums, as the vectors of most machines form them.
fn scalar(window: &[f32], row: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (window, row) in window.chunks_exact(8).zip(row.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += window[lane] * row[lane];
        }
    }
    (sums[0] + sums[4]) + (sums[1] + sums[5]) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))
}
