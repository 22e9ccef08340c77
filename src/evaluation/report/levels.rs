//! The figures of C1 to C7: a row a vertebra, a column a figure. Pure.

use super::Content;
use super::html::{Table, places, signed, span};
use crate::evaluation::{Figure, Group};
use crate::triage::Level;

/// The vertebra of a figure and which figure of it: of `slices.c1.f1` C1 and `f1`.
pub(super) fn level(figure: &Figure) -> Option<(Level, &str)> {
    let mut parts = figure.key.split('.').skip(1);
    let (level, which) = (parts.next()?, parts.next()?);
    let level = Level::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(level))?;
    Some((level, which))
}

/// The figures, and their differences where there is another engine; nothing where a group has none of a vertebra.
pub(super) fn tables(content: &Content, group: Group) -> String {
    let figures: Vec<&Figure> = content.figures.iter().filter(|figure| figure.group == group).collect();
    let columns: Vec<&str> =
        figures.iter().filter_map(|figure| level(figure)).filter(|(l, _)| *l == Level::C1).map(|(_, w)| w).collect();
    if columns.is_empty() {
        return String::new();
    }
    let (subject, title) = match group {
        Group::Studies => ("fracture of", "studies: each vertebra"),
        Group::FractureSlices => ("fracture of", "slices: each vertebra"),
        _ => ("", "slices: each vertebra"),
    };
    let value = |figure: &Figure| match span(figure.interval) {
        interval if interval.is_empty() => places(figure.value),
        interval => format!("{}\n{}", places(figure.value), interval.replace(" to ", "\u{2013}")),
    };
    let values = matrix(&figures, &columns, subject, &format!("{title}, with 95 % interval"), &value);
    let Some(other) = content.other else { return values };
    let difference = |figure: &Figure| {
        let beside = other.figures.iter().find(|beside| beside.key == figure.key);
        beside.and_then(|beside| beside.difference).map_or_else(|| "\u{2013}".into(), signed)
    };
    let title = format!("{title}, {} less {}", content.engine, other.engine);
    values + &matrix(&figures, &columns, subject, &title, &difference)
}

fn matrix(
    figures: &[&Figure],
    columns: &[&str],
    subject: &str,
    title: &str,
    cell: &dyn Fn(&Figure) -> String,
) -> String {
    let names = columns.iter().map(|column| heading(column));
    let header: Vec<&str> = std::iter::once(subject).chain(names).collect();
    let mut table = Table::new(title, &header);
    for row in Level::ALL {
        let of = |column: &&str| figures.iter().find(|figure| level(figure) == Some((row, *column)));
        let cells: Vec<String> =
            columns.iter().map(|column| of(column).map_or_else(String::new, |f| cell(f))).collect();
        table.row(row.name(), &cells);
    }
    format!("<div class=\"levels\">{}</div>\n", table.finish())
}

/// The last part of a key as a reader knows it.
fn heading(key: &str) -> &str {
    match key {
        "f1" => "F1",
        "auc" => "AUC",
        "average_precision" => "AP",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whether_a_figure_is_of_one_vertebra() {
        let figure = |key: &str| Figure {
            key: key.into(),
            group: Group::Slices,
            name: String::new(),
            value: None,
            interval: None,
        };
        assert_eq!(level(&figure("slices.c3.f1")), Some((Level::C3, "f1")));
        assert_eq!(level(&figure("slices.macro_f1")), None);
        assert_eq!(level(&figure("boxes.map50")), None);
    }
}
