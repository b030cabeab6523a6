//! Eight products an instruction on x86-64.

use std::arch::x86_64::{
    __m256, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_hadd_ps, _mm256_load_ps,
    _mm256_loadu_ps, _mm256_setzero_ps, _mm_add_ps, _mm_storeu_ps,
};

use super::{Factors, Product};

/// The sum of each product. Loads are what costs, two for each multiplication: tiles share them where the ratio lets them.
///
/// # Safety
/// The machine has AVX2 and FMA; each product has all its samples within the window and all its taps within the table.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn sums(factors: Factors<'_>, products: &[Product], sums: &mut [f32]) {
    // SAFETY: as the caller vouches.
    let done = unsafe {
        match factors.period {
            period if factors.in_step && period % 3 == 0 => tiles::<3, 4>(factors, products, sums),
            period if factors.in_step && period % 2 == 0 => tiles::<2, 4>(factors, products, sums),
            _ => tiles::<1, 8>(factors, products, sums),
        }
    };
    for (products, sums) in products[done..].chunks(4).zip(sums[done..].chunks_mut(4)) {
        // A short block repeats its last product.
        let last = products.len() - 1;
        let products = [products[0], products[last.min(1)], products[last.min(2)], products[last]];
        // SAFETY: as the caller vouches.
        let four = unsafe { four(factors, products) };
        sums.copy_from_slice(&four[..sums.len()]);
    }
}

/// Sums of all whole blocks of `WINDOWS` periods; returns how many sums that were.
///
/// # Safety
/// As for `sums`; `ROWS` divides the period, and products of one period share their samples if it is not 1.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tiles<const ROWS: usize, const WINDOWS: usize>(
    factors: Factors<'_>,
    products: &[Product],
    sums: &mut [f32],
) -> usize {
    let period = factors.period;
    let mut done = 0;
    while products.len() - done >= period * WINDOWS {
        let end = done + period * WINDOWS;
        for first in (0..period).step_by(ROWS) {
            // SAFETY: as the caller vouches.
            unsafe { tile::<ROWS, WINDOWS>(factors, &products[done..end], &mut sums[done..end], first) };
        }
        done = end;
    }
    done
}

/// Sums of `ROWS` neighbours in each of `WINDOWS` periods, all of whose chains run side by side.
///
/// # Safety
/// As for `tiles`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const ROWS: usize, const WINDOWS: usize>(
    factors: Factors<'_>,
    products: &[Product],
    sums: &mut [f32],
    first: usize,
) {
    let period = factors.period;
    // SAFETY: every load reads the eight samples or taps at `at` that the caller vouches for.
    unsafe {
        let mut windows = [factors.window.as_ptr(); WINDOWS];
        let mut rows = [factors.table.as_ptr(); ROWS];
        for window in 0..WINDOWS {
            windows[window] = windows[window].add(products[first + window * period].start);
        }
        for row in 0..ROWS {
            rows[row] = rows[row].add(products[first + row].row);
        }
        let mut chains = [[_mm256_setzero_ps(); WINDOWS]; ROWS];
        for at in 0..factors.length {
            let mut taps = [_mm256_setzero_ps(); ROWS];
            for row in 0..ROWS {
                taps[row] = _mm256_load_ps(rows[row].add(at).cast());
            }
            for window in 0..WINDOWS {
                let samples = _mm256_loadu_ps(windows[window].add(at * 8));
                for row in 0..ROWS {
                    chains[row][window] = _mm256_fmadd_ps(samples, taps[row], chains[row][window]);
                }
            }
        }
        for row in 0..ROWS {
            for window in (0..WINDOWS).step_by(4) {
                let [a, b, c, d] = [0, 1, 2, 3].map(|next| chains[row][window + next]);
                let four = across([a, b, c, d]);
                for next in 0..4 {
                    sums[first + row + (window + next) * period] = four[next];
                }
            }
        }
    }
}

/// Sums of four products that share nothing.
///
/// # Safety
/// As for `sums`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn four(factors: Factors<'_>, products: [Product; 4]) -> [f32; 4] {
    // SAFETY: every load reads the eight samples or taps at `at` that the caller vouches for.
    unsafe {
        let windows = products.map(|product| factors.window.as_ptr().add(product.start));
        let rows = products.map(|product| factors.table.as_ptr().add(product.row));
        let mut chains = [_mm256_setzero_ps(); 4];
        for at in 0..factors.length {
            for chain in 0..4 {
                let samples = _mm256_loadu_ps(windows[chain].add(at * 8));
                chains[chain] = _mm256_fmadd_ps(samples, _mm256_load_ps(rows[chain].add(at).cast()), chains[chain]);
            }
        }
        across(chains)
    }
}

/// The sum over each vector.
///
/// # Safety
/// The machine has AVX2.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn across(chains: [__m256; 4]) -> [f32; 4] {
    let mut sums = [0.0; 4];
    // SAFETY: the store writes four floats.
    unsafe {
        let pairs = [_mm256_hadd_ps(chains[0], chains[1]), _mm256_hadd_ps(chains[2], chains[3])];
        let halves = _mm256_hadd_ps(pairs[0], pairs[1]);
        let whole = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
        _mm_storeu_ps(sums.as_mut_ptr(), whole);
    }
    sums
}
