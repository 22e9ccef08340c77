//! Small CT files for tests, written element by element so that every part of them can be wrong.
//! Also included by the integration tests, so it leans on nothing but std.

#![allow(dead_code, reason = "no test uses all of it")]

use std::collections::BTreeMap;

pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
pub const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
pub const RLE: &str = "1.2.840.10008.1.2.5";

pub type Tag = (u16, u16);
pub const PIXEL_DATA: Tag = (0x7FE0, 0x0010);

#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    Short(u16),
    Bytes(Vec<u8>),
    /// Of undefined length: items and delimiters, already written.
    Undefined(Vec<u8>),
}

/// A file to be. Elements are kept in the order of their tags.
#[derive(Clone, Debug)]
pub struct File {
    pub preamble: bool,
    /// `None` leaves the meta group out.
    pub transfer_syntax: Option<String>,
    pub explicit: bool,
    pub big_endian: bool,
    pub elements: BTreeMap<Tag, (&'static str, Value)>,
}

impl File {
    /// An axial CT slice of 16 bits, all zeros.
    pub fn ct(rows: u16, columns: u16) -> Self {
        let mut file = Self {
            preamble: true,
            transfer_syntax: Some(EXPLICIT.to_owned()),
            explicit: true,
            big_endian: false,
            elements: BTreeMap::new(),
        };
        file.text((0x0008, 0x0008), "CS", "ORIGINAL\\PRIMARY\\AXIAL")
            .text((0x0008, 0x0016), "UI", "1.2.840.10008.5.1.4.1.1.2")
            .text((0x0008, 0x0018), "UI", "1.2.3.4.1")
            .text((0x0008, 0x0060), "CS", "CT")
            .text((0x0010, 0x0010), "PN", "Nobody^Phantom")
            .text((0x0018, 0x0050), "DS", "1.25")
            .text((0x0020, 0x000D), "UI", "1.2.3.1")
            .text((0x0020, 0x000E), "UI", "1.2.3.2")
            .text((0x0020, 0x0013), "IS", "7")
            .text((0x0020, 0x0032), "DS", "-100\\-120.5\\33")
            .text((0x0020, 0x0037), "DS", "1\\0\\0\\0\\1\\0")
            .short((0x0028, 0x0002), 1)
            .text((0x0028, 0x0004), "CS", "MONOCHROME2")
            .short((0x0028, 0x0010), rows)
            .short((0x0028, 0x0011), columns)
            .text((0x0028, 0x0030), "DS", "0.5\\0.5")
            .short((0x0028, 0x0100), 16)
            .short((0x0028, 0x0101), 16)
            .short((0x0028, 0x0102), 15)
            .short((0x0028, 0x0103), 1)
            .text((0x0028, 0x1052), "DS", "-1024")
            .text((0x0028, 0x1053), "DS", "1")
            .set(PIXEL_DATA, "OW", Value::Bytes(vec![0; 2 * usize::from(rows) * usize::from(columns)]));
        file
    }

    pub fn set(&mut self, tag: Tag, vr: &'static str, value: Value) -> &mut Self {
        self.elements.insert(tag, (vr, value));
        self
    }

    pub fn text(&mut self, tag: Tag, vr: &'static str, value: &str) -> &mut Self {
        self.set(tag, vr, Value::Text(value.to_owned()))
    }

    pub fn short(&mut self, tag: Tag, value: u16) -> &mut Self {
        self.set(tag, "US", Value::Short(value))
    }

    pub fn without(&mut self, tag: Tag) -> &mut Self {
        self.elements.remove(&tag);
        self
    }

    /// Encapsulated PixelData of one frame in these fragments, under a transfer syntax.
    pub fn encapsulate(&mut self, transfer_syntax: &str, fragments: &[&[u8]]) -> &mut Self {
        self.transfer_syntax = Some(transfer_syntax.to_owned());
        let mut content = item(&[]);
        for fragment in fragments {
            content.extend(item(&even(fragment.to_vec(), 0)));
        }
        content.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        self.set(PIXEL_DATA, "OB", Value::Undefined(content))
    }

    /// Words of the native plane, in the byte order of the file.
    pub fn words(&mut self, words: &[u16]) -> &mut Self {
        let big = self.big_endian;
        let bytes = words.iter().flat_map(|w| if big { w.to_be_bytes() } else { w.to_le_bytes() }).collect();
        self.set(PIXEL_DATA, "OW", Value::Bytes(bytes))
    }

    /// The elements alone.
    pub fn dataset(&self) -> Vec<u8> {
        self.elements.iter().flat_map(|(&tag, (vr, value))| self.element(tag, vr, value)).collect()
    }

    /// Preamble, meta group and data set.
    pub fn bytes(&self) -> Vec<u8> {
        self.around(&self.dataset())
    }

    /// Preamble and meta group before any bytes.
    pub fn around(&self, dataset: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.preamble {
            out.extend([0; 128]);
            out.extend(b"DICM");
        }
        if let Some(uid) = &self.transfer_syntax {
            let meta = Self { explicit: true, big_endian: false, ..Self::ct(1, 1) };
            out.extend(meta.element((0x0002, 0x0001), "OB", &Value::Bytes(vec![0, 1])));
            out.extend(meta.element((0x0002, 0x0010), "UI", &Value::Text(uid.clone())));
        }
        out.extend(dataset);
        out
    }

    /// One element as this file writes it.
    pub fn element(&self, tag: Tag, vr: &str, value: &Value) -> Vec<u8> {
        let big = self.big_endian;
        let u16s = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let u32s = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let bytes = match value {
            Value::Text(text) => even(text.clone().into_bytes(), if vr == "UI" { 0 } else { b' ' }),
            Value::Short(short) => u16s(*short).to_vec(),
            Value::Bytes(bytes) | Value::Undefined(bytes) => bytes.clone(),
        };
        let length = match value {
            Value::Undefined(_) => u32::MAX,
            _ => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        };
        let mut out = [u16s(tag.0), u16s(tag.1)].concat();
        if !self.explicit {
            out.extend(u32s(length));
        } else if ["OB", "OW", "SQ", "UN", "UC", "UT"].contains(&vr) {
            out.extend(vr.bytes());
            out.extend([0, 0]);
            out.extend(u32s(length));
        } else {
            out.extend(vr.bytes());
            out.extend(u16s(u16::try_from(length).unwrap_or(u16::MAX)));
        }
        out.extend(bytes);
        out
    }
}

/// An item of defined length.
pub fn item(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFE, 0xFF, 0x00, 0xE0];
    out.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(content);
    out
}

fn even(mut bytes: Vec<u8>, padding: u8) -> Vec<u8> {
    if bytes.len() % 2 == 1 {
        bytes.push(padding);
    }
    bytes
}
