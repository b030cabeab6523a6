//! WAV files of the kinds that people have.
#![allow(clippy::unwrap_used)]

use hound::{SampleFormat, WavSpec, WavWriter};
use voicewire_audio::wav::{read_wav, write_wav, WavError};

fn file<S: hound::Sample + Copy>(channels: u16, bits: u16, format: SampleFormat, samples: &[S]) -> Vec<u8> {
    let spec = WavSpec { channels, sample_rate: 44_100, bits_per_sample: bits, sample_format: format };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

#[test]
fn what_was_written_is_read() {
    let wav = read_wav(&write_wav(&[1, -2, 32_767], 24_000).unwrap()).unwrap();
    assert_eq!((wav.sample_rate, wav.channels, wav.samples), (24_000, 1, vec![1, -2, 32_767]));
}

#[test]
fn several_channels_are_mixed_by_their_mean() {
    let wav = read_wav(&file(2, 16, SampleFormat::Int, &[100i16, 300, -32_768, -32_768])).unwrap();
    assert_eq!(wav.samples, [200, -32_768]);
}

#[test]
fn the_mean_of_channels_is_rounded_to_nearest_even() {
    let frames = [0i16, 1, 1, 2, 2, 3, 0, -1, -1, -2, -2, -3];
    assert_eq!(read_wav(&file(2, 16, SampleFormat::Int, &frames)).unwrap().samples, [0, 2, 2, 0, -2, -2]);
    assert_eq!(read_wav(&file(3, 16, SampleFormat::Int, &[1i16, 1, 0, -1, -1, 0])).unwrap().samples, [1, -1]);
}

#[test]
fn more_than_16_bits_are_rounded_to_nearest_even_and_saturate() {
    let samples = [0x0180i32, 0x0280, 0x0281, -0x0180, 0x7f_ffff, -0x80_0000];
    let read = read_wav(&file(1, 24, SampleFormat::Int, &samples)).unwrap();
    assert_eq!(read.samples, [2, 2, 3, -2, i16::MAX, i16::MIN]);
}

#[test]
fn other_depths_are_scaled() {
    assert_eq!(read_wav(&file(1, 24, SampleFormat::Int, &[0x12_3456i32])).unwrap().samples, [0x1234]);
    assert_eq!(read_wav(&file(1, 32, SampleFormat::Int, &[i32::MIN])).unwrap().samples, [i16::MIN]);
    assert_eq!(read_wav(&file(1, 8, SampleFormat::Int, &[-128i8, 64])).unwrap().samples, [-32_768, 16_384]);
}

#[test]
fn floats_are_samples_too() {
    let wav = read_wav(&file(1, 32, SampleFormat::Float, &[0.5f32, -1.0, 2.0])).unwrap();
    assert_eq!(wav.samples, [16_384, -32_768, 32_767]);
}

#[test]
fn a_streamed_file_ends_where_it_ends() {
    let mut bytes = write_wav(&[1, 2, 3, 4], 8_000).unwrap();
    let data = bytes.windows(4).position(|window| window == b"data").unwrap();
    bytes[data + 4..data + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes.truncate(bytes.len() - 3);
    assert_eq!(read_wav(&bytes).unwrap().samples, [1, 2]);
}

#[test]
fn other_files_are_refused() {
    assert_eq!(read_wav(b"ID3 some other sound").unwrap_err(), WavError::NotWav);
    assert_eq!(read_wav(b"").unwrap_err(), WavError::NotWav);
    assert_eq!(read_wav(b"RIFF\0\0\0\0WAVE").unwrap_err(), WavError::NotWav);
    assert_eq!(read_wav(&write_wav(&[], 8_000).unwrap()).unwrap_err(), WavError::Empty);
}

#[test]
fn no_cut_of_a_file_makes_the_reader_panic() {
    let bytes = file(2, 24, SampleFormat::Int, &[1i32, 2, 3, 4, 5, 6]);
    for end in 0..bytes.len() {
        let _ = read_wav(&bytes[..end]);
    }
}
