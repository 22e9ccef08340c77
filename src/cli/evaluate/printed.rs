//! The report as tables for a terminal.

use super::Report;
use crate::cli::table::Table;
use crate::evaluation::{Figure, Group};

/// Prints it.
pub fn print(report: &Report) {
    println!(
        "{} studies ({} fractured), {} slices; {}; {}; intervals: 95 %, {} resamples of the studies",
        report.studies,
        report.fractured,
        report.slices,
        report.models.join(", "),
        report.engine,
        report.resamples
    );
    for group in Group::ALL {
        let figures: Vec<&Figure> = report.figures.iter().filter(|figure| figure.group == group).collect();
        if figures.is_empty() {
            continue;
        }
        if report.float32.is_some() { print_beside(group, &figures, report) } else { print_alone(group, &figures) }
    }
    print_strata(report);
    if !report.misjudged.is_empty() {
        let mut table = Table::new(["misjudged study", "fractured", "named", "verdict"]);
        for study in &report.misjudged {
            let dash = |words: &str| if words.is_empty() { "-".to_owned() } else { words.to_owned() };
            table.row([study.study.clone(), dash(&study.fractured), dash(&study.named), study.verdict.to_owned()]);
        }
        print!("\n{table}");
    }
    println!("\n{}.", report.not_for_diagnosis);
    if let Some(limitation) = report.limitation {
        println!("{limitation}.");
    }
}

fn print_alone(group: Group, figures: &[&Figure]) {
    let mut table = Table::new([group.title(), "figure", "95 % interval"]);
    for figure in figures {
        table.row([figure.name.clone(), number(figure.value), span(figure.interval)]);
    }
    print!("\n{table}");
}

fn print_beside(group: Group, figures: &[&Figure], report: &Report) {
    let mut table = Table::new([group.title(), "int8", "95 % interval", "float32", "difference", "95 % interval"]);
    let others = report.float32.iter().flat_map(|float32| &float32.figures);
    for figure in figures {
        let beside = others.clone().find(|beside| beside.key == figure.key);
        table.row([
            figure.name.clone(),
            number(figure.value),
            span(figure.interval),
            number(beside.and_then(|beside| beside.other)),
            number(beside.and_then(|beside| beside.difference)),
            span(beside.and_then(|beside| beside.interval)),
        ]);
    }
    print!("\n{table}");
}

fn print_strata(report: &Report) {
    if report.strata.is_empty() {
        return;
    }
    let mut table = Table::new([
        "fractures by",
        "",
        "number",
        "study suspected",
        "95 % interval",
        "vertebra named",
        "95 % interval",
    ]);
    for stratum in &report.strata {
        table.row([
            stratum.by.to_owned(),
            stratum.name.clone(),
            stratum.fractures.to_string(),
            number(stratum.suspected),
            span(stratum.suspected_interval),
            number(stratum.named),
            span(stratum.named_interval),
        ]);
    }
    print!("\n{table}");
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
}

fn span(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(String::new, |[low, high]| format!("{low:.3} to {high:.3}"))
}
