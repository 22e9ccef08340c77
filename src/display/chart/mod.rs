//! Charts with two logarithmic axes, side by side in one picture: for reports, not for the device's screen.

mod scale;

use embedded_graphics::geometry::Size;
use embedded_graphics::pixelcolor::Rgb888;

use super::Frame;
use super::alarm::Pair;
use super::area::{Area, round};
use super::scene::Scene;
use super::shape::{Form, Shape};
use super::text::{Face, Setting, width};
use scale::{Scale, label};

/// One chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What grows to the right, with its unit.
    pub x: String,
    /// What grows upwards, with its unit.
    pub y: String,
    /// At most three.
    pub lines: Vec<ChartLine>,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartLine {
    /// In the legend.
    pub name: String,
    /// From left to right.
    pub points: Vec<[f64; 2]>,
}

const WIDTH: i32 = 560;
const HEIGHT: i32 = 440;
const PAPER: Rgb888 = Rgb888::new(0xFF, 0xFF, 0xFF);
const INK: Rgb888 = Rgb888::new(0x1C, 0x22, 0x2A);
const GREY: Rgb888 = Rgb888::new(0x5A, 0x66, 0x72);
const GRID: Rgb888 = Rgb888::new(0xC4, 0xCC, 0xD4);
const FINE: Rgb888 = Rgb888::new(0xEC, 0xEF, 0xF2);
const COLOURS: [Rgb888; 3] =
    [Rgb888::new(0x1F, 0x6F, 0xB4), Rgb888::new(0xD9, 0x6A, 0x00), Rgb888::new(0x8A, 0x3F, 0x9E)];

const TEXT: Pair = Pair { ink: INK, paper: PAPER };
const SOFT_TEXT: Pair = Pair { ink: GREY, paper: PAPER };

/// Charts side by side.
pub fn draw_charts(charts: &[Chart]) -> Frame {
    let mut scene = Scene::default();
    let count = i32::try_from(charts.len()).unwrap_or(1);
    let whole = Area::new(0, 0, WIDTH * count, HEIGHT);
    scene.fill(whole, PAPER);
    for (number, chart) in (0..).zip(charts) {
        lay_out(&mut scene, chart, Area::new(WIDTH * number, 0, WIDTH, HEIGHT).inset(18, 14));
    }
    let extent = |n: i32| u32::try_from(n).unwrap_or(0);
    let mut frame = Frame::new(Size::new(extent(whole.width), extent(whole.height)));
    scene.paint(&mut frame, whole);
    frame
}

fn lay_out(scene: &mut Scene, chart: &Chart, mut area: Area) {
    scene.text(&chart.title, area.cut_top(30), Setting::line(Face::Bold, 24.0), TEXT);
    legend(scene, chart, area.cut_top(24));
    scene.text(&chart.y, area.cut_top(24), Setting::line(Face::Medium, 15.0), SOFT_TEXT);
    area.cut_top(8);
    area.cut_right(26);
    let mut below = area.cut_bottom(48);
    let mut left = area.cut_left(60);
    left.cut_right(8);
    below.cut_left(60);
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let plot = Plot { area, x: Scale::around(points().map(|p| p[0])), y: Scale::around(points().map(|p| p[1])) };
    plot.grid(scene);
    plot.labels(scene, left, below.cut_top(24));
    scene.text(&chart.x, below, Setting::line(Face::Medium, 15.0).centred(), SOFT_TEXT);
    for (line, colour) in chart.lines.iter().zip(COLOURS) {
        plot.line(scene, &line.points, colour);
    }
}

fn legend(scene: &mut Scene, chart: &Chart, mut area: Area) {
    const SIZE: f32 = 16.0;
    for (line, colour) in chart.lines.iter().zip(COLOURS) {
        let mark = area.cut_left(24).inset(0, 10);
        scene.fill(mark, colour);
        area.cut_left(6);
        let words = area.cut_left(width(&line.name, Face::Medium, SIZE) + 2);
        scene.text(&line.name, words, Setting::line(Face::Medium, SIZE), TEXT);
        area.cut_left(20);
    }
}

