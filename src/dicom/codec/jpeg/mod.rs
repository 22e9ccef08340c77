//! The marker segments of a JPEG or JPEG-LS code stream (ITU-T T.81 annex B): bytes in, the tables that its first
//! scan needs out. Grey images of one component and one scan only, which is what CT is.

mod huffman;
pub mod lossless;
pub mod sequential;

use super::{ENDS_EARLY, Fault, Result};
use crate::dicom::image::Image;

/// What kind of coding the frame header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Baseline or extended sequential DCT with Huffman coding (SOF0, SOF1).
    Sequential,
    /// Lossless with Huffman coding (SOF3).
    Lossless,
    /// JPEG-LS (SOF55).
    Ls,
}

/// Everything before the entropy-coded data. Tables stay where they lie in the stream until a decoder wants them.
#[derive(Debug)]
pub struct Header<'a> {
    pub process: Process,
    /// Bits per sample, 2 to 16.
    pub precision: u8,
    rows: u16,
    columns: u16,
    /// Which quantisation table the component uses.
    quantisation: u8,
    /// The four quantisation tables: bytes of an entry, entries.
    quantisation_tables: [Option<(u8, &'a [u8])>; 4],
    /// Huffman tables as BITS and HUFFVAL; DC or lossless ones first, AC ones from index 4.
    huffman_tables: [Option<&'a [u8]>; 8],
    /// Data units between restart markers; 0 for none.
    pub restart_interval: usize,
    /// JPEG-LS preset parameters MAXVAL, T1, T2, T3, RESET; 0 means the default.
    pub presets: [u16; 5],
    /// Table selectors of the scan: DC in the upper half, AC in the lower.
    selectors: u8,
    /// Ss of the scan: the predictor of lossless JPEG, NEAR of JPEG-LS.
    pub start: u8,
    /// Low half of Ah/Al: the point transform.
    pub point_transform: u8,
    /// What follows the scan header.
    pub entropy: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads up to the entropy-coded data of the first scan.
    pub fn read(stream: &'a [u8]) -> Result<Self> {
        let mut frame = None;
        let mut header = Self {
            process: Process::Sequential,
            precision: 0,
            rows: 0,
            columns: 0,
            quantisation: 0,
            quantisation_tables: [None; 4],
            huffman_tables: [None; 8],
            restart_interval: 0,
            presets: [0; 5],
            selectors: 0,
            start: 0,
            point_transform: 0,
            entropy: &[],
        };
        let mut rest = stream.get(2..).ok_or(ENDS_EARLY)?;
        loop {
            let (marker, body, tail) = segment(rest)?;
            rest = tail;
            match marker {
                0xC0 | 0xC1 => frame = Some((Process::Sequential, body)),
                0xC3 => frame = Some((Process::Lossless, body)),
                0xF7 => frame = Some((Process::Ls, body)),
                0xC4 => header.huffman(body)?,
                0xDB => header.quantisation(body)?,
                0xDD => header.restart_interval = usize::from(u16_at(body, 0)?),
                0xF8 => header.presets(body)?,
                0xDA => break header.scan(body)?,
                0xC2 | 0xC5..=0xCF => return Err(Fault::Broken("is of a process that is not read")),
                0xD9 => return Err(Fault::Broken("has no scan")),
                _ => {}
            }
        }
        let (process, body) = frame.ok_or(Fault::Broken("has no frame header"))?;
        header.frame(process, body)?;
        header.entropy = rest;
        Ok(header)
    }

    fn frame(&mut self, process: Process, body: &[u8]) -> Result<()> {
        let [precision, y0, y1, x0, x1, components, _, _, quantisation, ..] = *body else { return Err(ENDS_EARLY) };
        if components != 1 {
            return Err(Fault::Contradicts("more than one component"));
        }
        let sound = match process {
            Process::Sequential => precision == 8 || precision == 12,
            Process::Lossless | Process::Ls => (2..=16).contains(&precision),
        };
        if !sound {
            return Err(Fault::Broken("has a precision that its process does not know"));
        }
        self.process = process;
        self.precision = precision;
        self.rows = u16::from_be_bytes([y0, y1]);
        self.columns = u16::from_be_bytes([x0, x1]);
        self.quantisation = quantisation;
        Ok(())
    }

    fn scan(&mut self, body: &[u8]) -> Result<()> {
        let [1, _, selectors, start, _, approximation, ..] = *body else {
            return Err(Fault::Contradicts("more than one component in a scan"));
        };
        self.selectors = selectors;
        self.start = start;
        self.point_transform = approximation & 0x0F;
        Ok(())
    }

    fn huffman(&mut self, mut body: &'a [u8]) -> Result<()> {
        while let Some((&class, table)) = body.split_first() {
            let counts = table.first_chunk::<16>().ok_or(ENDS_EARLY)?;
            let symbols: usize = counts.iter().map(|&n| usize::from(n)).sum();
            let (table, tail) = table.split_at_checked(16 + symbols).ok_or(ENDS_EARLY)?;
            let slot = match class {
                0x00..=0x03 => class,
                0x10..=0x13 => class - 0x10 + 4,
                _ => return Err(Fault::Broken("has a Huffman table that cannot be addressed")),
            };
            self.huffman_tables[usize::from(slot)] = Some(table);
            body = tail;
        }
        Ok(())
    }

    fn quantisation(&mut self, mut body: &'a [u8]) -> Result<()> {
        while let Some((&precision_and_slot, table)) = body.split_first() {
            let bytes = 1 + (precision_and_slot >> 4 & 1);
            let (table, tail) = table.split_at_checked(64 * usize::from(bytes)).ok_or(ENDS_EARLY)?;
            self.quantisation_tables[usize::from(precision_and_slot & 3)] = Some((bytes, table));
            body = tail;
        }
        Ok(())
    }

    /// LSE (ITU-T T.87 section C.2.4.1).
    fn presets(&mut self, body: &[u8]) -> Result<()> {
        if body.first() != Some(&1) {
            return Err(Fault::Broken("has mapping tables or extended sizes"));
        }
        for (i, preset) in self.presets.iter_mut().enumerate() {
            *preset = u16_at(body, 1 + 2 * i)?;
        }
        Ok(())
    }

    /// Holds the size of the frame against the header of the file.
    pub fn matches(&self, image: &Image) -> Result<()> {
        if (self.rows, self.columns) != (image.rows, image.columns) {
            return Err(Fault::Contradicts("other Rows or Columns"));
        }
        if self.precision > image.bits_allocated {
            return Err(Fault::Contradicts("more bits than BitsAllocated"));
        }
        Ok(())
    }

    /// The Huffman table for DC coefficients and lossless differences.
    fn dc_table(&self) -> Result<huffman::Table> {
        self.huffman_table(self.selectors >> 4 & 3)
    }

    /// The Huffman table for AC coefficients.
    fn ac_table(&self) -> Result<huffman::Table> {
        self.huffman_table(4 + (self.selectors & 3))
    }

    fn huffman_table(&self, slot: u8) -> Result<huffman::Table> {
        let table = self.huffman_tables[usize::from(slot)];
        huffman::Table::build(table.ok_or(Fault::Broken("lacks a Huffman table"))?)
    }

    /// The 64 quantisation steps in zigzag order.
    fn quantisation_steps(&self) -> Result<[u16; 64]> {
        let table = self.quantisation_tables.get(usize::from(self.quantisation)).copied().flatten();
        let (bytes, table) = table.ok_or(Fault::Broken("lacks a quantisation table"))?;
        let mut steps = [0; 64];
        for (i, step) in steps.iter_mut().enumerate() {
            *step = if bytes == 2 { u16_at(table, 2 * i)? } else { u16::from(*table.get(i).ok_or(ENDS_EARLY)?) };
        }
        Ok(steps)
    }
}

/// The next marker, the body of its segment, and what follows.
fn segment(stream: &[u8]) -> Result<(u8, &[u8], &[u8])> {
    let [0xFF, tail @ ..] = stream else {
        return Err(if stream.is_empty() { ENDS_EARLY } else { Fault::Broken("has bytes where a marker should be") });
    };
    let fill = tail.iter().take_while(|&&b| b == 0xFF).count();
    let (&marker, tail) = tail[fill..].split_first().ok_or(ENDS_EARLY)?;
    if matches!(marker, 0x01 | 0xD0..=0xD9) {
        return Ok((marker, &[], tail));
    }
    let length = usize::from(u16_at(tail, 0)?);
    let (segment, tail) = tail.split_at_checked(length).ok_or(ENDS_EARLY)?;
    Ok((marker, segment.get(2..).ok_or(ENDS_EARLY)?, tail))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    bytes.get(at..).and_then(|b| b.first_chunk()).map(|&b| u16::from_be_bytes(b)).ok_or(ENDS_EARLY)
}
