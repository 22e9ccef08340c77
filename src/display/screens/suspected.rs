//! "Suspected": which levels, where to look first, how old the alert is, who has seen it, whether it left the device.

use crate::display::alarm::{BLACK, PANEL, Pair, RED, WHITE, YELLOW};
use crate::display::area::{Area, round};
use crate::display::chrome::{ON_NIGHT, ON_PANEL, SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::picture;
use crate::display::shape::{Shape, slab};
use crate::display::spine::{self, marks};
use crate::display::text::{Face, Setting, width};
use crate::display::{Delivery, Picture, StudyReport, Turn};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn) {
    sheet.banner("SUSPECTED", Icon::Alert);
    acknowledgement(sheet, report);
    if sheet.wide { wide(sheet, report, turn) } else { narrow(sheet, report, turn) }
}

/// Spine, then levels with the facts below, then the picture.
fn wide(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn) {
    let gap = sheet.px(7.0);
    let side = sheet.body.height.min(sheet.body.width * 2 / 5);
    let right = sheet.body.cut_right(side);
    best_slice(sheet, report, right);
    sheet.body.cut_right(gap);
    let left = sheet.spine_column();
    spine_of(sheet, report, left);
    let mut column = sheet.body;
    let large = column.cut_top(column.height * 2 / 5);
    level_names(sheet, report, large);
    column.cut_top(sheet.px(4.0));
    let mut lines = vec![(report.study.words(), SOFT_ON_NIGHT)];
    lines.extend(turn.words().map(|t| (t, ON_NIGHT)));
    lines.push((certainty(report).to_owned(), SOFT_ON_NIGHT));
    lines.push((delivery_words(report), delivery_pair(report.delivery)));
    let count = i32::try_from(lines.len()).unwrap_or(4);
    for ((text, pair), row) in lines.iter().zip(column.rows(count, 0)) {
        sheet.scene.text(text, row, Setting::line(Face::Medium, 17.0 * sheet.unit), *pair);
    }
}

/// Spine with the study's name; levels over the picture over the facts.
fn narrow(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn) {
    let facts = sheet.body.cut_bottom(sheet.px(16.0));
    sheet.body.cut_bottom(sheet.px(3.0));
    let left = sheet.spine_column();
    spine_of(sheet, report, left);
    let mut column = sheet.body;
    let large = column.cut_top(sheet.px(38.0));
    level_names(sheet, report, large);
    column.cut_top(sheet.px(3.0));
    best_slice(sheet, report, column);
    let (mut facts, small) = (facts, Setting::line(Face::Medium, 14.0 * sheet.unit));
    let words = delivery_words(report);
    let delivery = facts.cut_right(width(&words, small.face, small.max).min(facts.width / 2));
    sheet.scene.text(&words, delivery, small.right(), delivery_pair(report.delivery));
    facts.cut_right(sheet.px(5.0));
    let which = turn.words().unwrap_or_else(|| report.study.words());
    sheet.scene.text(&format!("{which} · {}", certainty(report)), facts, small, SOFT_ON_NIGHT);
}

fn spine_of(sheet: &mut Sheet<'_>, report: &StudyReport, area: Area) {
    let assessment = &report.assessment;
    let marks = marks(&assessment.coverage.levels_seen, &report.suspected_levels(), !assessment.provisional);
    spine::draw(&mut sheet.scene, area, marks);
}

/// Over the whole width: who has seen it, or that nobody has; and the age of the alert.
fn acknowledgement(sheet: &mut Sheet<'_>, report: &StudyReport) {
    let card = sheet.body.cut_bottom(sheet.px(28.0));
    sheet.body.cut_bottom(sheet.px(6.0));
    let mut inner = card.inset(sheet.px(7.0), sheet.px(3.0));
    let px = 20.0 * sheet.unit;
    let (words, pair, setting) = match &report.acknowledged {
        Some(seen) => {
            let setting = Setting { lines: 2, ..Setting::line(Face::Medium, 18.0 * sheet.unit) };
            (format!("Seen by {}", seen.by.as_str()), ON_PANEL, setting)
        }
        None => {
            let words = if report.sent_again > 0 { "NO ANSWER: TELEPHONE" } else { "NOT ACKNOWLEDGED" };
            (words.to_owned(), Pair { ink: BLACK, paper: WHITE }, Setting::line(Face::Bold, px))
        }
    };
    sheet.card(card, pair.paper, 4.0);
    let age = report.since.words(sheet.now);
    let right = inner.cut_right(width(&age, Face::Bold, px).min(inner.width / 3));
    sheet.scene.moving_text(&age, right, Setting::line(Face::Bold, px).right(), pair);
    inner.cut_right(sheet.px(6.0));
    sheet.scene.text(&words, inner, setting, pair);
}

