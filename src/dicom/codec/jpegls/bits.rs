//! The bits of a JPEG-LS scan (ISO/IEC 14495-1 section A.1): after a byte FF only seven bits follow in the next one.

use super::super::{ENDS_EARLY, Fault, Result};

/// No mapped error of a 16-bit sample is larger.
const MOST: i32 = 1 << 17;

pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    /// Bits in the buffer.
    count: u32,
    /// How many of them were made up after the scan had ended.
    made_up: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, count: 0, made_up: 0 }
    }

    fn refill(&mut self) {
        while self.count <= 48 {
            let after_ff = self.at > 0 && self.bytes.get(self.at - 1) == Some(&0xFF);
            let (byte, bits) = match self.bytes.get(self.at) {
                Some(&byte) if after_ff && byte < 0x80 => (byte, 7),
                Some(&byte) if !after_ff && !self.marker_at(self.at) => (byte, 8),
                _ => {
                    self.made_up += 8;
                    self.buffer <<= 8;
                    self.count += 8;
                    continue;
                }
            };
            self.at += 1;
            self.buffer = self.buffer << bits | u64::from(byte);
            self.count += bits;
        }
    }

    fn marker_at(&self, at: usize) -> bool {
        self.bytes.get(at) == Some(&0xFF) && self.bytes.get(at + 1).is_none_or(|&next| next >= 0x80)
    }

    pub fn bit(&mut self) -> Result<bool> {
        Ok(self.read(1)? == 1)
    }

    /// The next `count` bits, 30 at most.
    pub fn read(&mut self, count: u32) -> Result<u32> {
        self.refill();
        self.count -= count;
        let value = (self.buffer >> self.count) & ((1 << count) - 1);
        self.check()?;
        u32::try_from(value).map_err(|_| ENDS_EARLY)
    }

    /// A limited-length Golomb code (A.5.3).
    pub fn golomb(&mut self, k: u32, limit: u32, quantised_bits: u32) -> Result<i32> {
        let escape = limit - quantised_bits - 1;
        let zeros = self.zeros(escape)?;
        let value = if zeros < escape {
            u64::from(zeros) << k | u64::from(self.read(k)?)
        } else {
            u64::from(self.read(quantised_bits)?) + 1
        };
        i32::try_from(value).ok().filter(|&value| value <= MOST).ok_or(Fault::Broken("has a code beyond its range"))
    }

    /// Zeros before the next one, which is taken too.
    fn zeros(&mut self, most: u32) -> Result<u32> {
        let mut zeros = 0;
        loop {
            self.refill();
            let run = (self.buffer << (64 - self.count)).leading_zeros().min(self.count);
            zeros += run;
            if zeros > most {
                return Err(Fault::Broken("has a code beyond its limit"));
            }
            self.count -= run;
            if self.count > 0 {
                self.count -= 1;
                return Ok(zeros);
            }
        }
    }

    /// Fails when bits were used that are not there.
    pub fn check(&self) -> Result<()> {
        if self.count < self.made_up { Err(ENDS_EARLY) } else { Ok(()) }
    }
}
