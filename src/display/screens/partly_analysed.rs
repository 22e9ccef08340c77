//! "Partly analysed": what is missing, and what to do.

use crate::display::chrome::Sheet;
use crate::display::icon::Icon;
use crate::display::spine::{self, marks};
use crate::display::{StudyReport, Turn};
use crate::triage::{Level, Missing};

/// Lays the screen out.
pub fn lay_out(sheet: &mut Sheet<'_>, report: &StudyReport, turn: Turn) {
    sheet.banner("PARTLY ANALYSED", Icon::Half);
    let column = sheet.spine_column();
    spine::draw(&mut sheet.scene, column, marks(&report.assessment.coverage.levels_seen, &[], true));
    super::study_line(sheet, report, turn);
    super::action_card(sheet, "Read the study. Send the rest again.");
    super::reason(sheet, &missing_words(&report.assessment.missing));
}

/// Sentences that fit on the smallest panel; the wire has all of them.
const SENTENCES: usize = 3;

/// What is missing, in sentences; what does not fit is counted.
pub fn missing_words(missing: &[Missing]) -> String {
    let mut words: Vec<String> = missing.iter().take(SENTENCES).map(sentence).collect();
    if missing.len() > SENTENCES {
        words.push(format!("+{} more.", missing.len() - SENTENCES));
    }
    words.join(" ")
}

fn sentence(missing: &Missing) -> String {
    match missing {
        Missing::Levels { levels } => format!("{} not seen.", ranges(levels)),
        Missing::Slices { gap } => format!("Gap of {:.1} mm, {} slices.", gap.extent_mm(), gap.missing_slices),
        Missing::Count { expected, arrived } => format!("{arrived} of {expected} slices came."),
        Missing::Unreadable { slices: 1 } => "1 slice unreadable.".to_owned(),
        Missing::Unreadable { slices } => format!("{slices} slices unreadable."),
        Missing::Receiving => "Slices still arrive.".to_owned(),
        Missing::TimeLimit => "The series did not end in time.".to_owned(),
        Missing::Detector { reason } => format!("No fracture search: {}.", reason.trim_end_matches('.')),
    }
}

/// `C3, C6 to C7`
fn ranges(levels: &[Level]) -> String {
    let mut runs: Vec<(Level, Level)> = Vec::new();
    for level in Level::ALL.into_iter().filter(|l| levels.contains(l)) {
        match runs.last_mut() {
            Some((_, last)) if *last as usize + 1 == level as usize => *last = level,
            _ => runs.push((level, level)),
        }
    }
    let words = |(from, to): &(Level, Level)| {
        if from == to { from.name().to_owned() } else { format!("{} to {}", from.name(), to.name()) }
    };
    runs.iter().map(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Gap;

    #[test]
    fn everything_that_is_missing_is_said() {
        let missing = [
            Missing::Levels { levels: vec![Level::C7, Level::C3, Level::C6] },
            Missing::Slices { gap: Gap { from_mm: 10.0, to_mm: -2.5, missing_slices: 5 } },
            Missing::Unreadable { slices: 1 },
        ];
        assert_eq!(missing_words(&missing), "C3, C6 to C7 not seen. Gap of 12.5 mm, 5 slices. 1 slice unreadable.");
    }
}
