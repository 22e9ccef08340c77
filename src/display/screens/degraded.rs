//! Something is wrong with the device: the worst fault in full, the others by name where there is room (the strip has all).

use crate::display::Fault;
use crate::display::chrome::{SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::text::{Face, Setting};

/// Most other faults that are named; the strip has all of them.
const NAMED: usize = 6;

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, faults: &[Fault]) {
    let Some((worst, others)) = faults.split_first() else { return };
    sheet.banner(worst.headline(), Icon::of_fault(worst));
    if let Some(since) = worst.since() {
        let row = sheet.body.cut_top(sheet.px(18.0));
        let words = format!("for {}", since.words(sheet.now));
        sheet.scene.moving_text(&words, row, Setting::line(Face::Medium, 15.0 * sheet.unit), SOFT_ON_NIGHT);
    }
    super::action_card(sheet, worst.action());
    if !others.is_empty() && sheet.wide {
        let mut names: Vec<String> = others.iter().take(NAMED).map(|fault| fault.headline().to_owned()).collect();
        if let Some(more) = others.len().checked_sub(NAMED).filter(|more| *more > 0) {
            names.push(format!("{more} more"));
        }
        let names = names.join(", ");
        let row = sheet.body.cut_bottom(sheet.px(if others.len() > 2 { 34.0 } else { 20.0 }));
        let setting = Setting { lines: 2, ..Setting::line(Face::Bold, 15.0 * sheet.unit) };
        sheet.scene.text(&format!("also: {names}"), row, setting, SOFT_ON_NIGHT);
    }
    super::reason(sheet, &worst.meaning());
}
