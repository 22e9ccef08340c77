//! Start-up: the steps of the self-test as they run. Nothing is analysed yet.

use crate::display::alarm::{Alarm, Pair, SOFT, YELLOW};
use crate::display::area::{Area, to_i32};
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::state::{Outcome, SelfTest};
use crate::display::text::{Face, Setting, width};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, steps: &[SelfTest], alarm: Alarm) {
    sheet.banner("SELF-TEST", alarm, None);
    let note = sheet.body.cut_bottom(sheet.px(24.0));
    let setting = Setting { lines: 2, ..Setting::line(Face::Medium, 17.0 * sheet.unit) };
    sheet.scene.text("Nothing is analysed yet.", note, setting, ON_NIGHT);
    let count = to_i32(u32::try_from(steps.len()).unwrap_or(8)).max(4);
    for (step, row) in steps.iter().zip(sheet.body.rows(count, sheet.px(2.0))) {
        lay_out_step(sheet, step, row);
    }
}

fn lay_out_step(sheet: &mut Sheet<'_>, step: &SelfTest, mut row: Area) {
    let px = (row.height as f32 * 0.8).min(21.0 * sheet.unit);
    let (word, pair) = match step.outcome {
        Outcome::Waiting => ("waits", SOFT_ON_NIGHT),
        Outcome::Running => ("runs", ON_NIGHT),
        Outcome::Passed => ("passed", Pair { ink: SOFT, ..ON_NIGHT }),
        Outcome::Failed => ("FAILED", Pair { ink: YELLOW, ..ON_NIGHT }),
    };
    let room = row.cut_right(width("passed", Face::Bold, px) + sheet.px(4.0));
    sheet.scene.text(word, room, Setting::line(Face::Bold, px).right(), pair);
    sheet.scene.text(step.name.as_str(), row, Setting::line(Face::Medium, px), pair);
}
