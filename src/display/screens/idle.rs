//! Nothing to do: the last results, newest first. Says that an absent study is not a clear one.

use crate::display::StudyReport;
use crate::display::alarm::{CYAN, PANEL, Pair, WHITE, YELLOW};
use crate::display::area::Area;
use crate::display::chrome::{ON_NIGHT, ON_PANEL, SOFT_ON_NIGHT, SOFT_ON_PANEL, Sheet};
use crate::display::icon::Icon;
use crate::display::state::spoken;
use crate::display::text::{Face, Setting, width};
use crate::triage::Priority;

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, recent: &[StudyReport]) {
    sheet.plain_banner(if sheet.is_roomy() { "WAITING FOR SLICES" } else { "WAITING" });
    let note = sheet.body.cut_bottom(sheet.px(34.0));
    let setting = Setting { lines: 2, ..Setting::line(Face::Medium, 16.0 * sheet.unit) };
    sheet.scene.text("Not listed is not analysed. No alert does not mean no fracture.", note, setting, ON_NIGHT);
    sheet.body.cut_bottom(sheet.px(4.0));
    if recent.is_empty() {
        let setting = Setting::block(Face::Medium, 20.0 * sheet.unit).centred().middle();
        sheet.scene.text("No study since the device was started.", sheet.body, setting, SOFT_ON_NIGHT);
        return;
    }
    if sheet.is_roomy() {
        let events = sheet.body.cut_right(sheet.body.width * 3 / 8);
        sheet.body.cut_right(sheet.px(8.0));
        last_events(sheet, events);
    }
    let count = (sheet.body.height / sheet.px(34.0)).clamp(1, 6);
    for (report, row) in recent.iter().zip(sheet.body.rows(count, sheet.px(3.0))) {
        lay_out_row(sheet, report, row);
    }
}

/// The shape and word of the verdict, then which study and how long ago.
fn lay_out_row(sheet: &mut Sheet<'_>, report: &StudyReport, row: Area) {
    // Red on a dark card is too dark to see: a suspicion is white on a red tile.
    let (icon_pair, tile) = match report.assessment.verdict.priority() {
        Priority::High => (Pair { ink: WHITE, paper: crate::display::alarm::RED }, true),
        Priority::Medium => (Pair { ink: YELLOW, paper: PANEL }, false),
        Priority::Low => (Pair { ink: CYAN, paper: PANEL }, false),
    };
    sheet.card(row, PANEL, 3.0);
    let mut rest = row;
    let place = rest.cut_left(row.height.min(sheet.px(34.0)));
    if tile {
        sheet.card(place, icon_pair.paper, 3.0);
    }
    let inner = place.inset(sheet.px(4.0), sheet.px(4.0));
    Icon::of_verdict(&report.assessment.verdict).draw(&mut sheet.scene, inner, icon_pair);
    let mut rest = rest.inset(sheet.px(6.0), sheet.px(2.0));
    let (name, age) = (report.study.words(), report.since.ago(sheet.now));
    let small = Setting::line(Face::Medium, 14.0 * sheet.unit);
    let mut detail = format!("{name} · {age}");
    if rest.width > sheet.px(200.0) {
        let right = rest.cut_right(width(&name, Face::Medium, small.max));
        sheet.scene.text(&name, right, small.right(), SOFT_ON_PANEL);
        rest.cut_right(sheet.px(6.0));
        detail = age;
    }
    let levels = report.suspected_levels().iter().map(|l| l.name()).collect::<Vec<_>>().join(" ");
    let word = format!("{} {levels}", spoken(&report.assessment.verdict).to_uppercase());
    let upper = rest.cut_top(rest.height * 11 / 20);
    sheet.scene.text(word.trim(), upper, Setting::line(Face::Bold, 18.0 * sheet.unit), ON_PANEL);
    sheet.scene.moving_text(&detail, rest, small, SOFT_ON_PANEL);
}

/// What happened last, newest first, with its time of day where that is known.
fn last_events(sheet: &mut Sheet<'_>, area: Area) {
    let small = Setting::line(Face::Medium, 13.0 * sheet.unit);
    let rows = area.rows((area.height / sheet.px(29.0)).max(1), sheet.px(2.0));
    let events: Vec<_> = sheet.state.events().collect();
    for (event, mut row) in events.into_iter().rev().zip(rows) {
        let time = sheet
            .state
            .time_of(event, sheet.now)
            .map_or("--:--".to_owned(), |t| format!("{:02}:{:02}", t.hour(), t.minute()));
        let left = row.cut_left(width("00:00", Face::Bold, small.max) + sheet.px(7.0));
        sheet.scene.text(&time, left, Setting { face: Face::Bold, ..small }, SOFT_ON_NIGHT);
        sheet.scene.text(event.what.as_str(), row, Setting { lines: 2, ..small }, SOFT_ON_NIGHT);
    }
}
