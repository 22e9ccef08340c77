//! An update is being installed: which, what is done, how far it is. The device works on until it restarts.

use crate::display::Words;
use crate::display::alarm::{CYAN, PANEL};
use crate::display::area::Area;
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::shape::{Shape, slab};
use crate::display::text::{Face, Setting};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, what: &Words, step: &Words, percent: Option<u8>) {
    sheet.plain_banner("UPDATING");
    super::action_card(sheet, "It restarts soon. Read every study as usual. Keep it switched on.");
    let name = sheet.body.cut_top(sheet.px(22.0));
    let setting = Setting { lines: 2, ..Setting::line(Face::Medium, 18.0 * sheet.unit) };
    let words = format!("{} · {}", what.as_str(), step.as_str());
    sheet.scene.text(Words::within(&words, 60).as_str(), name, setting, SOFT_ON_NIGHT);
    let Some(percent) = percent else { return };
    let bar = sheet.body.cut_bottom(sheet.px(12.0));
    let radius = bar.height as f32 / 2.0;
    sheet.scene.shape(Shape::filled(slab(bar, radius)), PANEL);
    let done = Area { width: (bar.width * i32::from(percent.min(100)) / 100).max(bar.height), ..bar };
    sheet.scene.shape(Shape::filled(slab(done, radius)), CYAN);
    let number = sheet.body.inset(0, sheet.px(5.0));
    sheet.scene.moving_text(&format!("{percent} %"), number, Setting::line(Face::Bold, 56.0 * sheet.unit), ON_NIGHT);
}
