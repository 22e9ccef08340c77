//! Nothing to do: the last results, newest first. Says that an absent study is not a clear one.

use crate::display::StudyReport;
use crate::display::alarm::{Alarm, CYAN, NIGHT, PANEL, Pair, RED, YELLOW};
use crate::display::area::Area;
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::icon::Icon;
use crate::display::text::{Face, Setting, width};
use crate::triage::Priority;

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, recent: &[StudyReport], alarm: Alarm) {
    sheet.banner("WAITING FOR SLICES", alarm, None);
    let note = sheet.body.cut_bottom(sheet.px(34.0));
    let setting = Setting { lines: 2, ..Setting::line(Face::Medium, 15.0 * sheet.unit) };
    sheet.scene.text(
        "A study that is not listed was not analysed. No alert does not mean no fracture.",
        note,
        setting,
        ON_NIGHT,
    );
    sheet.body.cut_bottom(sheet.px(4.0));
    if recent.is_empty() {
        let setting = Setting::block(Face::Medium, 20.0 * sheet.unit).centred().middle();
        sheet.scene.text("No study yet since start.", sheet.body, setting, SOFT_ON_NIGHT);
        return;
    }
    let count = (sheet.body.height / sheet.px(34.0)).clamp(1, 6);
    for (report, row) in recent.iter().zip(sheet.body.rows(count, sheet.px(3.0))) {
        lay_out_row(sheet, report, row);
    }
}

/// The shape and word of the verdict, then which study.
fn lay_out_row(sheet: &mut Sheet<'_>, report: &StudyReport, row: Area) {
    let colour = match report.assessment.verdict.priority() {
        Priority::High => RED,
        Priority::Medium => YELLOW,
        Priority::Low => CYAN,
    };
    sheet.card(row, PANEL, 3.0);
    let mut row = row.inset(sheet.px(4.0), sheet.px(2.0));
    let icon = row.cut_left(row.height.min(sheet.px(26.0)));
    Icon::of_verdict(&report.assessment.verdict).draw(&mut sheet.scene, icon, Pair { ink: colour, paper: NIGHT });
    row.cut_left(sheet.px(6.0));
    let px = 17.0 * sheet.unit;
    let word = format!("{} {}", super::super::state::spoken(&report.assessment.verdict).to_uppercase(), levels(report));
    let name = report.study.words();
    let age = format!("{} ago", report.since.words(sheet.now));
    let on_panel = crate::display::chrome::ON_PANEL;
    let soft = crate::display::chrome::SOFT_ON_PANEL;
    let right = width(&name, Face::Medium, px * 0.8) + sheet.px(4.0);
    if row.width > right * 3 {
        sheet.scene.text(&name, row.cut_right(right), Setting::line(Face::Medium, px * 0.8).right(), soft);
    }
    sheet.scene.text(word.trim(), row.cut_top(row.height * 11 / 20), Setting::line(Face::Bold, px), on_panel);
    let detail = if right * 3 < row.width { age } else { format!("{name} · {age}") };
    sheet.scene.moving_text(&detail, row, Setting::line(Face::Medium, px * 0.78), soft);
}

fn levels(report: &StudyReport) -> String {
    report.suspected_levels().iter().map(|l| l.name()).collect::<Vec<_>>().join(" ")
}
