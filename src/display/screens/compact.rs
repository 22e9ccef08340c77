//! The layout of 128 x 64: one bit a pixel, or few pixels in colour (a terminal). Main word, three lines, a lamp, a strip.
//!
//! A flash swaps the ink and the paper of the main word; the word never goes away.

use std::time::Duration;

use super::partly_analysed::missing_words;
use crate::display::alarm::{Alarm, BLACK, Pair, WHITE};
use crate::display::area::{Area, index};
use crate::display::report::span;
use crate::display::scene::Scene;
use crate::display::spine::{Mark, marks};
use crate::display::state::{Outcome, spoken};
use crate::display::text::{Face, Setting, width, wrapped};
use crate::display::{Delivery, DeviceState, Panel, Progress, Screen, StudyReport, Turn, Words};

const ON_BLACK: Pair = Pair { ink: WHITE, paper: BLACK };

/// Lays a screen out.
pub fn compose(panel: Panel, screen: &Screen<'_>, state: &DeviceState, now: Duration) -> Scene {
    let mut scene = Scene::default();
    let mut area = Area::of(panel.size);
    scene.fill(area, BLACK);
    let alarm = screen.alarm();
    let pair = if panel.mono { mono_pair(alarm, now) } else { alarm.pair(now) };
    let head = area.cut_top(21);
    scene.fill(head, pair.paper);
    largest(&mut scene, main_word(screen), head, pair);
    strip(&mut scene, area.cut_bottom(9), state, now);
    lamps(&mut scene, area.cut_right(7), alarm, if panel.mono { WHITE } else { alarm.pair(Duration::ZERO).paper });
    if let Some(marks) = levels(screen) {
        spine(&mut scene, area.cut_left(13), marks);
    }
    let mut body = area.inset(1, 1);
    if let Screen::Suspected { report, .. } = screen {
        let names = report.suspected_levels().iter().map(|l| l.name()).collect::<Vec<_>>().join(" ");
        largest(&mut scene, &names, body.cut_top(15), ON_BLACK);
    }
    paged(&mut scene, &lines(screen, now), body, now);
    scene
}

/// Paragraphs are wrapped; what does not fit at once takes turns page by page, so that nothing is cut off.
fn paged(scene: &mut Scene, paragraphs: &[String], area: Area, now: Duration) {
    let pages = |face: Face| paginate(paragraphs, face, area);
    let (large, small) = (pages(Face::Pixel6), pages(Face::Pixel5));
    let (face, pages) = if large.len() <= 1 { (Face::Pixel6, large) } else { (Face::Pixel5, small) };
    let page = usize::try_from(now.as_secs() / PAGE.as_secs()).unwrap_or(0) % pages.len().max(1);
    let rows = area.rows(i32::try_from(rows_of(face, area)).unwrap_or(1), 0);
    for (line, row) in pages.get(page).into_iter().flatten().zip(rows) {
        scene.moving_text(line, row, Setting::line(face, 1.0), ON_BLACK);
    }
}

/// How many rows of a face fit.
fn rows_of(face: Face, area: Area) -> usize {
    index(area.height / face.height()).max(1)
}

/// Wrapped paragraphs on as many pages as they need; a paragraph begins on the page where it fits whole.
fn paginate(paragraphs: &[String], face: Face, area: Area) -> Vec<Vec<String>> {
    let room = rows_of(face, area);
    let mut pages: Vec<Vec<String>> = Vec::new();
    for paragraph in paragraphs {
        let lines = wrapped(paragraph, face, area.width);
        for (i, line) in lines.iter().enumerate() {
            let needed = if i == 0 { lines.len().min(room) } else { 1 };
            match pages.last_mut() {
                Some(page) if page.len() + needed <= room => page.push(line.clone()),
                _ => pages.push(vec![line.clone()]),
            }
        }
    }
    pages
}

/// How long a page stands.
const PAGE: Duration = Duration::from_secs(3);

