//! "Stale": the screen has had no news from the analyser; what it last showed may be wrong by now.

use std::time::Duration;

use crate::display::chrome::{ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::report::span;
use crate::display::text::{Face, Setting};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, silent_for: Duration) {
    sheet.banner("STALE", Icon::Clock);
    super::action_card(sheet, "Read every study as usual. Switch off and on; call service.");
    let words =
        format!("No news from the analyser for {}. What was shown before may be out of date.", span(silent_for));
    let setting = Setting::block(Face::Medium, 24.0 * sheet.unit).middle();
    sheet.scene.moving_text(&words, sheet.body, setting, ON_NIGHT);
}
