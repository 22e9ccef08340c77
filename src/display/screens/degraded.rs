//! Something is wrong with the device: the worst fault in full, the others by name.

use crate::display::Fault;
use crate::display::alarm::Alarm;
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::text::{Face, Setting};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, faults: &[Fault], alarm: Alarm) {
    let Some((worst, others)) = faults.split_first() else { return };
    sheet.banner(worst.headline(), alarm, Some(Icon::of_fault(worst)));
    if let Some(since) = worst.since() {
        let row = sheet.body.cut_top(sheet.px(18.0));
        let words = format!("for {}", since.words(sheet.now));
        sheet.scene.moving_text(&words, row, Setting::line(Face::Medium, 15.0 * sheet.unit), SOFT_ON_NIGHT);
    }
    super::action_card(sheet, worst.action(), 50.0);
    if !others.is_empty() {
        let names = others.iter().map(|f| f.headline()).collect::<Vec<_>>().join(" · ");
        let row = sheet.body.cut_bottom(sheet.px(20.0));
        let setting = Setting { lines: 2, ..Setting::line(Face::Bold, 15.0 * sheet.unit) };
        sheet.scene.text(&format!("also: {names}"), row, setting, SOFT_ON_NIGHT);
    }
    let setting = Setting::block(Face::Medium, 24.0 * sheet.unit).middle();
    sheet.scene.text(&worst.meaning(), sheet.body, setting, ON_NIGHT);
}