/// Where the lines go.
struct Plot {
    area: Area,
    x: Scale,
    y: Scale,
}

impl Plot {
    fn column(&self, x: f64) -> Option<f32> {
        self.x.place(x).map(|place| self.area.x as f32 + place * self.area.width as f32)
    }

    fn row(&self, y: f64) -> Option<f32> {
        self.y.place(y).map(|place| self.area.bottom() as f32 - place * self.area.height as f32)
    }

    fn grid(&self, scene: &mut Scene) {
        let Self { area, .. } = self;
        let vertical = |x: f64| Some(Area::new(round(self.column(x)?), area.y, 1, area.height + 1));
        let horizontal = |y: f64| Some(Area::new(area.x, round(self.row(y)?), area.width + 1, 1));
        let fine = self.x.between().filter_map(vertical).chain(self.y.between().filter_map(horizontal));
        fine.for_each(|line| scene.fill(line, FINE));
        let decade = |exponent: i32| 10_f64.powi(exponent);
        let coarse = self.x.decades().map(decade).filter_map(vertical);
        let coarse = coarse.chain(self.y.decades().map(decade).filter_map(horizontal));
        coarse.for_each(|line| scene.fill(line, GRID));
        scene.fill(Area::new(area.x, area.y, 1, area.height + 1), INK);
        scene.fill(Area::new(area.x, area.bottom(), area.width + 1, 1), INK);
    }

    fn labels(&self, scene: &mut Scene, left: Area, below: Area) {
        let setting = Setting::line(Face::Medium, 14.0);
        for decade in self.y.decades() {
            let Some(row) = self.row(10_f64.powi(decade)) else { continue };
            let place = Area::new(left.x, round(row) - 10, left.width, 20);
            scene.text(&label(decade), place, setting.right(), TEXT);
        }
        for decade in self.x.decades() {
            let Some(column) = self.column(10_f64.powi(decade)) else { continue };
            let place = Area::new(round(column) - 40, below.y + 2, 80, below.height - 2);
            scene.text(&label(decade), place, setting.centred(), TEXT);
        }
    }

    fn line(&self, scene: &mut Scene, points: &[[f64; 2]], colour: Rgb888) {
        let places: Vec<[f32; 2]> =
            points.iter().filter_map(|[x, y]| Some([self.column(*x)?, self.row(*y)?])).collect();
        let strokes = places.windows(2).map(|pair| Form::Stroke { from: pair[0], to: pair[1], width: 2.6 });
        scene.shapes(strokes.map(Shape::filled), colour);
        let discs = places.iter().map(|centre| Form::Disc { centre: *centre, radius: 4.6 });
        scene.shapes(discs.map(Shape::filled), colour);
    }
}

#[cfg(test)]
mod tests {
    use embedded_graphics::geometry::OriginDimensions;

    use super::*;
    use crate::display::area::to_i32;

    #[test]
    fn every_chart_has_its_place_and_its_line_is_drawn() {
        let line = ChartLine { name: "one".into(), points: vec![[10.0, 1.0], [100.0, 10.0]] };
        let chart = Chart { title: "t".into(), x: "x".into(), y: "y".into(), lines: vec![line] };
        let frame = draw_charts(&[chart.clone(), chart]);
        assert_eq!([frame.size().width, frame.size().height].map(to_i32), [2 * WIDTH, HEIGHT]);
        let [r, g, b] = [0x1F, 0x6F, 0xB4];
        let coloured = |from: i32| {
            let pixels = (0..HEIGHT).flat_map(|y| (from..from + WIDTH).map(move |x| (x, y)));
            pixels.filter(|(x, y)| frame.pixel(*x, *y) == [r, g, b]).count()
        };
        assert!(coloured(0) > 300 && coloured(0) == coloured(WIDTH));
    }
}
