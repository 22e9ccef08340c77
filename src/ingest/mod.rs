//! The share: scan, settle, claim. Knows nothing of DICOM.
