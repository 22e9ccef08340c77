//! What a data set is like, beside what is published of the RSNA 2022 data: prevalence, scans, what the slices show, boxes.
//! Takes a data set in that layout, whoever made it; hands on one line a fact. Reads two files of each study and nothing else
//! of its pixels.

mod boxes;
mod fractures;
mod scans;
mod statistics;
mod visibility;

use std::path::Path;

use serde::Serialize;

use super::dataset::{self, StudyTruth};
pub use scans::Scan;

/// One property of a data set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fact {
    /// For machines: stays what it is.
    pub key: String,
    /// What it is about.
    pub group: &'static str,
    /// Its name, with the unit.
    pub name: String,
    /// As published of the real data; `None` where nothing is, or only a range.
    pub source: Option<f64>,
    /// From where to where, where only that is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_range: Option<[f64; 2]>,
    /// Of this data set; `None` where it does not say.
    pub value: Option<f64>,
    /// This less the published one.
    pub difference: Option<f64>,
    /// This divided by the published one.
    pub ratio: Option<f64>,
}

/// Studies with what their files say of the scan.
#[derive(Clone, Debug)]
pub struct Known {
    /// Tables.
    pub truth: StudyTruth,
    /// First and last file; `None` where they cannot be read.
    pub scan: Option<Scan>,
}

/// Reads a data set; `progress` is told after each study.
///
/// # Errors
/// When a table is missing or broken.
pub fn read(folder: &Path, progress: &dyn Fn()) -> anyhow::Result<Vec<Known>> {
    let known = |truth: StudyTruth| {
        let scan = scans::read(&truth.files);
        progress();
        Known { truth, scan }
    };
    Ok(dataset::read(folder)?.into_iter().map(known).collect())
}

/// Every fact, in the order of a table.
pub fn facts(studies: &[Known]) -> Vec<Fact> {
    let mut facts = Facts { list: Vec::new(), group: "" };
    fractures::add(&mut facts, studies);
    scans::add(&mut facts, studies);
    visibility::add(&mut facts, studies);
    boxes::add(&mut facts, studies);
    facts.list
}

/// Facts as they are added.
struct Facts {
    list: Vec<Fact>,
    group: &'static str,
}

impl Facts {
    fn add(&mut self, key: &str, name: &str, source: Option<f64>, value: Option<f64>) {
        let value = value.filter(|value| value.is_finite());
        let both = source.zip(value);
        self.list.push(Fact {
            key: key.to_owned(),
            group: self.group,
            name: name.to_owned(),
            source,
            source_range: None,
            value,
            difference: both.map(|(source, value)| value - source),
            ratio: both.filter(|(source, _)| *source != 0.0).map(|(source, value)| value / source),
        });
    }

    /// Adds a fact of which only a range is published.
    fn add_range(&mut self, key: &str, name: &str, range: [f64; 2], value: Option<f64>) {
        self.add(key, name, None, value);
        self.list.last_mut().into_iter().for_each(|fact| fact.source_range = Some(range));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evaluation::TrueBox;

    /// Three studies of four slices: intact; C5 fractured, in slices 2 and 3; C5 and C6 fractured, in slices 1 and 4.
    pub fn studies() -> Vec<Known> {
        let level = |i: usize| std::array::from_fn(|j| i == j);
        let side = |x: f32| TrueBox { x, y: 100.0, width: 40.0, height: 20.0 };
        let study = |fractured: [bool; 7], boxed: &[u32]| Known {
            truth: StudyTruth {
                study: "1.2.3".into(),
                fractured,
                files: (1..=4).map(|n| (n, format!("{n}.dcm").into())).collect(),
                visible: BTreeMap::from([
                    (1, [false; 7]),
                    (2, level(4)),
                    (3, std::array::from_fn(|j| j == 4 || j == 5)),
                    (4, level(5)),
                ]),
                fractures: Vec::new(),
                boxes: boxed.iter().map(|n| (*n, vec![side(200.0)])).collect(),
            },
            scan: Some(Scan {
                rows: 1024,
                columns: 1024,
                pixel_spacing: 0.35,
                thickness: Some(1.0),
                spacing: 5.0,
                foot_to_head: false,
            }),
        };
        let both = std::array::from_fn(|j| j == 4 || j == 5);
        vec![study([false; 7], &[]), study(level(4), &[2, 3]), study(both, &[1, 4])]
    }

    pub fn value(facts: &[Fact], key: &str) -> Option<f64> {
        facts.iter().find(|fact| fact.key == key).unwrap_or_else(|| panic!("no fact {key}")).value
    }

    #[test]
    fn a_fact_stands_beside_its_source_with_difference_and_ratio() {
        let facts = facts(&studies());
        let any = facts.iter().find(|fact| fact.key == "fractures.any").unwrap();
        assert_eq!(any.source, Some(0.476));
        assert!((any.difference.unwrap() - (2.0 / 3.0 - 0.476)).abs() < 1e-12);
        assert!((any.ratio.unwrap() - 2.0 / 3.0 / 0.476).abs() < 1e-12);
        let keys: std::collections::BTreeSet<&str> = facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys.len(), facts.len(), "a key of its own for each");
    }

    #[test]
    fn what_a_data_set_does_not_say_is_left_open() {
        let mut studies = studies();
        for study in &mut studies {
            study.truth.visible.clear();
            study.truth.boxes.clear();
            study.scan = None;
        }
        let facts = facts(&studies);
        let open =
            ["visibility.none", "visibility.c5", "visibility.c5.extent", "scan.thickness_1000", "boxes.width_p50"];
        for key in open {
            assert_eq!(value(&facts, key), None, "{key}");
        }
        assert_eq!(value(&facts, "scan.slices_mean"), Some(4.0));
    }
}
