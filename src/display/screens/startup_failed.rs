//! Start-up failed: why, and what to do.

use crate::display::Words;
use crate::display::alarm::Alarm;
use crate::display::chrome::{ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::text::{Face, Setting};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, reason: &Words, alarm: Alarm) {
    sheet.banner("START-UP FAILED", alarm, Some(Icon::Cross));
    super::action_card(sheet, "Read every study as usual: this device does not analyse. Call service.", 50.0);
    let setting = Setting::block(Face::Medium, 24.0 * sheet.unit).middle();
    sheet.scene.text(reason.as_str(), sheet.body, setting, ON_NIGHT);
}
