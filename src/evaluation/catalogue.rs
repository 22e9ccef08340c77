//! Every figure with its key and name, in the order in which a report shows them. Pure.
//!
//! A key never changes its meaning: programs go by it.

use super::figures::Group;
use super::measured::Measured;
use super::reliability::calibration_error;
use super::studies::Drawn;
use super::vertebrae::Counts;
use crate::triage::Level;

/// What a figure is called.
pub(super) struct Name {
    pub group: Group,
    /// For machines.
    pub key: String,
    /// As the field has it.
    pub name: String,
}

/// From what was measured, and how often each study was drawn, to a figure.
type Of<'a> = dyn Fn(&Measured, &[u32]) -> Option<f64> + Sync + 'a;
/// Takes each figure.
type Visit<'a> = dyn FnMut(Name, &Of) + 'a;

/// Visits every figure.
pub(super) fn each(visit: &mut Visit) {
    slices(visit);
    for level in Level::ALL {
        slices_of_level(visit, level);
    }
    fractured_slices(visit);
    for level in Level::ALL {
        fractured_slices_of_level(visit, level);
    }
    boxes(visit);
    images(visit);
    studies(visit);
    for level in Level::ALL {
        studies_of_level(visit, level);
    }
}

fn add(visit: &mut Visit, group: Group, key: &str, name: &str, of: &Of) {
    let part = match group {
        Group::Slices => "slices",
        Group::FractureSlices => "fracture_slices",
        Group::Boxes => "boxes",
        Group::Images => "images",
        Group::Studies => "studies",
    };
    visit(Name { group, key: format!("{part}.{key}"), name: name.to_owned() }, of);
}

fn slices(visit: &mut Visit) {
    let mut add = |key: &str, name: &str, of: &Of| add(visit, Group::Slices, key, name, of);
    let all = |of: fn(&Counts) -> Option<f64>| move |m: &Measured, drawn: &[u32]| of(&m.counts(drawn));
    let shown = |of: fn(&Counts) -> Option<f64>| move |m: &Measured, drawn: &[u32]| of(&m.said.shown(drawn));
    add("macro_f1", "macro F1", &all(Counts::macro_f1));
    add("macro_f1_with_vertebra", "macro F1, slices with a vertebra", &shown(Counts::macro_f1));
    add("exact_match", "exact match ratio", &all(Counts::exact_match));
    add("exact_match_with_vertebra", "exact match ratio, slices with a vertebra", &shown(Counts::exact_match));
    add("exact_match_within", "exact match ratio, four slices or more from a vertebra's end", &|m, drawn| {
        m.said.within(drawn).exact_match()
    });
    let along_neck = |of: fn(&Counts) -> Option<f64>| move |m: &Measured, drawn: &[u32]| of(&m.counted.shown(drawn));
    add(
        "counted_macro_f1_with_vertebra",
        "macro F1 as counted along the neck, slices with a vertebra",
        &along_neck(Counts::macro_f1),
    );
    add(
        "counted_exact_match_with_vertebra",
        "exact match ratio as counted along the neck, slices with a vertebra",
        &along_neck(Counts::exact_match),
    );
    add(
        "counted_exact_match_within",
        "exact match ratio as counted along the neck, four slices or more from a vertebra's end",
        &|m, drawn| m.counted.within(drawn).exact_match(),
    );
    add("coverage_error", "coverage error", &all(Counts::coverage_error));
    add("coverage_error_with_vertebra", "coverage error, slices with a vertebra", &shown(Counts::coverage_error));
    add("coverage_error_least", "least coverage error there can be", &all(Counts::least_coverage_error));
    add(
        "coverage_error_least_with_vertebra",
        "least there can be, slices with a vertebra",
        &shown(Counts::least_coverage_error),
    );
    add("macro_auc", "mean area under the ROC", &|m, drawn| Measured::mean(&m.levels, |level| level.area(drawn)));
    add("macro_average_precision", "mean average precision", &|m, drawn| {
        Measured::mean(&m.levels, |level| level.average_precision(drawn))
    });
    add("calibration_error", "expected calibration error", &|m, drawn| calibration_error(&m.all_levels, drawn));
}

fn slices_of_level(visit: &mut Visit, level: Level) {
    let (i, level) = (level as usize, level.name());
    let mut add = |key: &str, name: &str, of: &Of| {
        add(visit, Group::Slices, &format!("{}.{key}", level.to_lowercase()), &format!("{name} {level}"), of);
    };
    add("f1", "F1", &|m, drawn| {
        let counts = m.counts(drawn);
        (counts.slices > 0).then(|| counts.f1(i))
    });
    add("precision", "precision", &|m, drawn| m.counts(drawn).precision(i));
    add("sensitivity", "sensitivity (recall)", &|m, drawn| m.counts(drawn).sensitivity(i));
    add("specificity", "specificity", &|m, drawn| m.counts(drawn).specificity(i));
    add("accuracy", "accuracy", &|m, drawn| m.counts(drawn).accuracy(i));
    add("auc", "area under the ROC", &|m, drawn| m.levels[i].area(drawn));
    add("average_precision", "average precision", &|m, drawn| m.levels[i].average_precision(drawn));
}

