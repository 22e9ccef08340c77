//! Start-up failed: why, and what to do.

use crate::display::Words;
use crate::display::chrome::Sheet;
use crate::display::icon::Icon;

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, reason: &Words) {
    sheet.banner("START-UP FAILED", Icon::Cross);
    super::action_card(sheet, "Does not analyse. Read every study as usual. Call service.");
    super::reason(sheet, reason.as_str());
}
