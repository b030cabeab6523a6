//! placeholder
#[derive(Debug, thiserror::Error)] #[error("rate")] pub struct RateError;
#[derive(Debug)] pub struct Resampler { f: u32, t: u32 }
impl Resampler {
    pub fn new(f: u32, t: u32) -> Result<Self, RateError> { Ok(Self { f, t }) }
    pub fn process(&mut self, i: &[i16], o: &mut Vec<i16>) { let n = (i.len() as u64 * u64::from(self.t)).div_ceil(u64::from(self.f)); for k in 0..n { o.push(i[(k * u64::from(self.f) / u64::from(self.t)) as usize]); } }
    pub fn flush(&mut self, _o: &mut Vec<i16>) {}
    pub fn reset(&mut self) {}
    pub fn delay_seconds(&self) -> f64 { 0.0 }
}