/// White on red, as large as the words allow.
fn level_names(sheet: &mut Sheet<'_>, report: &StudyReport, area: Area) {
    let names = report.suspected_levels().iter().map(|l| l.name()).collect::<Vec<_>>().join(" ");
    sheet.card(area, RED, 4.0);
    let setting = Setting { lines: 2, ..Setting::line(Face::Bold, area.height as f32 * 1.2).centred() };
    sheet.scene.text(&names, area.inset(sheet.px(5.0), sheet.px(5.0)), setting, Pair { ink: WHITE, paper: RED });
}

const fn certainty(report: &StudyReport) -> &'static str {
    if report.assessment.provisional { "provisional" } else { "confirmed" }
}

/// Where the message is, and how often it was sent again because nobody acknowledged it.
fn delivery_words(report: &StudyReport) -> String {
    match (report.delivery, report.sent_again) {
        (Delivery::Sent, 1..) => format!("sent again {}x", report.sent_again),
        (delivery, _) => delivery.words().to_owned(),
    }
}

/// What has not left the device stands out.
const fn delivery_pair(delivery: Delivery) -> Pair {
    match delivery {
        Delivery::Sent | Delivery::ScreenOnly => SOFT_ON_NIGHT,
        Delivery::Queued | Delivery::Refused => Pair { ink: YELLOW, ..SOFT_ON_NIGHT },
    }
}

/// The picture with its box; without a picture, where to look.
fn best_slice(sheet: &mut Sheet<'_>, report: &StudyReport, area: Area) {
    match &report.picture {
        Some(picture) => {
            sheet.scene.picture(area, picture);
            fracture_box(sheet, picture, area);
            if let Some(number) = picture.slice {
                slice_number(sheet, number, area);
            }
        }
        None => {
            sheet.card(area, PANEL, 4.0);
            let setting = Setting::block(Face::Medium, 17.0 * sheet.unit).centred().middle();
            sheet.scene.text("No picture", area.inset(sheet.px(6.0), sheet.px(6.0)), setting, ON_PANEL);
        }
    }
}

/// Yellow with a dark edge, so that it stands out on bone as well as on air.
fn fracture_box(sheet: &mut Sheet<'_>, picture: &Picture, area: Area) {
    let [x, y, w, h] = picture::mark(area, picture);
    let line = (2.0 * sheet.unit).max(2.0);
    let (left, top) = (round(x - line), round(y - line));
    let around = Area::new(left, top, round(x + w + line) - left, round(y + h + line) - top).intersection(&area);
    let outer = around.inset(-1, -1).intersection(&area);
    sheet.scene.shape(Shape::outlined(slab(outer, 2.0 * sheet.unit), line + 2.0), BLACK);
    sheet.scene.shape(Shape::outlined(slab(around, 2.0 * sheet.unit), line), YELLOW);
}

/// In the picture's lower left corner.
fn slice_number(sheet: &mut Sheet<'_>, number: i32, area: Area) {
    let px = 13.0 * sheet.unit;
    let words = format!("slice {number}");
    let mut rest = area;
    let mut row = rest.cut_bottom(sheet.px(17.0));
    let tag = row.cut_left(width(&words, Face::Medium, px) + sheet.px(8.0));
    sheet.scene.fill(tag, crate::display::alarm::NIGHT);
    sheet.scene.text(&words, tag, Setting::line(Face::Medium, px).centred(), ON_NIGHT);
}
