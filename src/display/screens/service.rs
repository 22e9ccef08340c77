//! For the engineer: what runs here, what is wrong, what happened last.

use crate::display::DeviceState;
use crate::display::chrome::{ON_NIGHT, SOFT_ON_NIGHT, Sheet};
use crate::display::text::{Face, Setting};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>) {
    sheet.plain_banner("SERVICE");
    let rows = sheet.body.rows(sheet.body.height / sheet.px(22.0), sheet.px(2.0));
    let setting = Setting::line(Face::Medium, 16.0 * sheet.unit);
    for (i, (line, row)) in lines(sheet.state).into_iter().zip(rows).enumerate() {
        sheet.scene.text(&line, row, setting, if i == 0 { ON_NIGHT } else { SOFT_ON_NIGHT });
    }
}

/// One fact a line, the most wanted first.
pub fn lines(state: &DeviceState) -> Vec<String> {
    let mut lines = vec![format!("Spinewatch {}", env!("CARGO_PKG_VERSION"))];
    lines.extend(state.faults().iter().map(|fault| fault.headline().to_owned()));
    let events: Vec<_> = state.events().collect();
    lines.extend(events.into_iter().rev().map(|event| event.what.as_str().to_owned()));
    lines
}
