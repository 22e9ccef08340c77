//! Bytes of one file in, slices in Hounsfield units or a named rejection out.
//!
//! Nothing here touches a disk, a clock or a network, and nothing allocates, recurses or runs by what a file claims:
//! the guard proves the structure of a file before anything is parsed, and the codecs hold a code stream's own size
//! against the header before they decode it.

mod attribute;
mod codec;
mod ct;
mod guard;
mod header;
mod image;
mod limits;
mod pixels;
mod rejection;
mod slice;
mod term;
#[cfg(test)]
mod test_file;
#[cfg(test)]
mod tests;

pub use attribute::{Attribute, Keyword};
pub use limits::Limits;
pub use rejection::{Rejection, RejectionKind};
pub use slice::{Slice, SliceHeader, Uid};

use guard::{Coding, PixelData, Scan};
use header::Header;
use image::Image;
use pixels::Frames;

/// Reads the axial CT planes of a file, one for each frame.
///
/// # Errors
/// A [`Rejection`] that names the reason. One frame that cannot be decoded refuses the file.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Slice>, Rejection> {
    caught(|| {
        let dataset = guard::open(bytes, limits)?;
        let scan = guard::scan(&dataset, limits);
        let header = Header::parse(&scan)?;
        ct::refuse_foreign(&header, scan.float_pixel_data)?;
        let is_rle = dataset.coding.clone()? == Coding::Rle;
        let pixels = complete(&scan)?;
        let image = Image::read(&header.top(), ct::absent(&header.top()), limits)?;
        let planes = ct::planes(&header, &image)?;
        let frames = Frames::new(&image, pixels, scan.encoding.big_endian, is_rle)?;
        let burned_in_annotation = header.top().word(Attribute::BurnedInAnnotation).is_some_and(|word| word != "NO");
        let slice = |(frame, plane): (usize, ct::Plane)| {
            let stored = frames.stored(frame)?;
            let hounsfield = match (small_whole(plane.slope), small_whole(plane.intercept)) {
                (Some(slope), Some(intercept)) => {
                    stored.map(|stored| whole_hounsfield(stored, slope, intercept)).collect()
                }
                _ => stored.map(|stored| hounsfield(stored, plane.slope, plane.intercept)).collect(),
            };
            Ok(Slice { header: plane.header, hounsfield, burned_in_annotation })
        };
        planes.into_iter().enumerate().map(slice).collect()
    })
}

/// Stored values of a monochrome image, whatever it shows: for comparison with other decoders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredValues {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// `frames * rows * columns` values, sign applied, before rescale.
    pub values: Vec<i32>,
}

/// Reads the stored values of a monochrome image of 8 or 16 bits.
///
/// # Errors
/// As [`read`], save that an image need not be a CT plane.
pub fn stored(bytes: &[u8], limits: &Limits) -> Result<StoredValues, Rejection> {
    caught(|| {
        let dataset = guard::open(bytes, limits)?;
        let scan = guard::scan(&dataset, limits);
        if scan.float_pixel_data {
            return Err(Rejection::FloatPixelData);
        }
        let header = Header::parse(&scan)?;
        let is_rle = dataset.coding.clone()? == Coding::Rle;
        let pixels = complete(&scan)?;
        let image = Image::read(&header.top(), RejectionKind::Broken, limits)?;
        let frames = Frames::new(&image, pixels, scan.encoding.big_endian, is_rle)?;
        let mut values = Vec::new();
        for frame in 0..usize::try_from(image.frames).unwrap_or(usize::MAX) {
            values.extend(frames.stored(frame)?);
        }
        Ok(StoredValues { rows: image.rows, columns: image.columns, values })
    })
}

/// What the structure of a file says of its being finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// PixelData ends where it should.
    Complete,
    /// The file ends too early, or in zeros where elements should be: it may still grow or be filled.
    Incomplete,
    /// No DICOM file, or a broken one: whether it is finished cannot be told.
    Unknown,
}

/// Says whether a file looks finished, without decoding it: walks the element headers and reads no value.
pub fn structure(bytes: &[u8], limits: &Limits) -> Structure {
    let walked = guard::open(bytes, limits).and_then(|dataset| {
        let scan = guard::scan(&dataset, limits);
        if scan.float_pixel_data { Ok(()) } else { complete(&scan).map(|_| ()) }
    });
    match walked {
        Ok(()) => Structure::Complete,
        Err(rejection) if rejection.kind() == RejectionKind::Incomplete => Structure::Incomplete,
        Err(_) => Structure::Unknown,
    }
}

