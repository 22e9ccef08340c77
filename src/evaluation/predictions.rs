//! What the networks said of each slice and what was said of each study, beside the truth, as lines of JSON: for figures by
//! other programs. Pure but for the writer that it is given.
//!
//! The first line is the run (`"what": "run"`), then for each study its slices (`"slice"`) and itself (`"study"`). A number is
//! the shortest that reads back as the same single-precision value.

use std::io::{self, Write};

use serde::Serialize;

use super::{SliceResult, StudyResult, TrueBox};
use crate::triage::{Assessment, FractureBox, OperatingPoint};

/// Version of the lines.
const FORMAT: u32 = 1;

/// What the predictions came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Not a diagnosis, and what the packages were trained on.
    pub notice: String,
    /// Name and version of each package.
    pub models: Vec<String>,
    /// What ran them.
    pub engine: String,
    /// Thresholds of the classifier, C1 to C7.
    pub thresholds: [f32; 7],
    /// The detector runs from this probability of any vertebra on.
    pub gate: f32,
    /// Boxes count from this score on.
    pub score: f32,
    /// Findings count from this score on.
    pub finding_score: f32,
}

impl Run {
    /// With the thresholds of an operating point.
    pub fn new(notice: String, models: Vec<String>, engine: &str, point: &OperatingPoint) -> Self {
        let OperatingPoint { thresholds, gate, score, finding_score } = *point;
        Self { notice, models, engine: engine.to_owned(), thresholds, gate, score, finding_score }
    }
}

#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Line<'a> {
    Run {
        format: u32,
        #[serde(flatten)]
        run: &'a Run,
    },
    Slice {
        study: &'a str,
        number: u32,
        shown: Option<[u8; 7]>,
        vertebrae: [f32; 7],
        /// Counted along the neck, with the whole series before the device.
        counted: [u8; 7],
        boxes_known: bool,
        /// x, y, width, height.
        true_boxes: Vec<[f32; 4]>,
        /// x, y, width, height, score; best first.
        boxes: Vec<[f32; 5]>,
        /// Of the fracture classifier, where there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        fractures: Option<[f32; 7]>,
        /// Which of them reach their thresholds.
        #[serde(skip_serializing_if = "Option::is_none")]
        fractures_said: Option<[u8; 7]>,
    },
    Study {
        study: &'a str,
        fractured: [u8; 7],
        boxes_known: bool,
        assessment: &'a Assessment,
    },
}

/// Writes the lines.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(out: &mut impl Write, run: &Run, studies: &[StudyResult]) -> io::Result<()> {
    let mut line = |line: &Line| -> io::Result<()> {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)
    };
    line(&Line::Run { format: FORMAT, run })?;
    for study in studies {
        for slice in &study.slices {
            line(&of_slice(study, slice))?;
        }
        line(&Line::Study {
            study: &study.study,
            fractured: study.fractured.map(u8::from),
            boxes_known: study.boxes_known,
            assessment: &study.assessment,
        })?;
    }
    Ok(())
}

fn of_slice<'a>(study: &'a StudyResult, slice: &SliceResult) -> Line<'a> {
    let truth = |b: &TrueBox| [b.x, b.y, b.width, b.height];
    let found = |b: &FractureBox| [b.x, b.y, b.width, b.height, b.score];
    Line::Slice {
        study: &study.study,
        number: slice.number,
        shown: slice.visible.map(|visible| visible.map(u8::from)),
        vertebrae: slice.vertebrae,
        counted: slice.counted.map(u8::from),
        boxes_known: study.boxes_known,
        true_boxes: slice.true_boxes.iter().map(truth).collect(),
        boxes: slice.boxes.iter().map(found).collect(),
        fractures: slice.opinion.map(|opinion| opinion.probabilities),
        fractures_said: slice.opinion.map(|opinion| opinion.said.map(u8::from)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::figures::tests::study;
    use super::*;
    use crate::triage::synthetic::OPERATING_POINT;

    #[test]
    fn a_line_holds_what_was_said_and_what_is_true() {
        let slice = SliceResult {
            number: 7,
            visible: Some([true, true, false, false, false, false, false]),
            vertebrae: [0.1; 7],
            counted: [true, false, false, false, false, false, false],
            true_boxes: vec![TrueBox { x: 1.0, y: 2.0, width: 3.0, height: 4.5 }],
            boxes: vec![FractureBox { x: 0.1, y: 0.0, width: 5.0, height: 6.0, score: 0.7 }],
            opinion: None,
        };
        let mut out = Vec::new();
        let run = Run::new("not for patients".into(), vec!["a 1".into()], "int8", &OPERATING_POINT);
        write(&mut out, &run, &[study([false; 7], vec![slice])]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines.iter().map(|line| line["what"].as_str().unwrap()).collect::<Vec<_>>(),
            ["run", "slice", "study"]
        );
        assert_eq!((&lines[0]["format"], &lines[0]["engine"]), (&1.into(), &"int8".into()));
        assert_eq!(lines[1]["true_boxes"], serde_json::json!([[1.0, 2.0, 3.0, 4.5]]));
        assert_eq!(lines[1]["counted"], serde_json::json!([1, 0, 0, 0, 0, 0, 0]));
        assert!(text.contains("[0.1,0.0,5.0,6.0,0.7]"), "as short as it reads back: {text}");
        assert_eq!(
            (&lines[2]["fractured"][0], &lines[2]["assessment"]["verdict"]),
            (&0.into(), &"none_suspected".into())
        );
    }
}
