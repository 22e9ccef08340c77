//! Model packages, engines and the analysis of one slice.
