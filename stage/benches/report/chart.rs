//! A line chart whose axes are both logarithmic, as SVG that is readable on a light page and on a dark one.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 480.0;
/// The plot's own edges; the legend stands right of it.
const LEFT: f64 = 92.0;
const RIGHT: f64 = 610.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 410.0;

/// Colours by the reader's scheme. The first series is ours.
const STYLE: &str = "
  svg { color-scheme: light dark; font: 14px system-ui, sans-serif; }
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e }
  .grid { stroke: #d8dee4; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1.2 }
  .line { fill: none; stroke-width: 2 } .ours { stroke-width: 4 }
  .c0 { color: #cf222e } .c1 { color: #1f2328 } .c2 { color: #0969da } .c3 { color: #54aeff }
  .c4 { color: #1a7f37 } .c5 { color: #9a6700 } .c6 { color: #8250df } .c7 { color: #bf3989 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .faint { fill: #9198a1 }
    .grid { stroke: #30363d } .axis { stroke: #9198a1 }
    .c0 { color: #ff7b72 } .c1 { color: #f0f6fc } .c2 { color: #4493f8 } .c3 { color: #a5d6ff }
    .c4 { color: #3fb950 } .c5 { color: #d29922 } .c6 { color: #ab7df8 } .c7 { color: #f778ba }
  }
";

/// The colours there are.
const COLOURS: usize = 8;

/// Points of one program, by x.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) x_axis: &'static str,
    pub(super) y_axis: &'static str,
    /// The first is drawn as ours.
    pub(super) series: Vec<Series>,
}

/// The powers of ten that an axis spans.
struct Decades {
    first: i32,
    last: i32,
    /// Where the first and the last are.
    edges: (f64, f64),
}

impl Decades {
    #[expect(clippy::cast_possible_truncation, reason = "an axis has few decades")]
    fn around(values: impl Iterator<Item = f64>, edges: (f64, f64)) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let first = low.log10().floor() as i32;
        Self {
            first,
            last: (high.log10().ceil() as i32).max(first + 1),
            edges,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        self.edges.0 + share * (self.edges.1 - self.edges.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.first..=self.last).map(|power| 10_f64.powi(power))
    }
}

impl Chart {
    pub(super) fn to_svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = Decades::around(points().map(|point| point.0), (LEFT, RIGHT));
        let y = Decades::around(points().map(|point| point.1), (BOTTOM, TOP));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n",
            self.title
        );
        self.write_axes(&mut svg, &x, &y);
        // Ours is drawn last, above the others.
        for (at, series) in self.series.iter().enumerate().rev() {
            write_line(&mut svg, at, series, &x, &y);
        }
        self.write_legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn write_axes(&self, svg: &mut String, x: &Decades, y: &Decades) {
        let middle = f64::midpoint(LEFT, RIGHT);
        text(
            svg,
            (LEFT, 32.0),
            "class=\"text\" font-size=\"18\" font-weight=\"600\"",
            self.title,
        );
        text(
            svg,
            (middle, HEIGHT - 24.0),
            "class=\"faint\" text-anchor=\"middle\"",
            self.x_axis,
        );
        let turned = format!(
            "class=\"faint\" text-anchor=\"middle\" transform=\"rotate(-90 24 {0})\"",
            f64::midpoint(TOP, BOTTOM)
        );
        text(
            svg,
            (24.0, f64::midpoint(TOP, BOTTOM)),
            &turned,
            self.y_axis,
        );
        for tick in x.ticks() {
            line(svg, "grid", (x.at(tick), TOP), (x.at(tick), BOTTOM));
            let place = (x.at(tick), BOTTOM + 22.0);
            text(
                svg,
                place,
                "class=\"faint\" text-anchor=\"middle\"",
                &short(tick),
            );
        }
        for tick in y.ticks() {
            line(svg, "grid", (LEFT, y.at(tick)), (RIGHT, y.at(tick)));
            let place = (LEFT - 10.0, y.at(tick) + 5.0);
            text(
                svg,
                place,
                "class=\"faint\" text-anchor=\"end\"",
                &short(tick),
            );
        }
        line(svg, "axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
        line(svg, "axis", (LEFT, TOP), (LEFT, BOTTOM));
    }

    /// Names the series from the highest end of a line to the lowest, as they are met at the right edge.
    fn write_legend(&self, svg: &mut String) {
        let end = |series: &Series| series.points.last().map_or(0.0, |point| point.1);
        let mut series: Vec<(usize, &Series)> = self.series.iter().enumerate().collect();
        series.sort_by(|(_, one), (_, other)| end(other).total_cmp(&end(one)));
        let mut y = TOP + 12.0;
        for (at, series) in series {
            let class = class(at);
            line(
                svg,
                &format!("line {class}"),
                (RIGHT + 24.0, y),
                (RIGHT + 52.0, y),
            );
            let weight = if at == 0 { "700" } else { "400" };
            let style = format!("class=\"text\" font-weight=\"{weight}\"");
            text(svg, (RIGHT + 60.0, y + 5.0), &style, &series.name);
            y += 26.0;
        }
    }
}

fn class(series: usize) -> String {
    let ours = if series == 0 { " ours" } else { "" };
    format!("c{}{ours}", series % COLOURS)
}

fn write_line(svg: &mut String, at: usize, series: &Series, x: &Decades, y: &Decades) {
    let class = class(at);
    let places = series
        .points
        .iter()
        .map(|point| (x.at(point.0), y.at(point.1)));
    let path: Vec<String> = places
        .clone()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    // A `String` takes all that is written to it.
    let _ = writeln!(
        svg,
        "<polyline class=\"line {class}\" stroke=\"currentColor\" points=\"{}\"/>",
        path.join(" ")
    );
    let radius = if at == 0 { 5 } else { 3 };
    for (x, y) in places {
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" fill=\"currentColor\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
        );
    }
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let stroke = if class.starts_with("line") {
        " stroke=\"currentColor\""
    } else {
        ""
    };
    let _ = writeln!(
        svg,
        "<line class=\"{class}\"{stroke} x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, place: (f64, f64), style: &str, words: &str) {
    let (x, y) = place;
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{words}</text>"
    );
}

/// A power of ten as it is said: 10 k, 100 M.
fn short(value: f64) -> String {
    match value {
        1e9.. => format!("{} G", value / 1e9),
        1e6.. => format!("{} M", value / 1e6),
        1e3.. => format!("{} k", value / 1e3),
        _ => format!("{value}"),
    }
}
