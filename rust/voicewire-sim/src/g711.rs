//! G.711 companding (ITU-T G.711, μ-law and A-law), by the arithmetic of the standard; between wire bytes and PCM16.

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    Mu,
    A,
}

pub(crate) fn encode(law: Law, sample: i16) -> u8 {
    match law {
        Law::Mu => encode_mu(sample),
        Law::A => encode_a(sample),
    }
}

pub(crate) fn decode(law: Law, byte: u8) -> i16 {
    match law {
        Law::Mu => decode_mu(byte),
        Law::A => decode_a(byte),
    }
}

/// 14-bit magnitude with a bias of 33, in 16-bit scale 132.
fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs().min(32_635)) + 132;
    let segment = 24 - magnitude.leading_zeros() as i32;
    let mantissa = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | mantissa as u8)
}

fn decode_mu(byte: u8) -> i16 {
    let bits = !byte;
    let segment = i32::from(bits >> 4 & 7);
    let magnitude = (((i32::from(bits & 0x0F) << 3) + 132) << segment) - 132;
    (if bits & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

/// 13-bit magnitude; even bits are inverted on the line.
fn encode_a(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80, i32::from(sample) >> 4) } else { (0, !i32::from(sample) >> 4) };
    let segment = (28 - (magnitude | 1).leading_zeros() as i32).max(0);
    let mantissa = if segment == 0 { magnitude & 0x0F } else { (magnitude >> (segment - 1)) & 0x0F };
    (sign | (segment << 4) as u8 | mantissa as u8) ^ 0x55
}

fn decode_a(byte: u8) -> i16 {
    let bits = byte ^ 0x55;
    let segment = i32::from(bits >> 4 & 7);
    let base = (i32::from(bits & 0x0F) << 4) + 8;
    let magnitude = if segment == 0 { base } else { (base + 256) << (segment - 1) };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_survives_the_round_trip() {
        for law in [Law::Mu, Law::A] {
            for byte in 0..=255u8 {
                let sample = decode(law, byte);
                assert_eq!(decode(law, encode(law, sample)), sample, "{law:?} {byte:#x}");
            }
        }
    }

    #[test]
    fn known_points_of_the_standard() {
        assert_eq!(encode(Law::Mu, 0), 0xFF);
        assert_eq!(encode(Law::Mu, i16::MAX), 0x80);
        assert_eq!(encode(Law::Mu, i16::MIN), 0x00);
        assert_eq!(decode(Law::Mu, 0x00), -32_124);
        assert_eq!(encode(Law::A, 0), 0xD5);
        assert_eq!(encode(Law::A, i16::MAX), 0xAA);
        assert_eq!(decode(Law::A, 0xD5), 8);
    }

    #[test]
    fn error_stays_below_half_a_step() {
        for law in [Law::Mu, Law::A] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let back = i32::from(decode(law, encode(law, sample)));
                let allowed = (i32::from(sample).abs() / 16).max(16) + 600 * i32::from(sample.unsigned_abs() > 32_000);
                assert!((back - i32::from(sample)).abs() <= allowed, "{law:?} {sample} {back}");
            }
        }
    }
}
