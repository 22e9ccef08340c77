//! Takes in what the stages report, hands pictures to a surface: what the technologist sees at the scanner.
//!
//! Never lets "no alert" look like "no fracture": a state is told by colour, shape, word and position, a failure and a
//! stale screen have faces of their own, and no screen is green or carries a tick. Shows no identity.
//!
//! [`DeviceState`] is what is known, [`Display::decide`] says which [`Screen`] is shown, `compose` lays it out as a list of
//! things to draw, [`Frame`] holds the pixels, a [`Surface`] makes them visible.

mod alarm;
mod area;
mod capture;
mod chart;
mod chrome;
mod decide;
mod fault;
mod frame;
mod icon;
mod panel;
mod picture;
mod report;
pub mod samples;
mod scene;
mod screens;
mod service;
mod shape;
mod show;
mod spine;
mod state;
mod surface;
mod text;
mod view;
mod words;

pub use alarm::{Alarm, Pair};
pub use area::Area;
pub use capture::{Capture, SIDE as CAPTURE_SIDE, around_suspicion, capture};
pub use chart::{Chart, ChartLine, draw_charts};
pub use decide::{ATTENTION, HELD, NONE_SUSPECTED_HELD, STALE_AFTER, Screen, TURN, Turn, automatic, decide};
pub use fault::Fault;
pub use frame::Frame;
pub use panel::Panel;
pub use report::{Acknowledged, Delivery, Picture, Since, StudyName, StudyReport, span};
pub use scene::{Element, Scene, Text};
pub use screens::{compose, missing_words};
pub use service::{ADDRESSES, Row as ServiceRow, ServiceFacts};
pub use shape::{Form, Shape};
pub use show::{Display, draw, render};
pub use state::{ALERTS, ARRIVING, DeviceState, EVENTS, Event, Outcome, Phase, Progress, RECENT, SelfTest};
pub use surface::{
    DrivenPanel, FrameBuffer, Glass, Oled, OpenPanel, PngFiles, SpiParts, Surface, Terminal, encode_png, spi_glass,
};
pub use text::{Face, Fitted, Line};
pub use view::{Control, PAGE, SERVICE, View};
pub use words::Words;
