//! Figures, curves and the worst misses as one page that needs nothing else: no script, no address, light, dark and on paper.
//! Takes what was measured and a way to get at the pixels of a slice; hands on HTML, and never writes a file.

mod curves;
mod html;
mod levels;
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
         <title>Spinewatch: evaluation</title>\n<style>\n{style}{paper}</style></head>\n<body>\n\
         <header><h1>Evaluation of the packages</h1>\n{notice}{facts}<nav>{contents}</nav></header>\n\
         <main>\n{body}</main>\n<footer>{method}{notice}</footer>\n</body></html>\n",
        style = include_str!("style.css"),
        paper = on_paper(content.notices),
        facts = sections::facts(content),
        method = sections::method(content),
    )
}

/// The notice at the foot of every sheet.
fn on_paper(notices: &[&str]) -> String {
    let plain = |letter: &char| letter.is_alphanumeric() || " .,:;-".contains(*letter);
    let words: String = notices.join(" ").chars().filter(plain).collect();
    format!("@page {{ margin: 14mm; @bottom-center {{ content: \"{words}\"; font: 8pt sans-serif; }} }}\n")
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::figures::tests::study;
    use super::super::{FractureOpinion, SliceResult, TrueBox, TrueFracture, beside, figures, strata};
    use super::*;
    use crate::phantom::dicom_writer::encode;
    use crate::phantom::{Habits, Study, StudySpec};
    use crate::triage::synthetic::OPERATING_POINT;
    use crate::triage::{FractureBox, Level};

    const EVIL: &str = "<script>alert('\"&1')</script>";

    fn phantom_slice() -> Slice {
        let study = Study::generate(&StudySpec { matrix: 64, ..StudySpec::new(1) });
        let bytes = encode(&study, 0, &study.render(0).hounsfield, &Habits::research(1)).unwrap();
        crate::dicom::read(&bytes, &crate::dicom::Limits::default()).unwrap().remove(0)
    }

    /// The page of one study with a name that would like to be markup; `pictures`: its slices can be read.
    fn page_of(pictures: bool, float32: bool) -> String {
        let slice = SliceResult {
            number: 3,
            visible: Some([false, false, false, false, true, false, false]),
            vertebrae: [0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1],
            counted: [false; 7],
            true_boxes: vec![TrueBox { x: 10.0, y: 10.0, width: 20.0, height: 20.0 }],
            boxes: vec![FractureBox { x: 30.0, y: 40.0, width: 9.0, height: 9.0, score: 0.9 }],
            opinion: Some(FractureOpinion { probabilities: [0.2; 7], said: [false; 7] }),
        };
        let mut broken = study([false, false, false, false, true, false, false], vec![slice]);
        broken.study = EVIL.into();
        broken.fractures = vec![TrueFracture { level: Level::C5, kind: EVIL.into(), difficulty: 0.3 }];
        let studies = [broken, study([false; 7], vec![])];
        let cuts = Cuts { point: OPERATING_POINT, resamples: 10, seed: 1 };
        let (figures, strata, others) =
            (figures(&studies, &cuts), strata(&studies, &cuts), beside(&studies, &studies, &cuts));
        let content = Content {
            notices: &["Phantom, not patients.", EVIL],
            facts: &[("data set".into(), EVIL.into())],
            engine: EVIL,
            studies: &studies,
            cuts: &cuts,
            figures: &figures,
            strata: &strata,
            other: float32.then_some(Other { engine: EVIL, studies: &studies, figures: &others }),
        };
        page(&content, &|_| pictures.then(phantom_slice))
    }

    #[test]
    fn nothing_from_the_data_set_becomes_markup() {
        for float32 in [false, true] {
            let page = page_of(false, float32);
            assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "escaped, not dropped");
        }
    }

    #[test]
    fn a_page_needs_nothing_else() {
        let page = page_of(true, true);
        for address in ["http:", "https:", "src=", "@import", "url(", "<link"] {
            assert!(!page.contains(address), "{address}");
        }
        assert!(page.contains("href=\"data:image/png;base64,iVBOR"), "pictures are in the page");
    }

    #[test]
    fn a_page_has_its_notice_first_and_last_and_every_part() {
        let page = page_of(false, false);
        assert_eq!(page.matches("class=\"notice\"").count(), 2);
        let parts = ["headline", "figures", "strata", "matrices", "curves", "misses", "alarms", "studies"];
        assert!(
            parts.iter().all(|part| page.contains(&format!("id=\"{part}\"")) && page.contains(&format!("#{part}")))
        );
        assert!(page.contains("cannot be read any more"), "a slice that is gone is said to be gone");
        assert!(page.contains("Fracture classifier: receiver") && page.contains("said by the fracture classifier"));
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert_eq!(page.matches("<table").count(), page.matches("</table>").count());
    }
}
