//! Counts into confusion matrices. Pure.

use std::fmt::Write;

use super::html::{Table, escaped};
use crate::evaluation::measured::Measured;
use crate::triage::Level;

/// All matrices of a report.
pub(super) fn all(measured: &Measured, once: &[u32]) -> String {
    let images = measured.images(once);
    let image_cells = [[images.hits, images.misses], [images.false_alarms, images.quiet]];
    let [hit, missed, false_alarm, quiet] = measured.studies(once).confusion();
    let two = ["fracture", "no fracture"];
    let mut names: Vec<&str> = Level::ALL.iter().map(|level| level.name()).collect();
    names.push("none");
    let uppermost = measured.counts(once).uppermost.map(|row| row.to_vec());
    let matrices = [
        matrix(
            "Studies: truth in rows, verdict in columns",
            &two,
            &["suspected", "not suspected"],
            &[[hit, missed], [false_alarm, quiet]],
        ),
        matrix("Images: truth in rows, at the operating point in columns", &two, &["a box", "no box"], &image_cells),
        matrix("Slices by the uppermost vertebra: shown in rows, said in columns", &names, &names, &uppermost),
    ];
    format!("<div class=\"matrices\">{}</div>\n{}", matrices.concat(), by_level(measured, once))
}

/// The shade of a cell is its share of the row.
fn matrix(title: &str, rows: &[&str], columns: &[&str], cells: &[impl AsRef<[u32]>]) -> String {
    let heads: String = columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let mut html = format!(
        "<div class=\"wide\"><table class=\"matrix\"><caption>{}</caption><thead><tr><td></td>{heads}</tr></thead><tbody>\n",
        escaped(title)
    );
    for (name, row) in rows.iter().zip(cells) {
        let sum = row.as_ref().iter().sum::<u32>().max(1);
        let cell = |count: &u32| {
            let share = f64::from(*count) / f64::from(sum);
            format!("<td style=\"--share:{share:.3}\">{count}</td>")
        };
        let cells: String = row.as_ref().iter().map(cell).collect();
        let _ = writeln!(html, "<tr><th scope=\"row\">{}</th>{cells}</tr>", escaped(name));
    }
    html + "</tbody></table></div>\n"
}

fn by_level(measured: &Measured, once: &[u32]) -> String {
    let header = ["vertebra", "true yes", "false no", "false yes", "true no"];
    let mut slices = Table::new("Slices, per vertebra: shown, and said at its threshold", &header);
    let mut studies = Table::new("Studies, per vertebra: fractured, and named", &header);
    let mut fractured = Table::new("Slices, per vertebra: fractured, and said by the fracture classifier", &header);
    for level in Level::ALL {
        let i = level as usize;
        slices.row(level.name(), &measured.counts(once).confusion(i));
        studies.row(level.name(), &measured.studies(once).level_confusion(i));
        fractured.row(level.name(), &measured.fractured(once).confusion(i));
    }
    let fractured = if measured.has_opinions() { fractured.finish() } else { String::new() };
    format!("<div class=\"matrices\">{}{}{fractured}</div>\n", slices.finish(), studies.finish())
}
