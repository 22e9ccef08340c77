//! What is published of the data of the RSNA 2022 Cervical Spine Fracture Detection challenge (2,019 studies). Numbers only:
//! the phantom is built to resemble them, `phantom facts` shows a data set beside them.

/// Share of studies with a fracture.
pub const FRACTURED: f64 = 0.476;
/// Share of studies with a fracture of C1 to C7.
pub const FRACTURED_LEVELS: [f64; 7] = [0.072, 0.141, 0.036, 0.053, 0.080, 0.137, 0.195];
/// Studies with one, two ... six fractured vertebrae.
pub const TOGETHER: [u16; 6] = [623, 239, 64, 26, 7, 2];
/// Correlation of the fractures of a vertebra, C1 = 0, with those of the next one below. Of the other pairs none is published.
pub const NEIGHBOURS: [(usize, f64); 2] = [(3, 0.34), (4, 0.36)];

/// Slices per study: mean.
pub const SLICES_MEAN: f64 = 352.0;
/// Slices per study: minimum, 5th and 95th percentile, maximum.
pub const SLICES: [f64; 4] = [69.0, 198.0, 626.0, 1082.0];
/// Share of studies with slices 0.625 mm thick.
pub const THICKNESS_625: f64 = 0.5;
/// Share of studies with slices 1.0 mm thick.
pub const THICKNESS_1000: f64 = 1.0 / 3.0;
/// Share of studies with slices 0.5 or 0.6 mm thick.
pub const THICKNESS_500_600: f64 = 1.0 / 6.0;
/// Pixel spacing: least and greatest, mm.
pub const PIXEL_SPACING: [f64; 2] = [0.31, 2.6];
/// Pixel spacing: typically from, to, mm.
pub const PIXEL_SPACING_TYPICAL: [f64; 2] = [0.3, 0.4];
/// Share of studies from foot to head.
pub const FOOT_TO_HEAD: f64 = 0.1;

/// Share of slices that show no vertebra, one, two, three, four.
pub const VISIBLE_AT_ONCE: [f64; 5] = [0.370, 0.203, 0.392, 0.032, 0.002];
/// Share of slices that show C1 to C7.
pub const VISIBLE: [f64; 7] = [0.137, 0.222, 0.136, 0.140, 0.144, 0.148, 0.165];
/// Median extent of C1 to C7 along the body, mm.
pub const EXTENTS: [f64; 7] = [27.5, 43.8, 27.5, 27.6, 28.8, 29.0, 32.5];

/// Fracture boxes on 512 x 512, 5th, 50th and 95th percentile: width, pixels.
pub const BOX_WIDTH: [f64; 3] = [31.0, 89.0, 208.0];
/// The same: height, pixels.
pub const BOX_HEIGHT: [f64; 3] = [28.0, 70.0, 162.0];
/// The same: column of the centre.
pub const BOX_CENTRE_X: [f64; 3] = [169.0, 258.0, 323.0];
/// The same: row of the centre.
pub const BOX_CENTRE_Y: [f64; 3] = [130.0, 220.0, 317.0];
/// The same: width over height.
pub const BOX_ASPECT: [f64; 3] = [0.69, 1.25, 2.38];
/// Boxes in a slice that has any.
pub const BOXES_PER_SLICE: f64 = 1.0;
/// Boxed slices in a study that has any, median.
pub const BOXED_SLICES: f64 = 24.0;
/// Share of boxed studies without a gap between boxes.
pub const BOXES_CONTIGUOUS: f64 = 0.5;
/// Mean IoU of a constant median box.
pub const CONSTANT_BOX_IOU: f64 = 0.166;
