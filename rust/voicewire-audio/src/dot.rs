//! Step "resample": the sums of products of the filter, a batch of outputs at a time, in the machine's own vectors.
//!
//! Each output's sum is formed in an order that depends on the path and on nothing else: not on the chunk, not on its
//! place in the batch. So a path gives bit for bit the same samples for any chunking. Between paths the last bit of the
//! sum differs, which moves a sample by one step at most.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
mod neon;

/// Outputs formed by one call: large enough that the call costs little, and a multiple of eight of most periods.
pub(crate) const BATCH: usize = 96;

/// Taps side by side, where one load takes them from one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Eight(pub(crate) [f32; 8]);

/// What an output is the sum of: samples from `start` of the window on, times taps from `row` of the table on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Product {
    pub(crate) start: usize,
    pub(crate) row: usize,
}

/// The samples and the taps that products are made of.
#[derive(Clone, Copy, Debug)]
// Only AVX2 shares loads; the others do not ask what could be shared.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct Factors<'a> {
    pub(crate) window: &'a [f32],
    pub(crate) table: &'a [Eight],
    /// Eights of taps that a row has.
    pub(crate) length: usize,
    /// Products so many places apart have the same row.
    pub(crate) period: usize,
    /// Products of one period have the same samples.
    pub(crate) in_step: bool,
}

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

    /// The sum of each product.
    ///
    /// # Panics
    /// Where a product lies outside of its factors, or the products are not as many as the sums.
    #[allow(unsafe_code)]
    pub(crate) fn sums(self, factors: Factors<'_>, products: &[Product], sums: &mut [f32]) {
        let Factors { window, table, length, .. } = factors;
        let (starts, rows) = (window.len().checked_sub(length * 8), table.len().checked_sub(length));
        let (starts, rows) = (starts.expect("a window of taps"), rows.expect("a table of taps"));
        let last = products.iter().fold(Product::default(), |last, product| Product {
            start: last.start.max(product.start),
            row: last.row.max(product.row),
        });
        assert!(last.start <= starts && last.row <= rows, "products inside of their factors");
        assert_eq!(products.len(), sums.len(), "a sum for each product");
        match self.0 {
            Kind::Scalar => scalar(factors, products, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this path exists where `best` found AVX2 and FMA; the products are checked above.
            Kind::Avx2 => unsafe { avx2::sums(factors, products, sums) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: this path exists where `best` found NEON; the products are checked above.
            Kind::Neon => unsafe { neon::sums(factors, products, sums) },
        }
    }
}

/// Eight partial sums, as the vectors of most machines form them.
fn scalar(factors: Factors<'_>, products: &[Product], sums: &mut [f32]) {
    for (sum, &Product { start, row }) in sums.iter_mut().zip(products) {
        let (window, row) = (&factors.window[start..], &factors.table[row..row + factors.length]);
        let mut partial = [0.0f32; 8];
        for (window, taps) in window.chunks_exact(8).zip(row) {
            for lane in 0..8 {
                partial[lane] += window[lane] * taps.0[lane];
            }
        }
        let [a, b, c, d, e, f, g, h] = partial;
        *sum = (a + e) + (b + f) + ((c + g) + (d + h));
    }
}
