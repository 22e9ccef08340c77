//! Synthetic cervical CT with ground truth.
