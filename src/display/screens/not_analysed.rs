//! "Not analysed": why, and what to do.

use crate::display::chrome::Sheet;
use crate::display::icon::Icon;
use crate::display::{StudyReport, Turn, Words};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, report: &StudyReport, why: &str, turn: Turn) {
    sheet.banner("NOT ANALYSED", Icon::StruckOut);
    super::study_line(sheet, report, turn);
    super::action_card(sheet, "Read the study as usual. This device has not looked at it.");
    super::reason(sheet, Words::new(why).as_str());
}
