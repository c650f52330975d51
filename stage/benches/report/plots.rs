//! Which figures are drawn.

use crate::contests::{IN_A_ROW, IN_ONE_TASK, MANY_CONSUMERS, TWO_STAGES};
use crate::measure::{Measured, Row};

use super::chart::{Chart, Series};

/// Returns the plots for which there are figures, each with its name.
pub(super) fn all(measured: &[Measured]) -> Vec<(&'static str, String)> {
    let charts = [
        ("events", events_over_demand(measured)),
        ("rows", events_over_stages(measured)),
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
        series: series(measured, &[TWO_STAGES], |row| {
            let point = (row.max_demand as f64, row.figure * 1e6);
            Some((row.name.clone(), point))
        }),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "stages in a row are far fewer than 2^52"
)]
fn events_over_stages(measured: &[Measured]) -> Chart {
    // Stages apart are measured in both sections.
    let is_drawn = |row: &Row| row.max_demand == 1000 && row.producer_consumers > 0;
    Chart {
        title: "Producer-consumers in a row: events a second",
        x_axis: "producer-consumers in a row, max_demand 1000 each",
        y_axis: "events a second",
        series: series(measured, &[IN_A_ROW, IN_ONE_TASK], |row| {
            let point = (row.producer_consumers as f64, row.figure * 1e6);
            is_drawn(row).then(|| (row.name.clone(), point))
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
        series: series(measured, &[MANY_CONSUMERS], |row| {
            let name = row.name.split(", ").next().unwrap_or_default();
            Some((name.to_owned(), (row.consumers as f64, row.figure)))
        }),
    }
}

/// Gathers the rows of these sections by the names that `point` gives them; ours first. Of a program that is measured
/// twice at the same place the first counts.
fn series(
    measured: &[Measured],
    sections: &[&str],
    point: impl Fn(&Row) -> Option<(String, (f64, f64))>,
) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for section in sections {
        let contests = measured.iter().filter(|one| one.section == *section);
        for (name, at) in contests
            .flat_map(|contest| &contest.rows)
            .filter_map(&point)
        {
            match all.iter_mut().find(|series| series.name == name) {
                None => all.push(Series {
                    name,
                    points: vec![at],
                }),
                Some(series) => {
                    let is_new = series
                        .points
                        .iter()
                        .all(|there| there.0.total_cmp(&at.0).is_ne());
                    series.points.extend(is_new.then_some(at));
                }
            }
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
