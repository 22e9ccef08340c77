//! `spinewatch phantom facts`: a data set in, its distributions beside the published ones out.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::table::Table;
use crate::evaluation::facts::{Fact, facts, read};

/// Print what a data set is like beside what is published of the RSNA 2022 data.
#[derive(Debug, Args)]
pub struct FactsArgs {
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Folder of a data set in the layout of the RSNA 2022 challenge, synthetic or real.
    dir: PathBuf,
}

#[derive(Serialize)]
struct Report {
    format: u32,
    source: &'static str,
    studies: usize,
    slices: usize,
    facts: Vec<Fact>,
}

/// Runs the verb.
///
/// # Errors
/// When a table of the data set is missing or broken.
pub fn run(args: &FactsArgs) -> anyhow::Result<()> {
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {pos} studies {elapsed}")?);
    let studies = read(&args.dir, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let report = Report {
        format: 1,
        source: "RSNA 2022 Cervical Spine Fracture Detection, as published",
        studies: studies.len(),
        slices: studies.iter().map(|study| study.truth.files.len()).sum(),
        facts: facts(&studies),
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn print(report: &Report) {
    println!("{} studies, {} slices; published: {}", report.studies, report.slices, report.source);
    for facts in report.facts.chunk_by(|a, b| a.group == b.group) {
        let mut table = Table::new([facts[0].group, "published", "here", "difference", "ratio"]);
        for fact in facts {
            let difference = fact.difference.map_or_else(String::new, |value| format!("{value:+.3}"));
            let ratio = fact.ratio.map_or_else(String::new, |value| format!("{value:.2}"));
            let range = |[from, to]: [f64; 2]| format!("{from:.1} to {to:.1}");
            let source = fact.source_range.map_or_else(|| number(fact.source), range);
            table.row([fact.name.clone(), source, number(fact.value), difference, ratio]);
        }
        print!("\n{table}");
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
}
