//! "Analysing": a series arrives; how far it is and which levels were seen. Says that there is no result yet.

use crate::display::alarm::{CYAN, LINE, PANEL};
use crate::display::area::{Area, round};
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::shape::{Shape, slab};
use crate::display::spine::{self, marks};
use crate::display::text::{Face, Setting};
use crate::display::{Progress, Turn};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, progress: &Progress, turn: Turn) {
    sheet.plain_banner("ANALYSING");
    let column = sheet.spine_column();
    spine::draw(&mut sheet.scene, column, marks(&progress.levels_seen, &[], false));
    let mut body = sheet.body;
    let soft = Setting::line(Face::Medium, 17.0 * sheet.unit);
    let name = turn.words().map_or(progress.study.words(), |t| format!("{} · {t}", progress.study.words()));
    sheet.scene.text(&name, body.cut_top(sheet.px(20.0)), soft, SOFT_ON_NIGHT);
    let note = body.cut_bottom(sheet.px(40.0));
    let setting = Setting { lines: 2, ..soft };
    sheet.scene.text("No result yet. Do not wait for it.", note, setting, ON_NIGHT);
    let bar = body.cut_bottom(sheet.px(18.0)).inset(0, sheet.px(4.0));
    progress_bar(sheet, progress, bar);
    let detail = body.cut_bottom(sheet.px(if progress.unreadable > 0 { 36.0 } else { 20.0 }));
    sheet.scene.moving_text(&detail_words(progress), detail, setting, SOFT_ON_NIGHT);
    sheet.scene.moving_text(&count_words(progress), body, Setting::line(Face::Bold, 56.0 * sheet.unit), ON_NIGHT);
}

fn count_words(progress: &Progress) -> String {
    progress.expected.map_or(progress.received.to_string(), |expected| format!("{}/{expected}", progress.received))
}

fn detail_words(progress: &Progress) -> String {
    match progress.unreadable {
        0 => format!("slices, {} analysed", progress.analysed),
        bad => format!("slices, {} analysed, {bad} unreadable", progress.analysed),
    }
}

/// Analysed over received over expected; without an expected count, analysed over received.
fn progress_bar(sheet: &mut Sheet<'_>, progress: &Progress, area: Area) {
    let whole = progress.expected.unwrap_or(progress.received).max(progress.received).max(1) as f32;
    let radius = area.height as f32 / 2.0;
    sheet.scene.shape(Shape::filled(slab(area, radius)), PANEL);
    for (n, colour) in [(progress.received, LINE), (progress.analysed, CYAN)] {
        let width = round(area.width as f32 * (n as f32 / whole)).clamp(0, area.width);
        if width > area.height {
            sheet.scene.shape(Shape::filled(slab(Area { width, ..area }, radius)), colour);
        }
    }
}
