//! The virtual board: our own image under emulation, with a real kernel, U-Boot, RAUC, frame buffer and share.
//!
//! `board/virtual/board build`, then `board/virtual/board test [SCENARIO...]`. Without a built board every test says so
//! and is skipped. One board at a time; limits suit emulation. Pictures, tables and the consoles' logs lie in the build
//! folder.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod virtual_board {
    pub mod board;
    pub mod boot;
    pub mod clinic;
    pub mod cuts;
    pub mod lab;
    pub mod qmp;
    pub mod serial;
    pub mod share;
    pub mod study;
    pub mod table;
    pub mod update;
}
