//! "Analysing": a series arrives; how far it is and which levels were seen. Says that there is no result yet.

use crate::display::alarm::{Alarm, CYAN, LINE};
use crate::display::area::{Area, round};
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::shape::{Shape, slab};
use crate::display::spine::{self, marks};
use crate::display::text::{Face, Setting};
use crate::display::{Progress, Turn};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, progress: &Progress, turn: Turn, alarm: Alarm) {
    sheet.banner("ANALYSING", alarm, None);
    let gap = sheet.px(12.0);
    let column = sheet.body.cut_left(sheet.body.height * 3 / 5);
    spine::draw(&mut sheet.scene, column, marks(&progress.levels_seen, &[], false));
    sheet.body.cut_left(gap);
    let unit = sheet.unit;
    let mut body = sheet.body;
    let name = match turn.words() {
        Some(turn) => format!("{} · {turn}", progress.study.words()),
        None => progress.study.words(),
    };
    sheet.scene.text(&name, body.cut_top(sheet.px(20.0)), Setting::line(Face::Medium, 16.0 * unit), SOFT_ON_NIGHT);
    let note = body.cut_bottom(sheet.px(38.0));
    let setting = Setting { lines: 2, ..Setting::line(Face::Medium, 16.0 * unit) };
    sheet.scene.text("No result yet. Do not wait for it.", note, setting, ON_NIGHT);
    let count = body.cut_top(body.height * 9 / 20);
    sheet.scene.moving_text(&count_words(progress), count, Setting::line(Face::Bold, 56.0 * unit), ON_NIGHT);
    sheet.scene.moving_text(
        &detail(progress),
        body.cut_top(sheet.px(20.0)),
        Setting::line(Face::Medium, 16.0 * unit),
        SOFT_ON_NIGHT,
    );
    body.cut_top(sheet.px(6.0));
    bar(sheet, progress, body.cut_top(sheet.px(10.0)));
}

fn count_words(progress: &Progress) -> String {
    match progress.expected {
        Some(expected) => format!("{}/{expected}", progress.received),
        None => progress.received.to_string(),
    }
}

fn detail(progress: &Progress) -> String {
    match progress.unreadable {
        0 => format!("slices in, {} analysed", progress.analysed),
        bad => format!("slices in, {} analysed, {bad} unreadable", progress.analysed),
    }
}

/// Analysed over received over expected; without an expected count, analysed over received.
fn bar(sheet: &mut Sheet<'_>, progress: &Progress, area: Area) {
    let whole = progress.expected.unwrap_or(progress.received).max(progress.received).max(1) as f32;
    let part = |n: u32| Area { width: round(area.width as f32 * (n as f32 / whole)).clamp(0, area.width), ..area };
    let radius = area.height as f32 / 2.0;
    sheet.scene.shape(Shape::filled(slab(area, radius)), crate::display::alarm::PANEL);
    for (n, colour) in [(progress.received, LINE), (progress.analysed, CYAN)] {
        let done = part(n);
        if done.width > area.height {
            sheet.scene.shape(Shape::filled(slab(done, radius)), colour);
        }
    }
}
