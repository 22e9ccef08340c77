//! NumPy's array format, as far as golden cases need it: one little-endian u8 or f32 array in C order.
//!
//! Format: "NumPy enhancement proposal 1", versions 1.0 to 3.0.

/// An element type that a golden case uses.
pub(super) trait Element: Sized {
    /// NumPy's name of it.
    const DESCR: &'static str;
    /// Bytes to values; the length is a multiple of the element's size.
    fn read(bytes: &[u8]) -> Vec<Self>;
    /// Bytes per element.
    const SIZE: usize;
}

impl Element for u8 {
    const DESCR: &'static str = "|u1";
    const SIZE: usize = 1;
    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.to_vec()
    }
}

impl Element for f32 {
    const DESCR: &'static str = "<f4";
    const SIZE: usize = 4;
    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks::<4>().0.iter().copied().map(Self::from_le_bytes).collect()
    }
}

/// Reads an array of this element type and exactly this shape.
///
/// The error says what was found instead.
pub(super) fn read<T: Element>(bytes: &[u8], shape: &[usize]) -> Result<Vec<T>, String> {
    let (header, body) = split(bytes).ok_or("is not an .npy file")?;
    let descr = between(header, "'descr':", '\'', '\'').ok_or("has no 'descr'")?;
    let fortran = header.contains("'fortran_order': True");
    let found = between(header, "'shape':", '(', ')').ok_or("has no 'shape'")?;
    let dimensions: Option<Vec<usize>> =
        found.split(',').map(str::trim).filter(|d| !d.is_empty()).map(|d| d.parse().ok()).collect();
    if descr != T::DESCR || fortran {
        return Err(format!(
            "holds {descr:?}{}, not {:?} in C order",
            if fortran { " in Fortran order" } else { "" },
            T::DESCR
        ));
    }
    if dimensions.as_deref() != Some(shape) {
        return Err(format!("has shape ({found}), not {shape:?}"));
    }
    let wanted = shape.iter().product::<usize>() * T::SIZE;
    if body.len() != wanted {
        return Err(format!("holds {} bytes of values, not {wanted}", body.len()));
    }
    Ok(T::read(body))
}

/// Header text and array bytes.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?, rest),
        _ => return None,
    };
    let (header, body) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, body))
}

/// The text between `open` and `close` after `key`.
fn between<'a>(text: &'a str, key: &str, open: char, close: char) -> Option<&'a str> {
    let after = &text[text.find(key)? + key.len()..];
    let inside = after.trim_start().strip_prefix(open)?;
    inside.split_once(close).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `numpy.save` writes it: the header padded so that the values start at a multiple of 64.
    fn npy(descr: &str, shape: &str, body: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap_or_default().to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), body].concat()
    }

    #[test]
    fn arrays_of_both_types_are_read() {
        assert_eq!(read::<u8>(&npy("|u1", "(2, 3)", &[1, 2, 3, 4, 5, 6]), &[2, 3]), Ok(vec![1, 2, 3, 4, 5, 6]));
        let floats: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read::<f32>(&npy("<f4", "(2,)", &floats), &[2]), Ok(vec![1.5, -2.0]));
    }

    #[test]
    fn every_other_array_is_named() {
        let cases = [
            (npy("<f8", "(2,)", &[0; 16]), "holds \"<f8\", not \"|u1\" in C order"),
            (npy("|u1", "(3,)", &[0; 3]), "has shape (3,), not [2]"),
            (npy("|u1", "(2,)", &[0; 3]), "holds 3 bytes of values, not 2"),
            (b"PK\x03\x04".to_vec(), "is not an .npy file"),
        ];
        for (bytes, why) in cases {
            assert_eq!(read::<u8>(&bytes, &[2]), Err(why.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<u8>(&tail, &[2]);
            let _ = read::<f32>(&[b"\x93NUMPY\x01\x00".as_slice(), &tail].concat(), &[2, 2]);
            let _ = read::<f32>(&[b"\x93NUMPY\x02\x00".as_slice(), &tail].concat(), &[2, 2]);
        }
    }
}
