//! placeholder
#[derive(Debug, thiserror::Error)] #[error("NaN at index {index}")] pub struct NotANumber { pub index: usize }
#[derive(Debug, thiserror::Error)] #[error("odd byte count: {len}")] pub struct OddLength { pub len: usize }
pub fn float_to_pcm16(f: &[f32], out: &mut Vec<i16>) -> Result<(), NotANumber> {
    if let Some(index) = f.iter().position(|x| x.is_nan()) { return Err(NotANumber { index }); }
    out.extend(f.iter().map(|x| (x * 32768.0).round_ties_even() as i16)); Ok(())
}
pub fn pcm16_to_float(s: &[i16], out: &mut Vec<f32>) { out.extend(s.iter().map(|x| f32::from(*x) / 32768.0)); }
pub fn from_le_bytes(b: &[u8]) -> Result<Vec<i16>, OddLength> {
    if b.len() % 2 == 1 { return Err(OddLength { len: b.len() }); }
    Ok(b.chunks_exact(2).map(|c| i16::from_le_bytes([c[0], c[1]])).collect())
}
pub fn to_le_bytes(s: &[i16]) -> Vec<u8> { s.iter().flat_map(|s| s.to_le_bytes()).collect() }
