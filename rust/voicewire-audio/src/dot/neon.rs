//! Four products an instruction on aarch64.

use std::arch::aarch64::{vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32};

use super::Four;

/// Each window times its row, summed. Eight chains hide the latency of the multiplier.
///
/// # Safety
/// The machine has NEON, and all slices have the length of the first one, a multiple of 8.
#[target_feature(enable = "neon")]
pub(super) unsafe fn sums(windows: Four<'_>, rows: Four<'_>) -> [f32; 4] {
    // SAFETY: every load reads `at..at + 4` or `at + 4..at + 8` of a slice of at least that length.
    unsafe {
        let mut sums = [[vdupq_n_f32(0.0); 2]; 4];
        for at in (0..windows[0].len()).step_by(8) {
            for output in 0..4 {
                for half in 0..2 {
                    let window = vld1q_f32(windows[output].as_ptr().add(at + half * 4));
                    let row = vld1q_f32(rows[output].as_ptr().add(at + half * 4));
                    sums[output][half] = vfmaq_f32(sums[output][half], window, row);
                }
            }
        }
        sums.map(|[lower, upper]| vaddvq_f32(vaddq_f32(lower, upper)))
    }
}
