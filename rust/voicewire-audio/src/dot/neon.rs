//! Four products an instruction on aarch64.

use std::arch::aarch64::{vaddq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vst1q_f32};

use super::{Factors, Product};

/// The sum of each product, four at a time: eight chains hide the latency of the multiplier.
///
/// # Safety
/// The machine has NEON; each product has all its samples within the window and all its taps within the table.
#[target_feature(enable = "neon")]
pub(super) unsafe fn sums(factors: Factors<'_>, products: &[Product], sums: &mut [f32]) {
    for (four, sums) in products.chunks(4).zip(sums.chunks_mut(4)) {
        // A short block repeats its last product.
        let last = four.len() - 1;
        let four = [four[0], four[last.min(1)], four[last.min(2)], four[last]];
        // SAFETY: every load reads four of the eight samples or taps at `at` that the caller vouches for; the store writes
        // four.
        unsafe {
            let windows = four.map(|product| factors.window.as_ptr().add(product.start));
            let rows = four.map(|product| factors.table.as_ptr().add(product.row));
            let mut chains = [[vdupq_n_f32(0.0); 2]; 4];
            for at in 0..factors.length {
                for chain in 0..4 {
                    for half in 0..2 {
                        let samples = vld1q_f32(windows[chain].add(at * 8 + half * 4));
                        let taps = vld1q_f32(rows[chain].add(at).cast::<f32>().add(half * 4));
                        chains[chain][half] = vfmaq_f32(chains[chain][half], samples, taps);
                    }
                }
            }
            for (sum, [lower, upper]) in sums.iter_mut().zip(chains) {
                let mut lanes = [0.0; 4];
                vst1q_f32(lanes.as_mut_ptr(), vaddq_f32(lower, upper));
                *sum = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
            }
        }
    }
}
