//! placeholder
#[derive(Debug)]
pub struct Decoded { pub samples: Vec<i16>, pub odd_byte: bool }
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not base64")]
pub struct DecodeError;
pub fn encode_pcm16(samples: &[i16], out: &mut Vec<u8>) {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    encode_bytes(&bytes, out);
}
pub fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) { out.extend_from_slice(base64_simd::STANDARD.encode_to_string(bytes).as_bytes()); }
pub fn decode_bytes(text: &[u8]) -> Result<Vec<u8>, DecodeError> { base64_simd::STANDARD.decode_to_vec(text).map_err(|_| DecodeError) }
pub fn decode_pcm16(text: &[u8]) -> Result<Decoded, DecodeError> {
    let b = decode_bytes(text)?;
    Ok(Decoded { odd_byte: b.len() % 2 == 1, samples: b.chunks_exact(2).map(|c| i16::from_le_bytes([c[0], c[1]])).collect() })
}
