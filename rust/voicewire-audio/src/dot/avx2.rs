//! Eight products an instruction on x86-64.

use std::arch::x86_64::{
    _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_load_ps, _mm256_loadu_ps,
    _mm256_setzero_ps, _mm_add_ps, _mm_storeu_ps,
};

use super::{Factors, Product, BATCH};

/// The sum of each product, four at a time: four chains hide the latency of the multiplier.
///
/// # Safety
/// The machine has AVX2 and FMA; each product has all its samples within the window and all its taps within the table.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn sums(factors: Factors<'_>, products: &[Product], sums: &mut [f32; BATCH]) {
    for (four, sums) in products.chunks(4).zip(sums.chunks_exact_mut(4)) {
        // A short block repeats its last product: the sums behind it are nobody's.
        let last = four.len() - 1;
        let four = [four[0], four[last.min(1)], four[last.min(2)], four[last]];
        // SAFETY: every load reads the eight samples or taps at `at` that the caller vouches for; the store writes four.
        unsafe {
            let windows = four.map(|product| factors.window.as_ptr().add(product.start));
            let rows = four.map(|product| factors.table.as_ptr().add(product.row));
            let mut chains = [_mm256_setzero_ps(); 4];
            for at in 0..factors.length {
                for chain in 0..4 {
                    let samples = _mm256_loadu_ps(windows[chain].add(at * 8));
                    let taps = _mm256_load_ps(rows[chain].add(at).cast());
                    chains[chain] = _mm256_fmadd_ps(samples, taps, chains[chain]);
                }
            }
            let pairs = [_mm256_hadd_ps(chains[0], chains[1]), _mm256_hadd_ps(chains[2], chains[3])];
            let halves = _mm256_hadd_ps(pairs[0], pairs[1]);
            let whole = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
            _mm_storeu_ps(sums.as_mut_ptr(), whole);
        }
    }
}