fn fractured_slices(visit: &mut Visit) {
    let mut add = |key: &str, name: &str, of: &Of| add(visit, Group::FractureSlices, key, name, of);
    add("macro_f1", "macro F1 of a fracture", &|m, drawn| m.fractured(drawn).macro_f1());
    add("accuracy", "accuracy of a fracture, mean of the vertebrae", &|m, drawn| m.fractured(drawn).mean_accuracy());
    add("macro_auc", "mean area under the ROC of a fracture", &|m, drawn| {
        Measured::mean(&m.fractured_levels, |level| level.area(drawn))
    });
}

fn fractured_slices_of_level(visit: &mut Visit, level: Level) {
    let (i, level) = (level as usize, level.name());
    let mut add = |key: &str, name: &str, of: &Of| {
        let key = format!("{}.{key}", level.to_lowercase());
        add(visit, Group::FractureSlices, &key, &format!("{name}, fracture of {level}"), of);
    };
    add("sensitivity", "sensitivity", &|m, drawn| m.fractured(drawn).sensitivity(i));
    add("specificity", "specificity", &|m, drawn| m.fractured(drawn).specificity(i));
    add("f1", "F1", &|m, drawn| {
        let counts = m.fractured(drawn);
        (counts.slices > 0).then(|| counts.f1(i))
    });
    add("accuracy", "accuracy", &|m, drawn| m.fractured(drawn).accuracy(i));
    add("auc", "area under the ROC", &|m, drawn| m.fractured_levels[i].area(drawn));
}

fn boxes(visit: &mut Visit) {
    let mut add = |key: &str, name: &str, of: &Of| add(visit, Group::Boxes, key, name, of);
    add("map50", "mAP50", &|m, drawn| m.boxes.map50(drawn));
    add("map50_95", "mAP50-95", &|m, drawn| m.boxes.map50_95(drawn));
    add("map50_fractured", "mAP50, slices with a fracture", &|m, drawn| m.boxes_fractured.map50(drawn));
    add("map50_95_fractured", "mAP50-95, slices with a fracture", &|m, drawn| m.boxes_fractured.map50_95(drawn));
    add("precision", "precision at IoU 0.5", &|m, drawn| m.boxes.precision(drawn, m.score));
    add("recall", "recall at IoU 0.5", &|m, drawn| m.boxes.recall(drawn, m.score));
    add("calibration_error", "expected calibration error of the boxes", &|m, drawn| {
        calibration_error(&m.box_scores, drawn)
    });
}

fn images(visit: &mut Visit) {
    let mut add = |key: &str, name: &str, of: &Of| add(visit, Group::Images, key, name, of);
    add("sensitivity", "images with a fracture that have a box", &|m, drawn| m.images(drawn).sensitivity());
    add("specificity", "images without a fracture that have none", &|m, drawn| m.images(drawn).specificity());
    add("precision", "images with a box that have a fracture", &|m, drawn| m.images(drawn).precision());
    add("accuracy", "images judged right", &|m, drawn| m.images(drawn).accuracy());
    add("auc", "area under the ROC, images", &|m, drawn| m.image_scores.area(drawn));
}

fn studies(visit: &mut Visit) {
    let mut add = |key: &str, name: &str, of: &Of| add(visit, Group::Studies, key, name, of);
    let site = |of: fn(&Drawn) -> Option<f64>| move |m: &Measured, drawn: &[u32]| of(&m.studies(drawn));
    add("sensitivity", "sensitivity", &site(|drawn| drawn.sensitivity()));
    add("specificity", "specificity", &site(|drawn| drawn.specificity()));
    add("judged", "studies with a verdict on the whole neck", &site(|drawn| drawn.judged()));
    add(
        "ppv_at_10_percent",
        "positive predictive value at a prevalence of 10 %",
        &site(|drawn| drawn.predictive_value()),
    );
    add("alarms_per_100", "alarms per 100 studies at a prevalence of 10 %", &site(|drawn| drawn.alarms_per_100()));
    add("auc", "area under the ROC, studies", &|m, drawn| m.study_scores.area(drawn));
    add("average_precision", "average precision, studies", &|m, drawn| m.study_scores.average_precision(drawn));
    add("level_named_right", "true alarms whose first level is fractured", &site(|drawn| drawn.level_named_right()));
    add("level_precision", "named vertebrae that are fractured", &site(|drawn| drawn.level_precision()));
    add("level_recall", "fractured vertebrae that are named", &site(|drawn| drawn.level_recall()));
    add("level_accuracy", "vertebrae judged right", &site(|drawn| drawn.level_accuracy()));
    add("all_levels_right", "studies with all levels right", &site(|drawn| drawn.all_levels_right()));
    add("weighted_log_loss", "weighted log loss, scores clipped to 0.001", &site(|drawn| drawn.log_loss()));
    add("calibration_error", "expected calibration error of the studies", &|m, drawn| {
        calibration_error(&m.study_scores, drawn)
    });
}

fn studies_of_level(visit: &mut Visit, level: Level) {
    let (i, level) = (level as usize, level.name());
    let mut add = |key: &str, name: &str, of: &Of| {
        let key = format!("{}.{key}", level.to_lowercase());
        add(visit, Group::Studies, &key, &format!("fracture of {level}: {name}"), of);
    };
    add("sensitivity", "sensitivity", &|m, drawn| m.studies(drawn).level_sensitivity(i));
    add("specificity", "specificity", &|m, drawn| m.studies(drawn).level_specificity(i));
    add("auc", "area under the ROC", &|m, drawn| m.study_levels[i].area(drawn));
}
