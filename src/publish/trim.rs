//! The size guard: a payload of any assessment in, at most [`MAX_PAYLOAD`] bytes of JSON out. Pure.
//!
//! A payload that is too long is cut step by step, the least needed first, and says `truncated: true`. What is never
//! cut: event id, verdict, priority, the findings with level, score and best slice, the counts.

use super::events::json;
use super::payload::TriagePayload;
use crate::triage::Missing;

/// Longest payload in bytes.
pub const MAX_PAYLOAD: usize = 4096;

/// Longest text, in characters, once texts are cut.
const SHORT_TEXT: usize = 80;

/// What is cut, in this order, each on top of those before it.
const STEPS: [fn(&mut TriagePayload); 6] = [
    |payload| cut_gaps(payload, 8),
    |payload| {
        cut_gaps(payload, 3);
        payload.coverage.unreadable = std::mem::take(&mut payload.coverage.unreadable).into_iter().take(4).collect();
    },
    |payload| payload.timings.stages.truncate(5),
    |payload| payload.findings.iter_mut().skip(3).for_each(|finding| finding.best_slice.fracture_box = None),
    cut_texts,
    |payload| {
        cut_gaps(payload, 0);
        payload.coverage.unreadable.clear();
        payload.timings.stages.clear();
        payload.models.truncate(2);
        payload.missing.truncate(8);
        payload.findings.iter_mut().for_each(|finding| finding.best_slice.fracture_box = None);
    },
];

/// The JSON of `payload`, cut as far as needed.
pub fn fit(mut payload: TriagePayload) -> Vec<u8> {
    let mut bytes = json(&payload);
    for step in STEPS {
        if bytes.len() <= MAX_PAYLOAD {
            break;
        }
        step(&mut payload);
        payload.truncated = true;
        bytes = json(&payload);
    }
    bytes
}

/// Keeps the `most` widest gaps, from head to foot, in both lists that name them.
fn cut_gaps(payload: &mut TriagePayload, most: usize) {
    let gaps = &mut payload.coverage.gaps;
    gaps.sort_by(|a, b| b.extent_mm.total_cmp(&a.extent_mm));
    gaps.truncate(most);
    gaps.sort_by(|a, b| b.from_mm.total_cmp(&a.from_mm));
    let gaps = &payload.coverage.gaps;
    payload.missing.retain(|missing| match missing {
        Missing::Slices { gap } => gaps.iter().any(|kept| kept.from_mm.total_cmp(&gap.from_mm).is_eq()),
        _ => true,
    });
}

fn cut_texts(payload: &mut TriagePayload) {
    payload.why.iter_mut().for_each(shorten);
    for missing in &mut payload.missing {
        if let Missing::Detector { reason } = missing {
            shorten(reason);
        }
    }
    for model in &mut payload.models {
        shorten(&mut model.name);
        shorten(&mut model.version);
        shorten(&mut model.digest);
    }
    payload.timings.stages.iter_mut().for_each(|stage| shorten(&mut stage.stage));
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(SHORT_TEXT) {
        text.truncate(end);
        text.push('…');
    }
}
