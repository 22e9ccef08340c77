//! Slices in, input tensors out, as the model package says. Pure.
