//! "Not analysed": why, and what to do.

use crate::display::alarm::Alarm;
use crate::display::chrome::{ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::text::{Face, Setting};
use crate::display::{StudyReport, Turn, Words};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, report: &StudyReport, why: &str, turn: Turn, alarm: Alarm) {
    sheet.banner("NOT ANALYSED", alarm, Some(Icon::StruckOut));
    super::study_line(sheet, report, turn);
    super::action_card(sheet, "Read the study as usual: this device has not looked at it.", 50.0);
    let setting = Setting::block(Face::Medium, 24.0 * sheet.unit).middle();
    sheet.scene.text(Words::new(why).as_str(), sheet.body, setting, ON_NIGHT);
}
