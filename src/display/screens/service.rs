//! For the field engineer: the device's own facts, a row each. What does not fit takes turns, page by page.
//!
//! Shows nothing of a study; the strip below still says what is wrong.

use crate::display::area::{Area, index};
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::service::Row;
use crate::display::text::{Face, Setting, width};
use crate::display::{ServiceFacts, TURN};

/// Height of a row that is read at arm's length, in units of the sheet.
const ROW: f32 = 18.0;
/// Pixels across from which two columns are readable.
const TWO_COLUMNS: i32 = 640;

/// Lays the screen out: two columns where there is room for them.
pub fn lay_out(sheet: &mut Sheet<'_>, facts: &ServiceFacts) {
    sheet.plain_banner("SERVICE");
    let row = sheet.px(ROW);
    let columns: i32 = if sheet.is_roomy() && sheet.body.width >= TWO_COLUMNS { 2 } else { 1 };
    let gap = sheet.px(10.0);
    let room = index(sheet.body.height / row).max(2);
    let stacks = stacked(facts.rows(), room);
    let pages = stacks.len().div_ceil(index(columns)).max(1);
    let page = usize::try_from(sheet.now.as_secs() / TURN.as_secs()).unwrap_or(0) % pages;
    let mut body = sheet.body;
    let each = (body.width - gap * (columns - 1)) / columns;
    for stack in stacks.iter().skip(page * index(columns)).take(index(columns)) {
        let mut column = body.cut_left(each);
        body.cut_left(gap);
        for (n, entry) in stack.iter().enumerate() {
            let mut place = column.cut_top(row * if entry.long { 2 } else { 1 });
            if n == 0 && pages > 1 {
                page_number(sheet, &mut place, page + 1, pages);
            }
            lay_out_row(sheet, entry, place);
        }
    }
}

/// Beside the first row: that there is more, and how much.
fn page_number(sheet: &mut Sheet<'_>, row: &mut Area, page: usize, pages: usize) {
    let (words, px) = (format!("{page} of {pages}"), 13.0 * sheet.unit);
    let mut place = row.cut_right(width(&words, Face::Medium, px) + sheet.px(4.0));
    sheet.scene.moving_text(
        &words,
        place.cut_top(sheet.px(ROW)),
        Setting::line(Face::Medium, px).right(),
        SOFT_ON_NIGHT,
    );
}

/// Rows in columns of at most `room` lines; a long row takes two and is not torn.
fn stacked(rows: Vec<Row>, room: usize) -> Vec<Vec<Row>> {
    let mut stacks: Vec<Vec<Row>> = Vec::new();
    let lines = |row: &Row| if row.long { 2 } else { 1 };
    for row in rows {
        match stacks.last_mut() {
            Some(stack) if stack.iter().map(lines).sum::<usize>() + lines(&row) <= room => stack.push(row),
            _ => stacks.push(vec![row]),
        }
    }
    stacks
}

/// The label in its column, the value behind it: as large as it fits, over two lines where it is long.
fn lay_out_row(sheet: &mut Sheet<'_>, row: &Row, mut place: Area) {
    let px = 15.0 * sheet.unit;
    let label = place.cut_left(width("Address", Face::Medium, px) + sheet.px(8.0));
    let first = Area { height: sheet.px(ROW), ..label };
    sheet.scene.text(row.label, first, Setting::line(Face::Medium, px), SOFT_ON_NIGHT);
    let lines = if row.long { 2 } else { 1 };
    let setting = Setting { lines, middle: lines == 1, ..Setting::line(Face::Bold, px) };
    let place = place.inset(0, if row.long { sheet.px(2.0) } else { 0 });
    if row.moving {
        sheet.scene.moving_text(&row.value, place, setting, ON_NIGHT);
    } else {
        sheet.scene.text(&row.value, place, setting, ON_NIGHT);
    }
}
