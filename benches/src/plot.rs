//! Two kinds of plots as SVG, without a library: curves over two axes, and rows of marks.
//!
//! Text is set in the reader's sans-serif font, sizes in pixels. Labels are kept apart by giving
//! each a line or a column of its own.

mod axis;

use std::fmt::Write as _;

pub use axis::{Axis, Scale};

/// Distinct to the colour-blind (Okabe and Ito), dark enough on white.
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#000000"];
const WIDTH: f64 = 900.0;
const CHART_HEIGHT: f64 = 480.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 62.0;
const ROW_HEIGHT: f64 = 22.0;
/// Width of a character of 12 pixels, on the wide side.
const CHARACTER: f64 = 6.8;

/// Curves over two axes, with a legend at the right.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Above the plot.
    pub title: String,
    /// Across.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Series {
    /// In the legend.
    pub label: String,
    /// (x, y); a log axis leaves out what is not above zero.
    pub points: Vec<(f64, f64)>,
}

/// A row of marks per label.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Above the plot.
    pub title: String,
    /// Across.
    pub x: Axis,
    /// At the left, one per row.
    pub labels: Vec<String>,
    /// Kinds of marks: a legend entry and, per row, where its mark is.
    pub marks: Vec<(String, Vec<Option<f64>>)>,
}

impl Chart {
    /// The plot as a file.
    pub fn svg(&self) -> String {
        let labels: Vec<&str> = self.series.iter().map(|series| series.label.as_str()).collect();
        let legend = width_of(&labels) + 50.0;
        let frame =
            Frame { left: 86.0, right: WIDTH - legend, top: TOP, bottom: CHART_HEIGHT - BOTTOM };
        let all = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let x = self.x.scale(all().map(|(x, _)| x), frame.left, frame.right);
        let y = self.y.scale(all().map(|(_, y)| y), frame.bottom, frame.top);
        let mut out = open(CHART_HEIGHT, &self.title);
        frame.ticks_below(&mut out, &x, &self.x.label);
        frame.ticks_left(&mut out, &y, &self.y.label);
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let points = series.points.iter();
            let points: Vec<(f64, f64)> =
                points.filter_map(|&(a, b)| Some((x.at(a)?, y.at(b)?))).collect();
            curve(&mut out, &points, colour);
        }
        legend_at(&mut out, frame.right + 16.0, frame.top + 8.0, &labels);
        close(out)
    }
}

impl Rows {
    /// The plot as a file.
    pub fn svg(&self) -> String {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let kinds: Vec<&str> = self.marks.iter().map(|(kind, _)| kind.as_str()).collect();
        let height = TOP + BOTTOM + ROW_HEIGHT * labels.len() as f64;
        let frame = Frame {
            left: width_of(&labels) + 24.0,
            right: WIDTH - width_of(&kinds) - 50.0,
            top: TOP,
            bottom: height - BOTTOM,
        };
        let all = self.marks.iter().flat_map(|(_, places)| places.iter().flatten().copied());
        let x = self.x.scale(all, frame.left, frame.right);
        let mut out = open(height, &self.title);
        frame.ticks_below(&mut out, &x, &self.x.label);
        for (row, label) in labels.iter().enumerate() {
            let y = frame.row(row);
            line(&mut out, (frame.left, y), (frame.right, y), "#eeeeee");
            text(&mut out, (frame.left - 10.0, y + 4.0), "end", label);
        }
        for (kind, (_, places)) in self.marks.iter().enumerate() {
            // Later marks are smaller, so that equal ones show as rings.
            let radius = (6.5 - 1.5 * kind as f64).max(2.5);
            let colour = COLOURS[kind % COLOURS.len()];
            for (row, place) in places.iter().enumerate() {
                if let Some(at) = place.and_then(|place| x.at(place)) {
                    dot(&mut out, (at, frame.row(row)), radius, colour);
                }
            }
        }
        legend_at(&mut out, frame.right + 16.0, frame.top + 8.0, &kinds);
        close(out)
    }
}

/// Where the plot proper is.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn row(&self, row: usize) -> f64 {
        self.top + ROW_HEIGHT * (row as f64 + 0.5)
    }

    fn ticks_below(&self, out: &mut String, scale: &Scale, label: &str) {
        line(out, (self.left, self.bottom), (self.right, self.bottom), "#444444");
        for (at, tick) in scale.ticks() {
            line(out, (at, self.top), (at, self.bottom), "#dddddd");
            text(out, (at, self.bottom + 18.0), "middle", &tick);
        }
        let middle = f64::midpoint(self.left, self.right);
        text(out, (middle, self.bottom + 44.0), "middle", label);
    }

    fn ticks_left(&self, out: &mut String, scale: &Scale, label: &str) {
        line(out, (self.left, self.top), (self.left, self.bottom), "#444444");
        for (at, tick) in scale.ticks() {
            line(out, (self.left, at), (self.right, at), "#dddddd");
            text(out, (self.left - 8.0, at + 4.0), "end", &tick);
        }
        let middle = f64::midpoint(self.top, self.bottom);
        let _ = writeln!(
            out,
            "<text transform=\"translate(22,{middle:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            escaped(label)
        );
    }
}

fn open(height: f64, title: &str) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let _ = writeln!(
        out,
        "<text x=\"20\" y=\"28\" font-size=\"16\" font-weight=\"bold\">{}</text>",
        escaped(title)
    );
    out
}

fn close(mut out: String) -> String {
    out.push_str("</svg>\n");
    out
}

fn curve(out: &mut String, points: &[(f64, f64)], colour: &str) {
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let path = path.join(" ");
    let _ = writeln!(
        out,
        "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
    );
    for &point in points {
        dot(out, point, 3.0, colour);
    }
}

fn dot(out: &mut String, (x, y): (f64, f64), radius: f64, colour: &str) {
    let _ = writeln!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" \
         fill-opacity=\"0.85\"/>"
    );
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"
    );
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn legend_at(out: &mut String, x: f64, top: f64, labels: &[&str]) {
    for (row, (label, colour)) in labels.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let y = top + 20.0 * row as f64;
        dot(out, (x, y), 5.0, colour);
        text(out, (x + 12.0, y + 4.0), "start", label);
    }
}

/// The width of the longest of some labels.
fn width_of(labels: &[&str]) -> f64 {
    labels.iter().map(|label| label.chars().count()).max().unwrap_or(0) as f64 * CHARACTER
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_holds_its_points_and_labels_inside() {
        let chart = Chart {
            title: "a < b & c".to_owned(),
            x: Axis::log("seconds"),
            y: Axis::linear("gap, %"),
            series: vec![Series {
                label: "one".to_owned(),
                points: vec![(0.0, 1.0), (0.01, 5.0), (10.0, 0.0)],
            }],
        };
        let svg = chart.svg();
        assert!(svg.contains("a &lt; b &amp; c") && svg.contains(">seconds<"));
        // The point at zero has no place on a log axis; the legend has a dot too.
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.ends_with("</svg>\n"));
        let empty = Chart { series: Vec::new(), ..chart }.svg();
        assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
    }

    #[test]
    fn rows_have_a_line_each() {
        let rows = Rows {
            title: "rows".to_owned(),
            x: Axis::linear("cost"),
            labels: vec!["a".to_owned(), "b".to_owned()],
            marks: vec![("x".to_owned(), vec![Some(1.0), None])],
        };
        let svg = rows.svg();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains(">a</text>") && svg.contains(">b</text>"));
    }
}
