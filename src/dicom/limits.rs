//! How much one file may cost. Every bound of the reader stands here, none is hidden in the code that keeps it.

/// Bounds on one file. [`Limits::default`] fits a board with 1 GiB of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes; also the largest length that an element may declare.
    pub max_file_bytes: usize,
    /// Largest deflated data set once inflated, in bytes.
    pub max_inflated_bytes: usize,
    /// Most elements, items and fragments in a file.
    pub max_elements: usize,
    /// Deepest nesting of sequences and items.
    pub max_depth: usize,
    /// Longest value of an attribute that the reader looks at, in bytes.
    pub max_value_bytes: usize,
    /// Largest pair of functional group sequences, in bytes.
    pub max_groups_bytes: usize,
    /// Largest Rows x Columns. The largest CT matrix on the market is 2048 x 2048.
    pub max_plane_pixels: usize,
    /// Largest Rows x Columns x NumberOfFrames.
    pub max_total_pixels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file_bytes: 1 << 30,
            max_inflated_bytes: 32 << 20,
            max_elements: 200_000,
            max_depth: 64,
            max_value_bytes: 4096,
            max_groups_bytes: 8 << 20,
            max_plane_pixels: 2048 * 2048,
            max_total_pixels: 128 << 20,
        }
    }
}
