//! Thirty-two letters an instruction on x86-64: the bulk of a text, after Muła and Lemire, "Faster Base64 Encoding and
//! Decoding using AVX2 Instructions" (ACM Transactions on the Web 12, 2018).

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_set1_epi8,
    _mm256_setr_epi32, _mm256_shuffle_epi8, _mm256_srli_epi32, _mm256_storeu_si256, _mm256_testz_si256,
    _mm_loadu_si128,
};

/// Letters taken at once.
const LETTERS: usize = 32;
/// Bytes that they make.
const BYTES: usize = 24;
/// Bytes that are written for them: the last eight are zeros, and the next letters' place.
const STORED: usize = 32;

/// Decodes from the start of `text` while there is room; returns how many letters were taken, each four of which made
/// three bytes. Stops before letters that are not of the alphabet.
///
/// # Safety
/// The machine has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn decode(text: &[u8], out: &mut [u8]) -> usize {
    let (mut taken, mut made) = (0, 0);
    while text.len() - taken >= LETTERS && out.len() - made >= STORED {
        // SAFETY: so many letters are left, and so much room.
        unsafe {
            let letters = _mm256_loadu_si256(text.as_ptr().add(taken).cast());
            let Some(bytes) = bytes_of(letters) else { break };
            _mm256_storeu_si256(out.as_mut_ptr().add(made).cast(), bytes);
        }
        taken += LETTERS;
        made += BYTES;
    }
    taken
}

/// The 24 bytes that 32 letters make, and zeros; none where one of them is no letter.
///
/// # Safety
/// The machine has AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn bytes_of(letters: __m256i) -> Option<__m256i> {
    // SAFETY: as the caller vouches.
    unsafe {
        let slash = _mm256_set1_epi8(b'/' as i8);
        // The mask keeps bit 5 too, which the look-ups do not see.
        let high = _mm256_and_si256(_mm256_srli_epi32::<4>(letters), slash);
        let low = _mm256_and_si256(letters, slash);
        let strangers = (_mm256_shuffle_epi8(twice(&HIGH), high), _mm256_shuffle_epi8(twice(&LOW), low));
        if _mm256_testz_si256(strangers.0, strangers.1) == 0 {
            return None;
        }
        let is_slash = _mm256_cmpeq_epi8(letters, slash);
        let offsets = _mm256_shuffle_epi8(twice(&OFFSETS), _mm256_add_epi8(is_slash, high));
        let six_bits = _mm256_add_epi8(letters, offsets);
        let twelve_bits = _mm256_maddubs_epi16(six_bits, _mm256_set1_epi32(0x0140_0140));
        let twenty_four_bits = _mm256_madd_epi16(twelve_bits, _mm256_set1_epi32(0x0001_1000));
        let halves = _mm256_shuffle_epi8(twenty_four_bits, twice(&ORDER));
        Some(_mm256_permutevar8x32_epi32(halves, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7)))
    }
}

/// Classes by the high and the low half of a letter: one of the alphabet has no bit in both.
const HIGH: [i8; 16] = [16, 16, 1, 2, 4, 8, 4, 8, 16, 16, 16, 16, 16, 16, 16, 16];
const LOW: [i8; 16] = [21, 17, 17, 17, 17, 17, 17, 17, 17, 17, 19, 26, 27, 27, 27, 26];

/// What to add to a letter for its six bits, by its high half; the slash stands one before its neighbours.
const OFFSETS: [i8; 16] = [0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0];

/// The three bytes of each four, highest first; the rest is zeros.
const ORDER: [i8; 16] = [2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1];

/// The same sixteen bytes in both halves.
///
/// # Safety
/// The machine has AVX2.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn twice(bytes: &[i8; 16]) -> __m256i {
    // SAFETY: the load reads the sixteen bytes.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(bytes.as_ptr().cast())) }
}
