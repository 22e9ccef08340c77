//! Huffman codes and the bits that they are read from (ITU-T T.81 annexes C and F).

use super::super::{ENDS_EARLY, Fault, Result};

/// Decodes by one lookup of the next 16 bits.
pub struct Table(Vec<Entry>);

#[derive(Clone, Copy, Default)]
struct Entry {
    symbol: u8,
    /// Bits of the code; 0 where no code begins so.
    bits: u8,
}

impl Table {
    /// Builds the canonical code from BITS and HUFFVAL.
    pub fn build(definition: &[u8]) -> Result<Self> {
        let (counts, symbols) = definition.split_at_checked(16).ok_or(ENDS_EARLY)?;
        let mut symbols = symbols.iter();
        let mut entries = Vec::with_capacity(1 << 16);
        for (bits, &count) in (1u8..).zip(counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                if entries.len() == 1 << 16 {
                    return Err(Fault::Broken("has an impossible Huffman table"));
                }
                entries.resize(entries.len() + (1 << (16 - bits)), Entry { symbol, bits });
            }
        }
        if entries.len() > 1 << 16 {
            return Err(Fault::Broken("has an impossible Huffman table"));
        }
        entries.resize(1 << 16, Entry::default());
        Ok(Self(entries))
    }
}

/// Bits of the entropy-coded data, most significant first, stuffing removed.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    /// Bits in the buffer.
    count: u32,
    /// How many of them were made up after the data had ended.
    made_up: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, count: 0, made_up: 0 }
    }

    /// At least 32 bits into the buffer: enough for one code and the bits that belong to it.
    fn refill(&mut self) {
        while self.count < 32 {
            let byte = match self.bytes.get(self.at..) {
                Some([0xFF, 0x00, ..]) => {
                    self.at += 2;
                    0xFF
                }
                Some([0xFF, ..] | []) | None => {
                    self.made_up += 8;
                    0
                }
                Some([byte, ..]) => {
                    self.at += 1;
                    *byte
                }
            };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// The next symbol.
    pub fn symbol(&mut self, table: &Table) -> Result<u8> {
        self.refill();
        #[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are wanted")]
        let next = (self.buffer >> (self.count - 16)) as u16;
        let Entry { symbol, bits } = table.0[usize::from(next)];
        if bits == 0 {
            return Err(Fault::Broken("has a code that its Huffman table does not know"));
        }
        self.count -= u32::from(bits);
        Ok(symbol)
    }

    /// The signed number of `size` bits that follows a symbol (T.81 F.2.2.1, EXTEND); `size` is at most 16.
    pub fn extended(&mut self, size: u8) -> i32 {
        if size == 0 {
            return 0;
        }
        self.refill();
        self.count -= u32::from(size);
        let low = (self.buffer >> self.count) & ((1 << size) - 1);
        #[expect(clippy::cast_possible_truncation, reason = "16 bits at most")]
        let value = low as i32;
        if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }

    /// Fails when bits were used that are not there.
    pub fn check(&self) -> Result<()> {
        if self.count < self.made_up { Err(ENDS_EARLY) } else { Ok(()) }
    }

    /// Steps over the restart marker that must come now.
    pub fn restart(&mut self) -> Result<()> {
        self.check()?;
        match self.bytes.get(self.at..) {
            Some([0xFF, 0xD0..=0xD7, ..]) => {
                *self = Self { at: self.at + 2, ..Self::new(self.bytes) };
                Ok(())
            }
            _ => Err(Fault::Broken("lacks a restart marker")),
        }
    }
}
