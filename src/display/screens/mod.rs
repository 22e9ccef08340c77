//! One file a screen: takes in what [`super::Screen`] carries, lays it out on a [`Sheet`].
//!
//! Never decides which screen is shown.

mod compact;
mod degraded;
mod idle;
mod none_suspected;
mod not_analysed;
mod partly_analysed;
mod receiving;
mod service;
mod stale;
mod starting;
mod startup_failed;
mod suspected;
mod updating;

pub use partly_analysed::missing_words;

use std::time::Duration;

use super::alarm::PANEL;
use super::chrome::{ASKING, ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use super::scene::Scene;
use super::text::{Face, Setting, width};
use super::{DeviceState, Panel, Screen, StudyReport, Turn};

/// Lays a screen out.
pub fn compose(panel: Panel, screen: &Screen<'_>, state: &DeviceState, now: Duration) -> Scene {
    if panel.is_compact() {
        return compact::compose(panel, screen, state, now);
    }
    let mut sheet = Sheet::new(panel, screen, state, now);
    match *screen {
        Screen::Suspected { report, turn } => suspected::lay_out(&mut sheet, report, turn),
        Screen::StartupFailed { reason } => startup_failed::lay_out(&mut sheet, reason),
        Screen::Stale { silent_for } => stale::lay_out(&mut sheet, silent_for),
        Screen::Service { facts } => service::lay_out(&mut sheet, facts),
        Screen::Degraded { faults } => degraded::lay_out(&mut sheet, faults),
        Screen::NotAnalysed { report, why, turn } => not_analysed::lay_out(&mut sheet, report, why, turn),
        Screen::PartlyAnalysed { report, turn } => partly_analysed::lay_out(&mut sheet, report, turn),
        Screen::Updating { what, step, percent } => updating::lay_out(&mut sheet, what, step, percent),
        Screen::Starting { steps } => starting::lay_out(&mut sheet, steps),
        Screen::Receiving { progress, turn } => receiving::lay_out(&mut sheet, progress, turn),
        Screen::NoneSuspected { report } => none_suspected::lay_out(&mut sheet, report),
        Screen::Idle { recent } => idle::lay_out(&mut sheet, recent),
    }
    sheet.scene
}

/// The line under a banner: which study, how old, which of several. Cut off the top of the body.
fn study_line(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn) {
    let mut row = sheet.body.cut_top(sheet.px(18.0));
    let px = 15.0 * sheet.unit;
    if let Some(turn) = turn.words() {
        let words = row.cut_right(width(&turn, Face::Bold, px).min(row.width / 2));
        sheet.scene.moving_text(&turn, words, Setting::line(Face::Bold, px).right(), ON_NIGHT);
        row.cut_right(sheet.px(6.0));
    }
    let age = format!("{} · {}", report.study.words(), report.since.ago(sheet.now));
    sheet.scene.moving_text(&age, row, Setting::line(Face::Medium, px), SOFT_ON_NIGHT);
    sheet.body.cut_top(sheet.px(4.0));
}

/// A card at the bottom of the body that says what to do.
fn action_card(sheet: &mut Sheet<'_>, text: &str) {
    let card = sheet.body.cut_bottom(sheet.px(50.0));
    sheet.card(card, PANEL, 4.0);
    let inner = card.inset(sheet.px(8.0), sheet.px(5.0));
    sheet.scene.text(text, inner, Setting::block(Face::Medium, 18.0 * sheet.unit).middle(), ASKING);
    sheet.body.cut_bottom(sheet.px(6.0));
}

/// The reason of a screen, as large as it fits into what is left of the body.
fn reason(sheet: &mut Sheet<'_>, text: &str) {
    let setting = Setting::block(Face::Medium, 24.0 * sheet.unit).middle();
    sheet.scene.text(text, sheet.body, setting, ON_NIGHT);
}
