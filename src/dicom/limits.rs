//! How much one file may cost. Every bound of the reader stands here, none is hidden in the code that keeps it.

/// Bounds on one file. [`Limits::default`] fits a board with 1 GiB of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes; also the largest length that an element may declare.
    pub max_file_bytes: usize,
    /// Largest deflated data set once inflated, in bytes: a plane of 2048 x 2048 takes half of the default.
    pub max_inflated_bytes: usize,
    /// Most elements, items and fragments in a file.
    pub max_elements: usize,
    /// Deepest nesting of sequences and items.
    pub max_depth: usize,
    /// All attributes together that the reader looks at in one frame, in bytes.
    pub max_attribute_bytes: usize,
    /// Largest Rows x Columns. The largest CT matrix on the market is 2048 x 2048.
    pub max_plane_pixels: usize,
    /// Largest NumberOfFrames.
    pub max_frames: u32,
    /// Largest Rows x Columns x NumberOfFrames.
    pub max_total_pixels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 1 << 30,
            max_inflated_bytes: 16 << 20,
            max_elements: 200_000,
            max_depth: 64,
            max_attribute_bytes: 16 << 10,
            max_plane_pixels: 2048 * 2048,
            max_frames: 10_000,
            max_total_pixels: 128 << 20,
        }
    }
}
