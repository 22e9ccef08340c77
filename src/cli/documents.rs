//! The documents of a run that keeps nothing: what `spinewatch analyze --results` writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;

use crate::appliance::desk::Statement;
use crate::appliance::{Outcome, stage_timings};
use crate::config::ResultFormat;
use crate::publish::{ModelTag, Timings, Topics, VerdictContext, over_series, rfc3339, told_in_full};
use crate::results::{Folder, StudyResult, document, file_name};
use crate::store::{NextRevision, SeriesAssessment};
use crate::triage::Assessment;

/// Writes every study's documents; hands back their names.
///
/// # Errors
/// When a document cannot be made or the folder cannot be written.
pub fn write(
    outcome: &Outcome,
    models: &[ModelTag],
    dir: &Path,
    formats: &BTreeSet<ResultFormat>,
) -> anyhow::Result<Vec<String>> {
    let folder = Folder::new(dir.to_owned());
    let mut names = Vec::new();
    for result in results(outcome, models)? {
        for format in formats {
            let name = file_name(&result.told.event_id, *format);
            let bytes = document(&result, *format).with_context(|| format!("cannot make {name}"))?;
            let Some(bytes) = bytes else { continue };
            folder.write(&name, &bytes).with_context(|| format!("cannot write {}", dir.join(&name).display()))?;
            names.push(name);
        }
    }
    Ok(names)
}

fn results(outcome: &Outcome, models: &[ModelTag]) -> anyhow::Result<Vec<StudyResult>> {
    let topics = Topics::new("offline", "analyze")?;
    let mut studies: BTreeMap<&str, Vec<&Statement>> = BTreeMap::new();
    for statement in outcome.statements.values() {
        studies.entry(&statement.study_key).or_default().push(statement);
    }
    Ok(studies.into_iter().filter_map(|(key, said)| result(outcome, models, &topics, key, &said)).collect())
}

fn result(
    outcome: &Outcome,
    models: &[ModelTag],
    topics: &Topics,
    study_key: &str,
    said: &[&Statement],
) -> Option<StudyResult> {
    let series = said.iter().map(|statement| SeriesAssessment {
        series_key: statement.series_key.clone(),
        assessment: statement.assessment.clone(),
    });
    let next = NextRevision {
        study_key: study_key.to_owned(),
        revision: 1,
        event_id: format!("{study_key}-1"),
        previous: None,
        series: series.collect(),
        alert: None,
    };
    let assessment = over_series(&next.series)?;
    let context = context(outcome, models, study_key, &said[0].stages);
    let told = told_in_full(&next, &assessment, topics, &context)?;
    let slices = assessment.findings.iter().filter_map(|f| outcome.uids.slices.get(&f.best_slice.slice_key));
    Some(StudyResult {
        told,
        at: context.at,
        sources: slices.cloned().collect(),
        picture: picture(outcome, &assessment),
        has_predecessor: false,
    })
}

fn picture(outcome: &Outcome, assessment: &Assessment) -> Option<crate::publish::KeyImage> {
    let best = &assessment.findings.first()?.best_slice.slice_key;
    outcome.pictures.values().find(|image| &image.slice_key == best).cloned()
}

/// The clock of a workstation is taken as it is.
fn context(
    outcome: &Outcome,
    models: &[ModelTag],
    study_key: &str,
    stages: &crate::appliance::StageTimes,
) -> VerdictContext {
    let at = Timestamp::now();
    VerdictContext {
        at,
        clock_trusted: true,
        study_instance_uid: outcome.uids.studies.get(study_key).cloned(),
        unreadable: BTreeMap::new(),
        timings: Timings { decided_at: rfc3339(at), stages: stage_timings(stages), ..Timings::default() },
        models: models.to_vec(),
        key_image: None,
    }
}
