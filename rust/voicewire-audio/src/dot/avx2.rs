//! Eight products an instruction on x86-64.

use std::arch::x86_64::{
    _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_loadu_ps, _mm256_setzero_ps,
    _mm_add_ps, _mm_storeu_ps,
};

use super::Four;

/// Each window times its row, summed. Four chains hide the latency of the multiplier.
///
/// # Safety
/// The machine has AVX2 and FMA, and all slices have the length of the first one, a multiple of 8.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn sums(windows: Four<'_>, rows: Four<'_>) -> [f32; 4] {
    let mut outputs = [0.0; 4];
    // SAFETY: every load reads `at..at + 8` of a slice of at least that length; the store writes four floats.
    unsafe {
        let mut sums = [_mm256_setzero_ps(); 4];
        for at in (0..windows[0].len()).step_by(8) {
            for output in 0..4 {
                let window = _mm256_loadu_ps(windows[output].as_ptr().add(at));
                let row = _mm256_loadu_ps(rows[output].as_ptr().add(at));
                sums[output] = _mm256_fmadd_ps(window, row, sums[output]);
            }
        }
        let pairs = [_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3])];
        let halves = _mm256_hadd_ps(pairs[0], pairs[1]);
        let whole = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
        _mm_storeu_ps(outputs.as_mut_ptr(), whole);
    }
    outputs
}
