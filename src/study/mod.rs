//! Slices in, series with geometry, coverage and completeness out. Pure; time is an argument.
