//! The layout of 128 x 64: one bit a pixel, or few pixels in colour (a terminal). Main word, three lines, a lamp, a strip.
//!
//! A flash swaps the ink and the paper of the main word; the word never goes away.

use std::time::Duration;

use crate::display::alarm::{Alarm, BLACK, Pair, WHITE};
use crate::display::area::Area;
use crate::display::scene::Scene;
use crate::display::spine::{Mark, marks};
use crate::display::state::Outcome;
use crate::display::text::{Face, Setting, width};
use crate::display::{Delivery, DeviceState, Panel, Progress, Screen, StudyReport, Turn};
use crate::triage::Level;

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
    let body = area.inset(1, 1);
    for (line, row) in lines(screen, now).iter().zip(body.rows(3, 0)) {
        let face = if width(line, Face::Pixel6, 1.0) <= row.width { Face::Pixel6 } else { Face::Pixel5 };
        let fits = Setting { middle: true, ..Setting::block(face, 1.0) };
        scene.moving_text(&shortened(line, face, row.width), row, Setting { lines: 1, ..fits }, ON_BLACK);
    }
    scene
}

/// White on black without an alarm; black on white with one, swapped by a flash.
const fn mono_pair(alarm: Alarm, now: Duration) -> Pair {
    if matches!(alarm, Alarm::None) || !alarm.lit(now) { ON_BLACK } else { Pair { ink: BLACK, paper: WHITE } }
}

fn main_word(screen: &Screen<'_>) -> &'static str {
    match screen {
        Screen::Suspected { .. } => "SUSPECTED",
        Screen::StartupFailed { .. } => "START FAILED",
        Screen::Stale { .. } => "STALE",
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
    let face = faces.into_iter().find(|f| width(word, *f, 1.0) <= area.width).unwrap_or(Face::Pixel5);
    scene.text(word, area, Setting::line(face, 1.0).centred(), pair);
}

/// A text that is too long for its line ends in two dots; the whole of it is in the log and on the wire.
fn shortened(line: &str, face: Face, room: i32) -> String {
    if width(line, face, 1.0) <= room {
        return line.to_owned();
    }
    let mut short: String = line.to_owned();
    while width(&short, face, 1.0) + width("..", face, 1.0) > room && short.pop().is_some() {}
    format!("{}..", short.trim_end())
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
    let (dx, dy) = [(0, 0), (4, 0), (4, 4), (0, 4)][crate::display::area::index(step)];
    scene.fill(Area::new(mark.x + dx, mark.y + 1 + dy, 3, 3), WHITE);
    let clock = state.clock(now).map_or("--:--".to_owned(), |t| format!("{:02}:{:02}", t.hour(), t.minute()));
    let setting = Setting::line(Face::Pixel5, 1.0);
    scene.moving_text(&clock, area.cut_left(30), setting, ON_BLACK);
    let faults = state.faults();
    let words = match faults {
        [] => String::new(),
        [one] => one.chip().to_owned(),
        [first, others @ ..] => format!("{} +{}", first.chip(), others.len()),
    };
    if !words.is_empty() {
        scene.text(&words, area, setting.right(), ON_BLACK);
    }
}

fn lines(screen: &Screen<'_>, now: Duration) -> Vec<String> {
    let two = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
    match *screen {
        Screen::Suspected { report, turn } => alert_lines(report, turn, now),
        Screen::StartupFailed { reason } => reason_lines(reason.as_str(), "call service"),
        Screen::Stale { silent_for } => {
            let mut lines = two("No news for", "Read every study");
            lines[0] = format!("No news for {}", crate::display::report::span(silent_for));
            lines
        }
        Screen::Degraded { faults } => {
            faults.first().map_or(Vec::new(), |f| reason_lines(&f.meaning(), "read every study"))
        }
        Screen::NotAnalysed { report, why, .. } => {
            let mut lines = reason_lines(why, "read the study");
            lines.insert(0, report.study.words());
            lines.truncate(3);
            lines
        }
        Screen::PartlyAnalysed { report, .. } => {
            let missing = super::partly_analysed::missing_words(&report.assessment.missing);
            vec![report.study.words(), missing, "read the study".to_owned()]
        }
        Screen::Updating { what, percent } => {
            vec![
                what.as_str().to_owned(),
                percent.map_or(String::new(), |p| format!("{p} %")),
                "does not analyse".to_owned(),
            ]
        }
        Screen::Starting { steps } => steps
            .iter()
            .find(|s| s.outcome != Outcome::Passed)
            .map_or(Vec::new(), |s| two(s.name.as_str(), "not analysing yet")),
        Screen::Receiving { progress, .. } => progress_lines(progress),
        Screen::NoneSuspected { report } => {
            vec![report.study.words(), "not a clearance".to_owned(), "READ THE STUDY".to_owned()]
        }
        Screen::Idle { recent } => {
            let last = recent.first().map_or("no study yet".to_owned(), |r| {
                format!("{} {}", crate::display::state::spoken(&r.assessment.verdict), r.study.words())
            });
            vec![last, "no alert is not".to_owned(), "no fracture".to_owned()]
        }
    }
}

fn alert_lines(report: &StudyReport, turn: Turn, now: Duration) -> Vec<String> {
    let names: Vec<&str> = report.suspected_levels().iter().map(|l: &Level| l.name()).collect();
    let seen = match &report.acknowledged {
        Some(seen) => format!("seen: {}", seen.by.as_str()),
        None => format!("NOT SEEN {}", report.since.words(now)),
    };
    let certainty = if report.assessment.provisional { "provis." } else { "confirmed" };
    let sent = if matches!(report.delivery, Delivery::Sent) { "sent" } else { "NOT SENT" };
    let turn = turn.words().map_or(String::new(), |t| format!("{t} "));
    vec![names.join(" "), seen, format!("{turn}{certainty} {sent}")]
}

fn progress_lines(progress: &Progress) -> Vec<String> {
    let count = progress.expected.map_or(progress.received.to_string(), |e| format!("{}/{e}", progress.received));
    vec![progress.study.words(), format!("{count} slices"), "no result yet".to_owned()]
}

/// A reason over two lines, then what to do.
fn reason_lines(reason: &str, action: &str) -> Vec<String> {
    let mut first = String::new();
    let mut second = String::new();
    for word in reason.split(' ') {
        let line = if second.is_empty() && first.len() + word.len() < 19 { &mut first } else { &mut second };
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    vec![first, second, action.to_owned()]
}