/// White on black without an alarm; black on white with one, swapped by a flash.
const fn mono_pair(alarm: Alarm, now: Duration) -> Pair {
    if matches!(alarm, Alarm::None) || !alarm.lit(now) { ON_BLACK } else { Pair { ink: BLACK, paper: WHITE } }
}

fn main_word(screen: &Screen<'_>) -> &'static str {
    match screen {
        Screen::Suspected { .. } => "SUSPECTED",
        Screen::StartupFailed { .. } => "START FAILED",
        Screen::Stale { .. } => "STALE",
        Screen::Service { .. } => "SERVICE",
        Screen::Degraded { faults } => faults.first().map_or("DEGRADED", |f| f.headline()),
        Screen::NotAnalysed { .. } => "NOT ANALYSED",
        Screen::PartlyAnalysed { .. } => "PARTLY ANALYSED",
        Screen::Updating { .. } => "UPDATING",
        Screen::Starting { .. } => "SELF-TEST",
        Screen::Receiving { .. } => "ANALYSING",
        Screen::NoneSuspected { .. } => "NONE SUSPECTED",
        Screen::Idle { .. } => "WAITING",
    }
}

/// In the largest pixel font in which the word fits.
fn largest(scene: &mut Scene, word: &str, area: Area, pair: Pair) {
    let faces = [Face::Pixel10, Face::Pixel9, Face::Pixel7, Face::Pixel6];
    let fits =
        |f: &Face| width(word, *f, 1.0) <= area.width && rows_of(*f, area) * index(f.height()) <= index(area.height);
    let face = faces.into_iter().find(fits).unwrap_or(Face::Pixel5);
    scene.text(word, area, Setting::line(face, 1.0).centred(), pair);
}

fn levels(screen: &Screen<'_>) -> Option<[Mark; 7]> {
    match screen {
        Screen::Suspected { report, .. } | Screen::PartlyAnalysed { report, .. } => {
            let ended = !report.assessment.provisional;
            Some(marks(&report.assessment.coverage.levels_seen, &report.suspected_levels(), ended))
        }
        Screen::Receiving { progress, .. } => Some(marks(&progress.levels_seen, &[], false)),
        _ => None,
    }
}

/// Seven blocks: seen ones are filled, suspected ones reach out to the right, missing and awaited ones are dots.
fn spine(scene: &mut Scene, area: Area, marks: [Mark; 7]) {
    let column = area.inset(2, 1);
    for (mark, y) in marks.into_iter().zip((column.y..).step_by(5)) {
        let block = match mark {
            Mark::Seen => Area::new(column.x, y, 5, 3),
            Mark::Suspected => Area::new(column.x, y, 9, 3),
            Mark::Awaited | Mark::Missing => Area::new(column.x + 2, y + 1, 1, 1),
        };
        scene.fill(block, WHITE);
    }
}

/// One of three boxes is filled; which one tells the priority.
fn lamps(scene: &mut Scene, area: Area, alarm: Alarm, colour: embedded_graphics::pixelcolor::Rgb888) {
    let lit = match alarm {
        Alarm::High | Alarm::HighSeen => 0,
        Alarm::Medium | Alarm::MediumSeen => 1,
        Alarm::Low => 2,
        Alarm::None => 3,
    };
    for (i, slot) in area.inset(1, 2).rows(3, 2).into_iter().enumerate() {
        if i == lit {
            scene.fill(slot, colour);
        } else {
            scene.fill(Area::new(slot.x + 2, slot.y + slot.height / 2, 1, 1), WHITE);
        }
    }
}

/// The mark that moves, the time of day, the faults.
fn strip(scene: &mut Scene, mut area: Area, state: &DeviceState, now: Duration) {
    let mark = area.cut_left(8);
    let step = i32::try_from(now.as_secs() % 4).unwrap_or(0);
    let (dx, dy) = [(0, 0), (4, 0), (4, 4), (0, 4)][index(step)];
    scene.fill(Area::new(mark.x + dx, mark.y + 1 + dy, 3, 3), WHITE);
    let clock = state.clock(now).map_or("--:--".to_owned(), |t| format!("{:02}:{:02}", t.hour(), t.minute()));
    let setting = Setting::line(Face::Pixel5, 1.0);
    scene.moving_text(&clock, area.cut_left(30), setting, ON_BLACK);
    let faults = state.faults();
    let words = match faults {
        _ if now < state.sound_paused_until => "SOUND OFF".to_owned(),
        [] => String::new(),
        [one] => one.chip().to_owned(),
        [first, others @ ..] => format!("{} +{}", first.chip(), others.len()),
    };
    if !words.is_empty() {
        scene.text(&words, area, setting.right(), ON_BLACK);
    }
}

fn lines(screen: &Screen<'_>, now: Duration) -> Vec<String> {
    let three = |a: String, b: &str, c: &str| vec![a, b.to_owned(), c.to_owned()];
    match *screen {
        Screen::Suspected { report, turn } => alert_lines(report, turn, now),
        Screen::StartupFailed { reason } => vec![reason.as_str().to_owned(), "call service".to_owned()],
        Screen::Stale { silent_for } => {
            three(format!("no news for {}", span(silent_for)), "read every study", "call service")
        }
        Screen::Service { facts } => facts.rows().iter().map(|row| format!("{}: {}", row.label, row.value)).collect(),
        Screen::Degraded { faults } => faults.first().map_or(Vec::new(), |f| vec![f.meaning(), f.action().to_owned()]),
        Screen::NotAnalysed { report, why, .. } => {
            vec![format!("{}: {}", report.study.words(), Words::new(why).as_str()), "READ THE STUDY".to_owned()]
        }
        Screen::PartlyAnalysed { report, .. } => {
            three(report.study.words(), &missing_words(&report.assessment.missing), "READ THE STUDY")
        }
        Screen::Updating { what, step, percent } => {
            let percent = percent.map_or(String::new(), |p| format!(" {p} %"));
            three(what.as_str().to_owned(), &format!("{}{percent}", step.as_str()), "keep it on")
        }
        Screen::Starting { steps } => {
            let step = steps.iter().find(|s| s.outcome != Outcome::Passed);
            step.map_or(Vec::new(), |s| vec![s.name.as_str().to_owned(), "not analysing yet".to_owned()])
        }
        Screen::Receiving { progress, .. } => progress_lines(progress),
        Screen::NoneSuspected { report } => three(report.study.words(), "not a clearance", "READ THE STUDY"),
        Screen::Idle { recent } => {
            let last = |r: &StudyReport| format!("{} {}", r.study.words(), spoken(&r.assessment.verdict));
            three(recent.first().map_or("no study yet".to_owned(), last), "no alert does not", "mean no fracture")
        }
    }
}

fn alert_lines(report: &StudyReport, turn: Turn, now: Duration) -> Vec<String> {
    let seen = match &report.acknowledged {
        Some(seen) => format!("seen by {}", seen.by.as_str()),
        None if report.sent_again > 0 => {
            format!("NOT SEEN {}, SENT AGAIN {}x: TELEPHONE", report.since.words(now), report.sent_again)
        }
        None => format!("NOT SEEN {}", report.since.words(now)),
    };
    let certainty = if report.assessment.provisional { "provisional" } else { "confirmed" };
    let sent = match report.delivery {
        Delivery::Sent => "sent",
        Delivery::Queued => "not sent",
        Delivery::Refused => "refused",
        Delivery::ScreenOnly => "here only",
    };
    let mut lines = vec![seen, format!("{certainty} {sent}")];
    lines.extend(turn.words());
    lines
}

fn progress_lines(progress: &Progress) -> Vec<String> {
    let count = progress.expected.map_or(progress.received.to_string(), |e| format!("{}/{e}", progress.received));
    vec![progress.study.words(), format!("{count} slices"), "no result yet".to_owned()]
}
