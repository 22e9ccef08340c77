//! "None suspected": never a clearance, never green, never a tick. Says that the study is still to be read.

use crate::display::alarm::PANEL;
use crate::display::chrome::{ON_PANEL, SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::spine::{self, marks};
use crate::display::text::{Face, Setting};
use crate::display::{StudyReport, Turn};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, report: &StudyReport) {
    sheet.banner("NONE SUSPECTED", Icon::Eye);
    let column = sheet.spine_column();
    spine::draw(&mut sheet.scene, column, marks(&report.assessment.coverage.levels_seen, &[], true));
    super::study_line(sheet, report, Turn { number: 1, of: 1, beyond: 0 });
    let slices = sheet.body.cut_bottom(sheet.px(18.0));
    let words = format!("C1 to C7 in {} slices", report.assessment.coverage.slices_analysed);
    sheet.scene.text(&words, slices, Setting::line(Face::Medium, 15.0 * sheet.unit), SOFT_ON_NIGHT);
    sheet.body.cut_bottom(sheet.px(5.0));
    let card = sheet.body;
    sheet.card(card, PANEL, 4.0);
    let inner = card.inset(sheet.px(9.0), sheet.px(6.0));
    let setting = Setting::block(Face::Bold, 30.0 * sheet.unit).middle();
    sheet.scene.text("Not a clearance. Still read the study.", inner, setting, ON_PANEL);
}
