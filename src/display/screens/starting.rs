//! Start-up: the steps of the self-test as they run. Nothing is analysed yet.

use crate::display::alarm::{CYAN, LINE, PANEL, Pair, SOFT, YELLOW};
use crate::display::area::Area;
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::shape::{Form, Shape};
use crate::display::state::{Outcome, SelfTest};
use crate::display::text::{Face, Setting, width};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, steps: &[SelfTest]) {
    sheet.plain_banner("SELF-TEST");
    let note = sheet.body.cut_bottom(sheet.px(22.0));
    sheet.scene.text("Nothing is analysed yet.", note, Setting::line(Face::Medium, 17.0 * sheet.unit), ON_NIGHT);
    let count = i32::try_from(steps.len()).unwrap_or(8).max(4);
    for (step, row) in steps.iter().zip(sheet.body.rows(count, 0)) {
        lay_out_step(sheet, step, row);
    }
}

fn lay_out_step(sheet: &mut Sheet<'_>, step: &SelfTest, row: Area) {
    let mut row = row;
    let px = (row.height as f32 * 0.8).min(20.0 * sheet.unit);
    let (word, ink) = match step.outcome {
        Outcome::Waiting => ("waits", SOFT),
        Outcome::Running => ("runs", ON_NIGHT.ink),
        Outcome::Passed => ("passed", SOFT),
        Outcome::Failed => ("FAILED", YELLOW),
    };
    let pair = Pair { ink, ..SOFT_ON_NIGHT };
    let shape = row.cut_left(round_to(px));
    step_shape(sheet, step.outcome, shape.square());
    row.cut_left(sheet.px(7.0));
    let room = row.cut_right(width("passed", Face::Bold, px));
    row.cut_right(sheet.px(6.0));
    sheet.scene.text(word, room, Setting::line(Face::Bold, px).right(), pair);
    sheet.scene.text(step.name.as_str(), row, Setting::line(Face::Medium, px), pair);
}

fn round_to(px: f32) -> i32 {
    crate::display::area::round(px * 0.8)
}

/// A ring that fills: empty, half, full; a cross where it failed. Not a tick.
fn step_shape(sheet: &mut Sheet<'_>, outcome: Outcome, area: Area) {
    let radius = area.width as f32 * 0.42;
    let centre = [area.x as f32 + area.width as f32 / 2.0, area.y as f32 + area.height as f32 / 2.0];
    let ring = Shape::outlined(Form::Disc { centre, radius }, radius * 0.28);
    match outcome {
        Outcome::Waiting => sheet.scene.shape(ring, LINE),
        Outcome::Passed => sheet.scene.shape(Shape::filled(Form::Disc { centre, radius }), CYAN),
        Outcome::Running => Icon::Half.draw(&mut sheet.scene, area, Pair { ink: CYAN, paper: PANEL }),
        Outcome::Failed => Icon::Cross.draw(&mut sheet.scene, area, Pair { ink: YELLOW, paper: PANEL }),
    }
}
