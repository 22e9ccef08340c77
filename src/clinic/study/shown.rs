//! A study as it is shown: its state in plain values and words. Pure.

use std::time::Duration;

use super::{Given, Study, is_suspected};
use crate::clinic::board::{Now, Rules};
use crate::clinic::view::{AckView, Certainty, StudyView};
use crate::clinic::words;
use crate::display::StudyName;
use crate::publish::FindingPayload;
use crate::triage::Revision;

impl Study {
    /// As it is shown.
    pub fn view(&self, id: &str, rules: &Rules, now: Now) -> StudyView {
        let told = &self.told;
        let age = self.age(now);
        let alarm = self.is_alarm();
        let has_image = self.image().is_some();
        StudyView {
            id: id.to_owned(),
            name: StudyName::new(&told.study_key, None).short(),
            site: told.site.clone(),
            device: told.device.clone(),
            event_id: self.event_id.clone(),
            group: self.group(),
            verdict: told.verdict.clone(),
            headline: words::headline(&told.verdict).to_owned(),
            levels: self.levels(),
            seen: told.coverage.levels_seen.clone(),
            scores: told.vertebrae.clone(),
            certainty: self.certainty(),
            was: self.was.clone().unwrap_or_default(),
            revision: told.revision,
            alarm,
            urgency: if alarm { self.urgency } else { 1 },
            sent_again: if alarm { self.sent_again } else { 0 },
            overdue: alarm && (age >= rules.overdue || self.sent_again > 0),
            age_secs: age.as_secs(),
            at_least: self.since.is_lower_bound(),
            why: told.why.clone(),
            slice_number: told.findings.first().and_then(|finding| finding.best_slice.instance_number),
            image: has_image.then(|| format!("/image/{id}?event={}", self.event_id)),
            fracture_box: told.findings.first().filter(|_| has_image).and_then(part_of_picture),
            findings: told.findings.iter().map(words::finding).collect(),
            coverage: words::coverage(told),
            missing: words::missing(told),
            timings: words::timings(told),
            models: told.models.iter().map(words::model).collect(),
            notices: words::notices(told),
            ack: self.ack_view(rules, now),
        }
    }

    fn certainty(&self) -> Certainty {
        match () {
            () if self.was.is_some() && !is_suspected(&self.told) => Certainty::Retracted,
            () if self.told.provisional => Certainty::Provisional,
            () if self.told.change == Revision::Revises => Certainty::Revised,
            () => Certainty::Final,
        }
    }

    fn ack_view(&self, rules: &Rules, now: Now) -> AckView {
        let current = (self.order.epoch, self.order.revision);
        let others: Vec<&Given> =
            self.heard.iter().filter(|given| given.revision.is_none_or(|revision| revision == current)).collect();
        let note_of = |by: &str| others.iter().rev().find(|given| given.by == by).and_then(|given| given.note.clone());
        let names = |but: &str| others.iter().map(|g| g.by.clone()).filter(|by| by != but).collect();
        let secs = |at: Duration| now.monotonic.saturating_sub(at).as_secs();
        if let Some((recorded, since)) = self.recorded.as_ref().filter(|_| self.is_acknowledged()) {
            let (by, age_secs) = (recorded.acknowledged_by.clone(), since.age(now.monotonic).as_secs());
            return AckView::Recorded { note: note_of(&by), others: names(&by), by, age_secs };
        }
        let waiting = self.sent.as_ref().filter(|sent| sent.revision == Some(current)).or(others.last().copied());
        match waiting {
            Some(given) if now.monotonic.saturating_sub(given.at) >= rules.unconfirmed => {
                AckView::Unconfirmed { by: given.by.clone(), note: given.note.clone(), age_secs: secs(given.at) }
            }
            Some(given) => AckView::Sent { by: given.by.clone(), note: given.note.clone(), age_secs: secs(given.at) },
            None => AckView::None,
        }
    }
}

/// The box as shares of the picture: left, top, width, height. The picture shows the whole matrix.
fn part_of_picture(finding: &FindingPayload) -> Option<[f32; 4]> {
    let [rows, columns] = finding.best_slice.matrix.map(f32::from);
    let b = finding.best_slice.fracture_box.filter(|_| rows > 0.0 && columns > 0.0)?;
    Some([b.x / columns, b.y / rows, b.width / columns, b.height / rows])
}
