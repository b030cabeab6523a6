//! placeholder
#[derive(Debug)] pub struct Wav { pub sample_rate: u32, pub channels: u16, pub samples: Vec<i16> }
#[derive(Debug, thiserror::Error)] #[error("not a WAV file")] pub struct WavError;
pub fn read_wav(b: &[u8]) -> Result<Wav, WavError> {
    let mut r = hound::WavReader::new(std::io::Cursor::new(b)).map_err(|_| WavError)?;
    let s = r.spec();
    Ok(Wav { sample_rate: s.sample_rate, channels: s.channels, samples: r.samples::<i16>().filter_map(Result::ok).collect() })
}