/// Whom a file belongs to, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// StudyInstanceUID.
    pub study_instance_uid: Option<Uid>,
    /// SeriesInstanceUID.
    pub series_instance_uid: Option<Uid>,
    /// SOPInstanceUID.
    pub sop_instance_uid: Option<Uid>,
}

/// Whom a file belongs to, also when [`read`] refuses it: what of a damaged file is sound is used.
pub fn identity(bytes: &[u8], limits: &Limits) -> Option<Identity> {
    let identity = caught(|| {
        let dataset = guard::open(bytes, limits)?;
        let scan = guard::scan(&dataset, limits);
        let header = Header::parse(&scan)?;
        let uid = |attribute| header.top().uid(attribute, RejectionKind::Broken).ok();
        Ok(Identity {
            study_instance_uid: uid(Attribute::StudyInstanceUID),
            series_instance_uid: uid(Attribute::SeriesInstanceUID),
            sop_instance_uid: uid(Attribute::SOPInstanceUID),
        })
    });
    identity.ok()
}

fn complete<'s>(scan: &'s Scan) -> Result<&'s PixelData<'s>, Rejection> {
    scan.outcome.clone()?;
    scan.pixel_data.as_ref().ok_or(Rejection::PixelDataMissing)
}

/// Rescale (PS3.3 section C.11.1), rounded half away from zero and saturated.
///
/// Written without `f64::round`, which is a call into the C library on processors without an instruction for it and
/// took more time than everything else about a plane.
#[expect(clippy::cast_possible_truncation, reason = "the casts saturate, or are clamped before")]
fn hounsfield(stored: i32, slope: f64, intercept: f64) -> i16 {
    let exact = f64::from(stored) * slope + intercept;
    let whole = exact as i32;
    let rest = exact - f64::from(whole);
    let rounded = whole.saturating_add(i32::from(rest >= 0.5)).saturating_sub(i32::from(rest <= -0.5));
    rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// A whole number small enough that 17 bits rescaled by two of them fit into 32.
#[expect(clippy::cast_possible_truncation, reason = "small and whole")]
fn small_whole(value: f64) -> Option<i32> {
    (value.abs() <= 8192.0 && value.fract() == 0.0).then_some(value as i32)
}

/// [`hounsfield`] for whole numbers, as nearly every scanner has them: several pixels at a time.
#[expect(clippy::cast_possible_truncation, reason = "clamped before")]
fn whole_hounsfield(stored: i32, slope: i32, intercept: i32) -> i16 {
    (stored * slope + intercept).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// The last net under decoders that were not written here: a panic costs the file, not the appliance.
fn caught<T>(work: impl FnOnce() -> Result<T, Rejection> + std::panic::UnwindSafe) -> Result<T, Rejection> {
    std::panic::catch_unwind(work).unwrap_or(Err(Rejection::DecoderFailed))
}

#[cfg(test)]
mod rescale_tests {
    use super::{hounsfield, small_whole, whole_hounsfield};

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    fn rescaling_rounds_half_away_from_zero_and_saturates() {
        let plain = |stored: i32, slope: f64, intercept: f64| (f64::from(stored) * slope + intercept).round() as i16;
        for slope in [1.0, 8192.0, -8192.0, 0.5, -0.5, 0.1, 1e-3, 3.7, 1e6, -1e12, f64::NAN, f64::INFINITY] {
            for intercept in [0.0, -1024.0, 0.5, -0.5, 0.499_999_999_999_999_94, -8192.25, 1e300] {
                for stored in [-65_536, -32_768, -1001, -3, -1, 0, 1, 2, 5, 1023, 4095, 32_767, 65_535] {
                    let found = hounsfield(stored, slope, intercept);
                    assert_eq!(found, plain(stored, slope, intercept), "{stored} * {slope} + {intercept}");
                    if let (Some(slope), Some(intercept)) = (small_whole(slope), small_whole(intercept)) {
                        assert_eq!(
                            found,
                            whole_hounsfield(stored, slope, intercept),
                            "{stored} * {slope} + {intercept}"
                        );
                    }
                }
            }
        }
    }
}
