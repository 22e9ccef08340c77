//! For the field engineer: the device's own facts, a row each. What does not fit takes turns, page by page.
//!
//! Shows nothing of a study; the strip below still says what is wrong.

use crate::display::area::{Area, index};
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::service::Row;
use crate::display::text::{Face, Setting, width};
use crate::display::{ServiceFacts, TURN};

/// Height of a line that is read at arm's length, in units of the sheet; a large panel has smaller units to spare.
const LINE: f32 = 18.0;
const LINE_OF_LARGE: f32 = 15.0;
/// Units from which a panel is large.
const LARGE: f32 = 1.8;

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, facts: &ServiceFacts) {
    sheet.plain_banner("SERVICE");
    let line = sheet.px(if sheet.unit > LARGE { LINE_OF_LARGE } else { LINE });
    let pages = paged(facts.rows(), index(sheet.body.height / line).max(3));
    let page = usize::try_from(sheet.now.as_secs() / TURN.as_secs()).unwrap_or(0) % pages.len().max(1);
    let mut body = sheet.body;
    for (n, row) in pages.get(page).into_iter().flatten().enumerate() {
        let mut place = body.cut_top(line * i32::try_from(row.lines).unwrap_or(1));
        if n == 0 && pages.len() > 1 {
            page_number(sheet, &mut place, page + 1, pages.len());
        }
        lay_out_row(sheet, row, place, line);
    }
}

/// Beside the first row: that there is more, and how much.
fn page_number(sheet: &mut Sheet<'_>, row: &mut Area, page: usize, pages: usize) {
    let (words, px) = (format!("{page} of {pages}"), 13.0 * sheet.unit.min(LARGE));
    let place = row.cut_right(width(&words, Face::Medium, px) + sheet.px(4.0));
    sheet.scene.moving_text(&words, place, Setting::line(Face::Medium, px).right(), SOFT_ON_NIGHT);
}

/// Rows on pages of `room` lines; a row that takes several is not torn.
fn paged(rows: Vec<Row>, room: usize) -> Vec<Vec<Row>> {
    let mut pages: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match pages.last_mut() {
            Some(page) if page.iter().map(|row| row.lines).sum::<usize>() + row.lines <= room => page.push(row),
            _ => pages.push(vec![row]),
        }
    }
    pages
}

/// The label in its column, the value behind it, as large as it fits.
fn lay_out_row(sheet: &mut Sheet<'_>, row: &Row, mut place: Area, line: i32) {
    let px = line as f32 * 0.83;
    let label_px = px * 0.74;
    let label = place.cut_left(width("Address", Face::Medium, label_px) + sheet.px(4.0));
    let first = Area { height: line, ..label };
    sheet.scene.text(row.label, first, Setting::line(Face::Medium, label_px), SOFT_ON_NIGHT);
    let setting = Setting { lines: row.lines, middle: row.lines == 1, ..Setting::line(Face::Bold, px) };
    // a line in the middle of its row begins a little lower
    let place = place.inset(0, if row.lines == 1 { 0 } else { sheet.px(1.0) });
    if row.moving {
        sheet.scene.moving_text(&row.value, place, setting, ON_NIGHT);
    } else {
        sheet.scene.text(&row.value, place, setting, ON_NIGHT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_torn_and_none_is_lost() {
        let rows = ServiceFacts {
            models: "a model with a name that needs more than a line".into(),
            ..ServiceFacts::default()
        }
        .rows();
        for room in 3..30 {
            let pages = paged(rows.clone(), room);
            assert!(pages.iter().all(|page| page.iter().map(|row| row.lines).sum::<usize>() <= room));
            assert_eq!(pages.concat(), rows);
        }
    }
}
