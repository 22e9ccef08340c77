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
mod stale;
mod starting;
mod startup_failed;
mod suspected;
mod updating;

use std::time::Duration;

use super::alarm::PANEL;
use super::alarm::Pair;
use super::area::Area;
use super::chrome::{ASKING, ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use super::scene::Scene;
use super::text::{Face, Setting};
use super::{DeviceState, Panel, Screen, StudyReport, Turn};

/// Lays a screen out.
pub fn compose(panel: Panel, screen: &Screen<'_>, state: &DeviceState, now: Duration) -> Scene {
    if panel.is_compact() {
        return compact::compose(panel, screen, state, now);
    }
    let mut sheet = Sheet::new(panel, state, now);
    match *screen {
        Screen::Suspected { report, turn } => suspected::lay_out(&mut sheet, report, turn, screen.alarm()),
        Screen::StartupFailed { reason } => startup_failed::lay_out(&mut sheet, reason, screen.alarm()),
        Screen::Stale { silent_for } => stale::lay_out(&mut sheet, silent_for, screen.alarm()),
        Screen::Degraded { faults } => degraded::lay_out(&mut sheet, faults, screen.alarm()),
        Screen::NotAnalysed { report, why, turn } => {
            not_analysed::lay_out(&mut sheet, report, why, turn, screen.alarm())
        }
        Screen::PartlyAnalysed { report, turn } => partly_analysed::lay_out(&mut sheet, report, turn, screen.alarm()),
        Screen::Updating { what, percent } => updating::lay_out(&mut sheet, what, percent, screen.alarm()),
        Screen::Starting { steps } => starting::lay_out(&mut sheet, steps, screen.alarm()),
        Screen::Receiving { progress, turn } => receiving::lay_out(&mut sheet, progress, turn, screen.alarm()),
        Screen::NoneSuspected { report } => none_suspected::lay_out(&mut sheet, report, screen.alarm()),
        Screen::Idle { recent } => idle::lay_out(&mut sheet, recent, screen.alarm()),
    }
    sheet.scene
}

/// The line under a banner: which study, which of several, how old. Cut off the top of the body.
fn study_line(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn) {
    let mut row = sheet.body.cut_top(sheet.px(18.0));
    let px = 14.5 * sheet.unit;
    if let Some(turn) = turn.words() {
        let words = row.cut_right(super::text::width(&turn, Face::Bold, px) + sheet.px(2.0));
        sheet.scene.moving_text(&turn, words, Setting::line(Face::Bold, px).right(), ON_NIGHT);
        row.cut_right(sheet.px(6.0));
    }
    let age = format!("{} · {} ago", report.study.words(), report.since.words(sheet.now));
    sheet.scene.moving_text(&age, row, Setting::line(Face::Medium, px), SOFT_ON_NIGHT);
    sheet.body.cut_top(sheet.px(4.0));
}

/// A card at the bottom of the body that says what to do.
fn action_card(sheet: &mut Sheet<'_>, text: &str, height: f32) {
    let card = sheet.body.cut_bottom(sheet.px(height));
    sheet.card(card, PANEL, 4.0);
    words_in_card(sheet, text, card, ASKING);
    sheet.body.cut_bottom(sheet.px(6.0));
}

fn words_in_card(sheet: &mut Sheet<'_>, text: &str, card: Area, pair: Pair) {
    let inner = card.inset(sheet.px(8.0), sheet.px(5.0));
    let setting = Setting::block(Face::Medium, 20.0 * sheet.unit).middle();
    sheet.scene.text(text, inner, setting, pair);
}
