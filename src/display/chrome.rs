//! What every colour screen carries: the banner with its main word, the rail of three lamps, the status strip with the
//! mark that moves. Hands on the area that is left.
//!
//! Position tells the priority: the upper lamp is a suspicion, the middle one "not looked at", the lower one information.

use std::time::Duration;

use embedded_graphics::pixelcolor::Rgb888;

use super::alarm::{Alarm, BLACK, CYAN, LINE, NIGHT, PANEL, Pair, SOFT, WHITE, YELLOW};
use super::area::{Area, round};
use super::icon::Icon;
use super::scene::Scene;
use super::shape::{Form, Shape, slab};
use super::spine;
use super::text::{Face, Setting, width};
use super::{DeviceState, Fault, Panel, Phase, Screen};

/// First text on the ground.
pub const ON_NIGHT: Pair = Pair { ink: WHITE, paper: NIGHT };
/// Second text on the ground.
pub const SOFT_ON_NIGHT: Pair = Pair { ink: SOFT, paper: NIGHT };
/// First text on a card.
pub const ON_PANEL: Pair = Pair { ink: WHITE, paper: PANEL };
/// Second text on a card.
pub const SOFT_ON_PANEL: Pair = Pair { ink: SOFT, paper: PANEL };
/// What asks for a deed.
pub const ASKING: Pair = Pair { ink: YELLOW, paper: PANEL };

/// A screen that is being laid out.
pub struct Sheet<'a> {
    /// What has been drawn so far.
    pub scene: Scene,
    /// What is left to draw on.
    pub body: Area,
    /// The time.
    pub now: Duration,
    /// A 240th of the shorter side.
    pub unit: f32,
    /// Wider than high.
    pub wide: bool,
    screen: &'a Screen<'a>,
    /// What the device knows.
    pub state: &'a DeviceState,
}

impl<'a> Sheet<'a> {
    /// Ground and status strip; no banner yet.
    pub fn new(panel: Panel, screen: &'a Screen<'a>, state: &'a DeviceState, now: Duration) -> Self {
        let body = Area::of(panel.size);
        let unit = body.width.min(body.height) as f32 / 240.0;
        let wide = body.width > body.height;
        let mut sheet = Self { scene: Scene::default(), body, now, unit, wide, screen, state };
        sheet.scene.fill(body, NIGHT);
        sheet.strip();
        sheet
    }

    /// `n` units in pixels.
    pub fn px(&self, n: f32) -> i32 {
        round(n * self.unit)
    }

    /// The main word over the whole width in the colours of the screen's alarm, and the lamp with the shape of the state.
    pub fn banner(&mut self, word: &str, icon: Icon) {
        self.head(word, Some(icon));
    }

    /// The main word of a screen that signals nothing: no lamp is lit.
    pub fn plain_banner(&mut self, word: &str) {
        self.head(word, None);
    }

    /// On a square panel, a long word stands in two lines rather than in small letters.
    fn head(&mut self, word: &str, icon: Option<Icon>) {
        let long = !self.wide && word.contains(' ') && word.len() > 13;
        let (height, lines) = if long { (90.0, 2) } else { (54.0, 1) };
        let area = self.body.cut_top(self.px(height));
        let pair = self.screen.alarm().pair(self.now);
        self.scene.fill(area, pair.paper);
        let setting = Setting { lines, ..Setting::line(Face::Bold, area.height as f32).centred() };
        self.scene.text(word, area.inset(self.px(3.0), self.px(7.0)), setting, pair);
        self.rail(self.screen.alarm(), icon);
    }

    /// Three lamps, one above the other; the one of this alarm is lit and carries the shape of the state.
    fn rail(&mut self, alarm: Alarm, icon: Option<Icon>) {
        let gap = self.px(3.0);
        let mut rail = self.body.cut_left(self.px(30.0));
        rail.cut_top(gap);
        rail.cut_bottom(gap);
        let lit = match alarm {
            Alarm::High | Alarm::HighSeen => Some(0),
            Alarm::Medium | Alarm::MediumSeen => Some(1),
            Alarm::Low => Some(2),
            Alarm::None => None,
        };
        for (i, slot) in rail.rows(3, gap).into_iter().enumerate() {
            if lit == Some(i) {
                let pair = alarm.pair(self.now);
                self.scene.fill(slot, pair.paper);
                if let Some(icon) = icon {
                    let square = slot.inset(gap, 0);
                    icon.draw(&mut self.scene, square, pair);
                }
            } else {
                self.scene.fill(slot, PANEL);
                let centre = [slot.x as f32 + slot.width as f32 / 2.0, slot.y as f32 + slot.height as f32 / 2.0];
                self.scene.shape(Shape::filled(Form::Disc { centre, radius: 2.5 * self.unit }), LINE);
            }
        }
        self.body = self.body.inset(self.px(7.0), self.px(6.0));
    }

