//! "Suspected": which levels, where to look first, how old the alert is, who has seen it, whether it left the device.

use crate::display::alarm::{Alarm, BLACK, PANEL, Pair, RED, WHITE};
use crate::display::area::Area;
use crate::display::chrome::{ON_PANEL, SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::picture;
use crate::display::shape::{Shape, slab};
use crate::display::spine::{self, marks};
use crate::display::text::{Face, Setting, width};
use crate::display::{Delivery, StudyReport, Turn};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn, alarm: Alarm) {
    sheet.banner("SUSPECTED", alarm, Some(Icon::Alert));
    acknowledgement(sheet, report);
    let gap = sheet.px(7.0);
    let levels = report.suspected_levels();
    let ended = !report.assessment.provisional;
    let marks = marks(&report.assessment.coverage.levels_seen, &levels, ended);
    let names = levels.iter().map(|l| l.name()).collect::<Vec<_>>().join(" ");
    if sheet.wide {
        let side = sheet.body.height.min(sheet.body.width * 2 / 5);
        let right = sheet.body.cut_right(side);
        best_slice(sheet, report, right);
        sheet.body.cut_right(gap);
        let column = sheet.body.cut_left(sheet.body.height * 7 / 11);
        spine::draw(&mut sheet.scene, column, marks);
        sheet.body.cut_left(gap);
        facts(sheet, report, turn, &names);
    } else {
        let mut left = sheet.body.cut_left(sheet.px(66.0));
        let name = left.cut_bottom(sheet.px(15.0));
        let setting = Setting::line(Face::Medium, 13.0 * sheet.unit);
        sheet.scene.text(&report.study.words(), name, setting, SOFT_ON_NIGHT);
        spine::draw(&mut sheet.scene, left, marks);
        sheet.body.cut_left(gap);
        narrow_facts(sheet, report, turn, &names);
    }
}

/// Over the whole width: who has seen it, or that nobody has.
fn acknowledgement(sheet: &mut Sheet<'_>, report: &StudyReport) {
    let card = sheet.body.cut_bottom(sheet.px(28.0));
    sheet.body.cut_bottom(sheet.px(6.0));
    let inner = card.inset(sheet.px(7.0), sheet.px(3.0));
    let px = 20.0 * sheet.unit;
    let age = report.since.words(sheet.now);
    if let Some(seen) = &report.acknowledged {
        sheet.card(card, PANEL, 4.0);
        let words = format!("Seen by {} after {age}", seen.by.as_str());
        let words = if seen.at.age(sheet.now).as_secs() > 0 { format!("Seen by {}", seen.by.as_str()) } else { words };
        sheet.scene.text(&words, inner, Setting { lines: 2, ..Setting::line(Face::Medium, px * 0.9) }, ON_PANEL);
        return;
    }
    let pair = Pair { ink: BLACK, paper: WHITE };
    sheet.card(card, WHITE, 4.0);
    let mut rest = inner;
    let words = rest.cut_right(width(&age, Face::Bold, px) + sheet.px(3.0));
    sheet.scene.moving_text(&age, words, Setting::line(Face::Bold, px).right(), pair);
    sheet.scene.text("NOT ACKNOWLEDGED", rest, Setting::line(Face::Bold, px), pair);
}

/// Levels large, then study, certainty and delivery one below the other.
fn facts(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn, names: &str) {
    let mut column = sheet.body;
    let large = column.cut_top(column.height * 2 / 5);
    level_names(sheet, names, large);
    column.cut_top(sheet.px(3.0));
    let mut lines = vec![(report.study.words(), false)];
    lines.extend(turn.words().map(|t| (t, true)));
    lines.push((certainty(report).to_owned(), false));
    lines.push((report.delivery.words().to_owned(), false));
    let count = i32::try_from(lines.len()).unwrap_or(4);
    let setting = Setting::line(Face::Medium, 16.0 * sheet.unit);
    for ((text, bold), row) in lines.iter().zip(column.rows(count, 0)) {
        let setting = Setting { face: if *bold { Face::Bold } else { Face::Medium }, ..setting };
        sheet.scene.text(text, row, setting, SOFT_ON_NIGHT);
    }
}

fn narrow_facts(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn, names: &str) {
    let mut column = sheet.body;
    let large = column.cut_top(sheet.px(36.0));
    level_names(sheet, names, large);
    let line = column.cut_bottom(sheet.px(15.0));
    let words = match turn.words() {
        Some(turn) => format!("{turn} · {}", short_certainty(report)),
        None => format!("{} · {}", certainty(report), report.delivery.words()),
    };
    let setting = Setting::line(Face::Medium, 13.0 * sheet.unit);
    sheet.scene.text(&words, line, setting, SOFT_ON_NIGHT);
    best_slice(sheet, report, column.inset(0, sheet.px(4.0)));
}

/// White on red, as large as the words allow.
fn level_names(sheet: &mut Sheet<'_>, names: &str, area: Area) {
    let pair = Pair { ink: WHITE, paper: RED };
    sheet.card(area, RED, 4.0);
    let setting = Setting { lines: 2, ..Setting::line(Face::Bold, area.height as f32 * 1.2).centred() };
    sheet.scene.text(names, area.inset(sheet.px(5.0), sheet.px(4.0)), setting, pair);
}

const fn certainty(report: &StudyReport) -> &'static str {
    if report.assessment.provisional { "provisional" } else { "confirmed" }
}

fn short_certainty(report: &StudyReport) -> String {
    let sent = if matches!(report.delivery, Delivery::Sent) { "sent" } else { report.delivery.words() };
    format!("{} · {sent}", certainty(report))
}

/// The picture with its box; without a picture, where to look.
fn best_slice(sheet: &mut Sheet<'_>, report: &StudyReport, area: Area) {
    let Some(picture) = &report.picture else {
        sheet.card(area, PANEL, 4.0);
        let words = "No picture. Look at the slices on the console.";
        let setting = Setting::block(Face::Medium, 16.0 * sheet.unit).centred().middle();
        sheet.scene.text(words, area.inset(sheet.px(6.0), sheet.px(6.0)), setting, ON_PANEL);
        return;
    };
    sheet.scene.picture(area, picture);
    let [x, y, w, h] = picture::mark(area, picture);
    let line = 2.5 * sheet.unit;
    let around = Area::new(
        crate::display::area::round(x - line),
        crate::display::area::round(y - line),
        crate::display::area::round(w + 2.0 * line),
        crate::display::area::round(h + 2.0 * line),
    );
    let around = around.intersection(&area);
    let outer = Area::new(around.x - 1, around.y - 1, around.width + 2, around.height + 2).intersection(&area);
    sheet.scene.shape(Shape::outlined(slab(outer, 2.0 * sheet.unit), line + 2.0), BLACK);
    sheet.scene.shape(Shape::outlined(slab(around, 2.0 * sheet.unit), line), crate::display::alarm::YELLOW);
}
