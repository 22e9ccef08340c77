//! Figures, curves and the worst misses as one page that needs nothing else: no script, no address, light, dark and on paper.
//! Takes what was measured and a way to get at the pixels of a slice; hands on HTML, and never writes a file.

mod curves;
mod html;
mod matrices;
mod misses;
mod picture;
mod sections;
mod svg;

use html::escaped;
pub use misses::Miss;

use super::measured::Measured;
use super::{Beside, Cuts, Figure, Stratum, StudyResult};
use crate::dicom::Slice;
use curves::Pair;

/// Pictures of each kind of miss.
const PICTURES: usize = 9;

/// The same studies by other packages or another engine.
#[derive(Clone, Copy, Debug)]
pub struct Other<'a> {
    /// Name of the engine.
    pub engine: &'a str,
    /// What it said.
    pub studies: &'a [StudyResult],
    /// Figure by figure.
    pub figures: &'a [Beside],
}

/// Everything that stands on the page.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// What the figures are not: for the head of the page.
    pub notices: &'a [&'a str],
    /// Data set, packages, engine, as name and value.
    pub facts: &'a [(String, String)],
    /// Name of the engine.
    pub engine: &'a str,
    /// What the device said.
    pub studies: &'a [StudyResult],
    /// Where it counts as a yes.
    pub cuts: &'a Cuts,
    /// The figures.
    pub figures: &'a [Figure],
    /// By level, difficulty, pattern.
    pub strata: &'a [Stratum],
    /// To compare with.
    pub other: Option<Other<'a>>,
}

/// The page. `pixels` gives the slice of a miss, or `None` where it cannot be read any more.
pub fn page(content: &Content, pixels: &dyn Fn(&Miss) -> Option<Slice>) -> String {
    let once = vec![1; content.studies.len()];
    let ours = Measured::of(content.studies, &content.cuts.point);
    let other = content.other.map(|other| Measured::of(other.studies, &content.cuts.point));
    let pair = Pair { ours: &ours, other: other.as_ref(), once: &once };
    let parts: [(&str, &str, String); 8] = [
        ("headline", "At a glance", sections::headline(content)),
        ("figures", "All figures", sections::figures(content)),
        ("strata", "Which fractures are found", sections::strata(content)),
        ("matrices", "Confusion matrices", matrices::all(&ours, &once)),
        ("curves", "Curves", curves_of(&pair, content)),
        (
            "misses",
            "Worst misses",
            pictures(content, &misses::overlooked, "fracture without a box that counts", pixels),
        ),
        ("alarms", "Worst false alarms", pictures(content, &misses::false_alarms, "box where no fracture is", pixels)),
        ("studies", "Misjudged studies", sections::misjudged(content)),
    ];
    let contents: String = parts.iter().map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>\n")).collect();
    let body: String = parts
        .iter()
        .map(|(id, title, html)| format!("<section id=\"{id}\"><h2>{title}</h2>\n{html}</section>\n"))
        .collect();
    let notice = format!("<p class=\"notice\" role=\"note\">{}</p>\n", escaped(&content.notices.join(" ")));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Spinewatch: evaluation</title>\n<style>\n{style}</style></head>\n<body>\n\
         <header><h1>Evaluation of the packages</h1>\n{notice}{facts}<nav>{contents}</nav></header>\n\
         <main>\n{body}</main>\n<footer>{method}{notice}</footer>\n</body></html>\n",
        style = include_str!("style.css"),
        facts = sections::facts(content),
        method = sections::method(content),
    )
}

fn curves_of(pair: &Pair, content: &Content) -> String {
    let other = content.other.map(|other| format!("<i class=\"other\"></i>{}", escaped(other.engine)));
    let key = format!("<p class=\"key\"><i></i>{}{}</p>\n", escaped(content.engine), other.unwrap_or_default());
    let section = |(title, charts): (&str, Vec<String>)| {
        format!("<h3>{title}</h3>\n<div class=\"charts\">{}</div>\n", charts.concat())
    };
    key + &curves::sections(pair).into_iter().map(section).collect::<String>()
}

/// From results, a score and the most that are wanted.
type Choose<'a> = dyn Fn(&[StudyResult], f32, usize) -> Vec<Miss> + 'a;

fn pictures(content: &Content, choose: &Choose, what: &str, pixels: &dyn Fn(&Miss) -> Option<Slice>) -> String {
    let score = content.cuts.point.score;
    let misses = choose(content.studies, score, PICTURES);
    if misses.is_empty() {
        return format!("<p>No {what} at the operating point.</p>\n");
    }
    let figure = |miss: &Miss| {
        let drawn = pixels(miss).and_then(|slice| picture::draw(&slice, miss, score).ok());
        let picture = drawn.unwrap_or_else(|| "<p>The slice cannot be read any more.</p>".into());
        let study = content.studies.get(miss.study).map_or("", |study| &study.study);
        format!(
            "<figure>{picture}<figcaption><b>{}</b><br>verdict of the study: {}; slice {} of {}</figcaption></figure>\n",
            escaped(&miss.what),
            escaped(&miss.verdict.replace('_', " ")),
            miss.slice,
            escaped(study)
        )
    };
    let intro = format!(
        "<p class=\"soft\">At most one slice a study, {PICTURES} at most, in the bone window. Dashed green: the fracture. Full amber: \
         boxes from the operating point ({score:.2}) on, with their score. Thin amber: fainter ones, which do not count.</p>\n"
    );
    format!("{intro}<div class=\"slices\">{}</div>\n", misses.iter().map(figure).collect::<String>())
}