    /// The mark that moves, the time of day, what else is going on, and a chip for everything that is wrong.
    fn strip(&mut self) {
        let mut strip = self.body.cut_bottom(self.px(22.0));
        self.scene.fill(strip, PANEL);
        let mark = strip.cut_left(self.px(24.0));
        self.heartbeat(mark);
        let px = 15.0 * self.unit;
        let clock =
            self.state.clock(self.now).map_or("--:--".to_owned(), |t| format!("{:02}:{:02}", t.hour(), t.minute()));
        let room = strip.cut_left(width("00:00", Face::Bold, px) + self.px(8.0));
        self.scene.moving_text(&clock, room, Setting::line(Face::Bold, px), SOFT_ON_PANEL);
        strip.cut_right(self.px(4.0));
        let mut left = self.chips(strip);
        let words = match (self.screen, self.state.arriving.first()) {
            (Screen::Idle { .. }, _) if !self.is_roomy() => Some("waiting for slices".to_owned()),
            (Screen::Receiving { .. }, _) | (_, None) => None,
            (_, Some(progress)) => Some(format!("receiving {}", progress.received)),
        };
        if let Some(words) = words {
            let room = left.cut_left(width(&words, Face::Medium, px));
            if room.width == width(&words, Face::Medium, px) {
                self.scene.moving_text(&words, room, Setting::line(Face::Medium, px), SOFT_ON_PANEL);
            }
        }
    }

    /// A quarter of a ring that turns once in four seconds. When it stands still, the screen is dead.
    fn heartbeat(&mut self, area: Area) {
        let centre = [area.x as f32 + area.width as f32 / 2.0, area.y as f32 + area.height as f32 / 2.0];
        let (radius, width) = (5.6 * self.unit, 2.2 * self.unit);
        self.scene.shape(Shape::outlined(Form::Disc { centre, radius: radius + width / 2.0 }, width), LINE);
        let quarter = u8::try_from(self.now.as_secs() % 4).unwrap_or(0);
        let from = f32::from(quarter) / 4.0;
        self.scene.shape(Shape::filled(Form::Arc { centre, radius, turns: [from, from + 0.25], width }), WHITE);
    }

    /// From the right, the worst first as far as they fit; the rest is counted. Hands back what is left.
    fn chips(&mut self, mut strip: Area) -> Area {
        let px = 13.0 * self.unit;
        let words = self.warnings();
        let room = |text: &str| width(text, Face::Bold, px);
        for (i, (word, paper)) in words.iter().enumerate() {
            let left = words.len() - i;
            let counter = if left > 1 { room("+8") + self.px(10.0) } else { 0 };
            let fits = room(word) + self.px(10.0) + counter <= strip.width;
            let (text, paper) = if fits { (word.clone(), *paper) } else { (format!("+{left}"), YELLOW) };
            let chip = strip.cut_right(room(&text) + self.px(8.0)).inset(0, self.px(3.0));
            strip.cut_right(self.px(2.0));
            self.card(chip, paper, 2.5);
            self.scene.text(&text, chip, Setting::line(Face::Bold, px).centred(), Pair { ink: BLACK, paper });
            if !fits {
                break;
            }
        }
        strip
    }

    /// Everything that a person should know whatever the screen shows, the worst first.
    fn warnings(&self) -> Vec<(String, Rgb888)> {
        let mut words = Vec::new();
        if self.now.saturating_sub(self.state.beat) > super::STALE_AFTER {
            words.push(("STALE".to_owned(), YELLOW));
        }
        if matches!(self.state.phase, Phase::Failed { .. }) {
            words.push(("FAILED".to_owned(), YELLOW));
        }
        if self.now < self.state.sound_paused_until {
            words.push(("SOUND OFF".to_owned(), YELLOW));
        }
        let shown = matches!(self.screen, Screen::NotAnalysed { .. } | Screen::PartlyAnalysed { .. });
        match self.state.left_unread(self.now, super::HELD) {
            0 => {}
            _ if shown => {}
            count => words.push((format!("{count} UNREAD"), YELLOW)),
        }
        let colour = |f: &Fault| if f.stops_analysis() || f.stops_sending() { YELLOW } else { CYAN };
        words.extend(self.state.faults.iter().map(|f| (f.chip().to_owned(), colour(f))));
        words
    }

    /// Wide, and large enough for words beside the main one.
    pub fn is_roomy(&self) -> bool {
        self.wide && self.unit > 1.3
    }

    /// Cuts the room of the spine drawing off the left of the body.
    pub fn spine_column(&mut self) -> Area {
        let most = if self.wide { self.body.width / 2 } else { self.body.width * 2 / 5 };
        let column = self.body.cut_left(spine::width(self.body.height).min(most));
        self.body.cut_left(self.px(8.0));
        column
    }

    /// A rounded area.
    pub fn card(&mut self, area: Area, colour: Rgb888, radius: f32) {
        self.scene.shape(Shape::filled(slab(area, radius * self.unit)), colour);
    }
}
