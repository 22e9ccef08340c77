//! Charts from 0 to 1 both ways, as inline SVG; colours come from the page's style sheet. Pure.

use std::fmt::Write;

use super::html::escaped;

/// Pixels of the plot itself, both ways.
const SIDE: f64 = 200.0;
/// Pixels around it: left, top, right, bottom.
const MARGIN: [f64; 4] = [40.0, 26.0, 12.0, 36.0];
/// Points of a line nearer than this to the last one drawn are left out.
const NEAR: f64 = 0.004;

/// One line.
pub(super) struct Line {
    /// Class in the style sheet: `ours` or `other`.
    pub class: &'static str,
    /// From left to right.
    pub points: Vec<[f64; 2]>,
}

/// One chart.
pub(super) struct Chart<'a> {
    pub title: &'a str,
    /// What stands below the title's figure, for readers who do not see the picture.
    pub words: &'a str,
    pub x: &'a str,
    pub y: &'a str,
    /// A line for comparison from (0, 0) to (1, 1).
    pub diagonal: bool,
    pub lines: Vec<Line>,
    /// Dots with an area by weight, 0 to 1.
    pub dots: Vec<([f64; 2], f64)>,
    /// Where the operating point lies.
    pub mark: Option<[f64; 2]>,
}

fn at([x, y]: [f64; 2]) -> [f64; 2] {
    [MARGIN[0] + x.clamp(0.0, 1.0) * SIDE, MARGIN[1] + (1.0 - y.clamp(0.0, 1.0)) * SIDE]
}

impl Chart<'_> {
    /// The `<svg>` element.
    pub fn draw(&self) -> String {
        let (width, height) = (MARGIN[0] + SIDE + MARGIN[2], MARGIN[1] + SIDE + MARGIN[3]);
        let (title, words) = (escaped(self.title), escaped(self.words));
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}: {words}\">\n"
        );
        let _ = writeln!(svg, "<text class=\"title\" x=\"{}\" y=\"16\">{title}</text>", MARGIN[0]);
        let _ = writeln!(svg, "<text class=\"value\" x=\"{}\" y=\"16\">{words}</text>", MARGIN[0] + SIDE);
        self.draw_axes(&mut svg);
        if self.diagonal && self.lines.iter().any(|line| !line.points.is_empty()) {
            let ([x0, y0], [x1, y1]) = (at([0.0, 0.0]), at([1.0, 1.0]));
            let _ = writeln!(svg, "<line class=\"even\" x1=\"{x0}\" y1=\"{y0}\" x2=\"{x1}\" y2=\"{y1}\"/>");
        }
        for line in &self.lines {
            let _ = writeln!(svg, "<polyline class=\"{}\" points=\"{}\"/>", line.class, path(&line.points));
        }
        if self.lines.iter().all(|line| line.points.is_empty()) {
            let [x, y] = at([0.5, 0.5]);
            let _ = writeln!(svg, "<text class=\"nothing\" x=\"{x}\" y=\"{y}\">nothing to count</text>");
        }
        for (place, weight) in &self.dots {
            let ([x, y], radius) = (at(*place), 2.5 + 5.0 * weight.sqrt());
            let _ = writeln!(svg, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>");
        }
        if let Some([x, y]) = self.mark.map(at) {
            let _ = writeln!(svg, "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>");
        }
        svg + "</svg>\n"
    }

    fn draw_axes(&self, svg: &mut String) {
        for (n, label) in ["0", ".25", ".5", ".75", "1"].iter().enumerate() {
            let share = n as f64 / 4.0;
            let ([x, bottom], [left, y]) = (at([share, 0.0]), at([0.0, share]));
            let ([_, top], [right, _]) = (at([0.0, 1.0]), at([1.0, 0.0]));
            let _ = writeln!(svg, "<line class=\"grid\" x1=\"{x}\" y1=\"{bottom}\" x2=\"{x}\" y2=\"{top}\"/>");
            let _ = writeln!(svg, "<line class=\"grid\" x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>");
            let _ = writeln!(svg, "<text class=\"tick x\" x=\"{x}\" y=\"{}\">{label}</text>", bottom + 14.0);
            let _ = writeln!(svg, "<text class=\"tick y\" x=\"{}\" y=\"{}\">{label}</text>", left - 5.0, y + 3.5);
        }
        let [middle, bottom] = at([0.5, 0.0]);
        let _ = writeln!(svg, "<text class=\"axis\" x=\"{middle}\" y=\"{}\">{}</text>", bottom + 30.0, escaped(self.x));
        let [_, centre] = at([0.0, 0.5]);
        let y = escaped(self.y);
        let _ = writeln!(svg, "<text class=\"axis\" transform=\"translate(11 {centre}) rotate(-90)\">{y}</text>");
    }
}

/// The points that can be told apart.
fn path(points: &[[f64; 2]]) -> String {
    let mut path = String::new();
    let mut last: Option<[f64; 2]> = None;
    for (number, point) in points.iter().enumerate() {
        let far = |last: [f64; 2]| (point[0] - last[0]).abs() + (point[1] - last[1]).abs() >= NEAR;
        if number + 1 == points.len() || last.is_none_or(far) {
            let [x, y] = at(*point);
            let _ = write!(path, "{x:.1},{y:.1} ");
            last = Some(*point);
        }
    }
    path.truncate(path.trim_end().len());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_ends_and_no_markup_of_others() {
        let chart = Chart {
            title: "<C1>",
            words: "a & b",
            x: "x",
            y: "y",
            diagonal: true,
            lines: vec![Line { class: "ours", points: vec![[0.0, 0.0], [0.001, 0.0], [1.0, 1.0]] }],
            dots: vec![([0.5, 0.5], 1.0)],
            mark: Some([0.2, 0.9]),
        };
        let svg = chart.draw();
        assert!(svg.contains("&lt;C1&gt;") && svg.contains("a &amp; b") && !svg.contains("<C1>"));
        assert!(svg.contains("points=\"40.0,226.0 240.0,26.0\""), "{svg}");
    }
}
