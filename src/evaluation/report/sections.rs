//! The parts of the page that are words and tables. Pure.

use super::html::{Table, escaped, places, signed, span};
use super::{Content, Other, levels};
use crate::evaluation::{Beside, Figure, Group, StudyResult};
use crate::triage::Level;

/// Figures at a glance, with what the papers and the products on the market publish on real data.
const HEADLINE: [(&str, &str); 9] = [
    ("slices.macro_f1_with_vertebra", "0.96 (GCViT, arXiv 2311.05708)"),
    ("slices.exact_match_with_vertebra", "0.95 (GCViT)"),
    ("slices.coverage_error_with_vertebra", "1.26 (GCViT); least possible: the vertebrae that a slice shows"),
    ("boxes.map50", "0.960 (YOLOv8s)"),
    ("boxes.map50_95", "0.766 (YOLOv8m)"),
    ("studies.sensitivity", "0.903 (best product)"),
    ("studies.specificity", "0.919 (best product)"),
    ("studies.level_named_right", "0.973 (best product)"),
    ("studies.weighted_log_loss", "0.567 (a constant)"),
];

/// Name and value of what was evaluated.
pub(super) fn facts(content: &Content) -> String {
    let fact = |(name, value): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
    format!("<dl>{}</dl>\n", content.facts.iter().map(fact).collect::<String>())
}

/// The figures that decide.
pub(super) fn headline(content: &Content) -> String {
    let tile = |(key, published): &(&str, &str)| {
        let figure = content.figures.iter().find(|figure| figure.key == *key)?;
        let whose = if figure.group == Group::Studies { "studies: " } else { "" };
        Some(format!(
            "<div class=\"tile\"><span class=\"name\">{whose}{}</span><b>{}</b><span>95 %: {}</span><span>published: {}</span></div>\n",
            escaped(&figure.name),
            places(figure.value),
            span(figure.interval),
            escaped(published)
        ))
    };
    let tiles: String = HEADLINE.iter().filter_map(tile).collect();
    format!(
        "<div class=\"tiles\">{tiles}</div>\n<p class=\"soft\">“Published” figures are on real patients, these are not: they \
         say what others reached on their data, not that this is better or worse.</p>\n"
    )
}

/// Every figure, beside those of the other engine.
pub(super) fn figures(content: &Content) -> String {
    let caution = format!(
        "<p class=\"soft\">An interval without width, such as 1.000 to 1.000, says that no resample has an error, not that none \
         will come: after n studies without an error, up to 3/n of those to come may be wrong (95 %). There are {} studies here, {} of them \
         fractured.</p>\n",
        content.studies.len(),
        content.studies.iter().filter(|study| study.fractured.contains(&true)).count()
    );
    let measured = |group: &Group| content.figures.iter().any(|figure| figure.group == *group);
    let groups = Group::ALL.into_iter().filter(measured);
    caution + &groups.map(|group| table(content, group) + &levels::tables(content, group)).collect::<String>()
}

fn table(content: &Content, group: Group) -> String {
    let figures = content.figures.iter().filter(|figure| figure.group == group && levels::level(figure).is_none());
    let title = group.title();
    let Some(other) = content.other else {
        let mut table = Table::new(title, &["figure", "value", "95 % interval"]);
        figures.for_each(|figure| table.row(&figure.name, &[places(figure.value), span(figure.interval)]));
        return table.finish();
    };
    let header = ["figure", content.engine, "95 % interval", other.engine, "difference", "its 95 % interval"];
    let mut table = Table::new(title, &header);
    figures.for_each(|figure| table.row(&figure.name, &compared(figure, &other)));
    table.finish()
}

fn compared(figure: &Figure, other: &Other) -> [String; 5] {
    let beside: Option<&Beside> = other.figures.iter().find(|beside| beside.key == figure.key);
    let interval = beside.and_then(|beside| beside.interval);
    [
        places(figure.value),
        span(figure.interval),
        places(beside.and_then(|beside| beside.other)),
        beside.and_then(|beside| beside.difference).map_or_else(|| "–".into(), signed),
        interval.map_or_else(String::new, |[low, high]| format!("{} to {}", signed(low), signed(high))),
    ]
}

/// By level, difficulty and pattern.
pub(super) fn strata(content: &Content) -> String {
    let mut html = String::new();
    for by in ["level", "difficulty", "pattern"] {
        let mut rows = content.strata.iter().filter(|stratum| stratum.by == by).peekable();
        if rows.peek().is_none() {
            html += &format!("<p class=\"soft\">By {by}: the data set does not say, or has no fracture.</p>\n");
            continue;
        }
        let header = [by, "fractures", "study suspected", "95 % interval", "vertebra named", "95 % interval"];
        let mut table = Table::new(&format!("By {by}"), &header);
        for s in rows {
            let cells = [
                s.fractures.to_string(),
                places(s.suspected),
                span(s.suspected_interval),
                places(s.named),
                span(s.named_interval),
            ];
            table.row(&s.name, &cells);
        }
        html += &table.finish();
    }
    html
}

/// Studies of which a level is wrong.
pub(super) fn misjudged(content: &Content) -> String {
    let mut table =
        Table::new("Fractured vertebrae and named ones differ", &["study", "fractured", "named", "verdict"]);
    let mut any = false;
    for study in content.studies {
        let [fractured, named] = levels(study);
        if fractured != named {
            any = true;
            table.row(&study.study, &[fractured, named, study.assessment.verdict.name().replace('_', " ")]);
        }
    }
    if any { table.finish() } else { "<p>None.</p>\n".into() }
}

/// Fractured and named vertebrae in words.
fn levels(study: &StudyResult) -> [String; 2] {
    let named: Vec<Level> = study.assessment.levels().collect();
    let words = |wanted: &dyn Fn(&Level) -> bool| {
        let levels: Vec<&str> = Level::ALL.iter().filter(|level| wanted(level)).map(|level| level.name()).collect();
        if levels.is_empty() { "–".to_owned() } else { levels.join(" ") }
    };
    [words(&|level| study.fractured[*level as usize]), words(&|level| named.contains(level))]
}

/// How the figures come about.
pub(super) fn method(content: &Content) -> String {
    let cuts = content.cuts;
    format!(
        "<h2>How this was measured</h2>\n\
         <p>Every slice went through the device's own reader, networks and rule. Intervals: the middle 95 % over {} \
         resamples of the studies (seed {}), never of slices. Macro F1, exact match, coverage error, areas and average \
         precision as scikit-learn defines them; boxes as COCO does (IoU 0.50 to 0.95, 101 recall points); operating \
         point of the detector {:.2}. A slice shows several vertebrae or none; “with a vertebra” leaves those without out. \
         No coverage error is lower than the mean number of vertebrae in a slice; over all slices, one without any counts \
         0. The weighted log loss is that of the RSNA 2022 challenge: weights 14 and 7 for the patient (fractured and \
         not), 2 and 1 for each vertebra, divided by the sum of each study's weights; scores are clipped to 0.001 and \
         0.999, although they are not probabilities. Predictive value and alarms are those at a prevalence of 10 %. \
         Differences are drawn from the same studies on both sides. Expected calibration error: ten bins of equal \
         width.</p>\n",
        cuts.resamples, cuts.seed, cuts.point.score
    )
}
