//! Which figures are drawn.

use crate::contests::{MANY_CONSUMERS, TWO_STAGES};
use crate::measure::{Measured, Row};

use super::chart::{Chart, Series};

/// Returns the plots for which there are figures, each with its name.
pub(super) fn all(measured: &[Measured]) -> Vec<(&'static str, String)> {
    let charts = [
        ("events", events_over_demand(measured)),
        ("consumers", cost_over_consumers(measured)),
    ];
    let charts = charts
        .into_iter()
        .filter(|(_, chart)| !chart.series.is_empty());
    charts.map(|(name, chart)| (name, chart.to_svg())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a window is far below 2^52")]
fn events_over_demand(measured: &[Measured]) -> Chart {
    Chart {
        title: "Producer → consumer: events a second over max_demand",
        x_axis: "max_demand (events under way at most)",
        y_axis: "events a second",
        series: series(measured, TWO_STAGES, |row| {
            (row.name.clone(), (row.max_demand as f64, row.figure * 1e6))
        }),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "consumers are far fewer than 2^52"
)]
fn cost_over_consumers(measured: &[Measured]) -> Chart {
    Chart {
        title: "One producer, many consumers: the cost of an event",
        x_axis: "consumers of one producer, max_demand 10 each",
        y_axis: "nanoseconds an event",
        series: series(measured, MANY_CONSUMERS, |row| {
            let name = row.name.split(", ").next().unwrap_or_default();
            (name.to_owned(), (row.consumers as f64, row.figure))
        }),
    }
}

/// Gathers the rows of a section by the names that `point` gives them; ours first.
fn series(
    measured: &[Measured],
    section: &str,
    point: impl Fn(&Row) -> (String, (f64, f64)),
) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    let contests = measured
        .iter()
        .filter(|measured| measured.section == section);
    for (name, at) in contests.flat_map(|contest| &contest.rows).map(point) {
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(at),
            None => all.push(Series {
                name,
                points: vec![at],
            }),
        }
    }
    for series in &mut all {
        series
            .points
            .sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    all.sort_by_key(|series| series.name != "stage");
    all
}
