//! The table, for people.

use std::fmt::Write;

use crate::contest::{Goal, Unit};
use crate::measure::{Measured, Row, SPREAD_MAX};

/// Returns a table for each section, and the goals that were missed.
pub(super) fn table(measured: &[Measured]) -> String {
    let mut page = String::new();
    for contests in measured.chunk_by(|one, next| one.section == next.section) {
        let section = &contests[0].section;
        // A `String` takes all that is written to it.
        let _ = write!(page, "### {section}\n\n");
        let _ = writeln!(
            page,
            "| | | {} | ratio | spread | goal |",
            contests[0].unit.name()
        );
        page.push_str("|---|---|--:|--:|--:|---|\n");
        for contest in contests {
            let mut label = format!("{}{}", contest.label, other_unit(contest, contests));
            for row in &contest.rows {
                let _ = writeln!(page, "| {label} | {}", cells(row));
                label.clear();
            }
        }
        page.push('\n');
    }
    page.push_str(&missed(measured));
    page
}

/// The unit of a contest that has another than the first of its section.
fn other_unit(contest: &Measured, contests: &[Measured]) -> String {
    match contest.unit {
        unit if unit == contests[0].unit => String::new(),
        unit => format!(", {}", unit.name()),
    }
}

fn cells(row: &Row) -> String {
    let mark = if row.spread > SPREAD_MAX { " ~" } else { "" };
    format!(
        "{} | {} | {:.2} | {:.0} %{mark} | {} |",
        row.name,
        digits(row.figure),
        row.ratio,
        row.spread * 100.0,
        goal(row)
    )
}

fn goal(row: &Row) -> String {
    let Some(goal) = row.goal else {
        return String::new();
    };
    let wanted = match goal {
        Goal::RatioAtLeast(least) => format!("≥ {least}"),
        Goal::RatioAtMost(most) => format!("≤ {most}"),
        Goal::FigureAtMost(most) => format!("≤ {most:.0}, absolute"),
    };
    let verdict = if row.is_missed() { "**missed**" } else { "met" };
    format!("{wanted}: {verdict}")
}

fn missed(measured: &[Measured]) -> String {
    let rows = measured.iter().flat_map(|contest| {
        let rows = contest.rows.iter().filter(|row| row.is_missed());
        rows.map(move |row| (contest, row))
    });
    let lines: Vec<String> = rows
        .map(|(contest, row)| {
            let (section, label) = (&contest.section, &contest.label);
            let figure = figure(row.figure, contest.unit);
            let (name, ratio, goal) = (&row.name, row.ratio, goal(row));
            format!("* {section}, {label}: {name} has {figure}, ratio {ratio:.2}; {goal}\n")
        })
        .collect();
    match lines.len() {
        0 => "Every goal is met.\n".to_owned(),
        n => format!("{n} goals are missed:\n\n{}", lines.concat()),
    }
}

/// A figure with its unit.
pub(crate) fn figure(figure: f64, unit: Unit) -> String {
    format!("{} {}", digits(figure), unit.name())
}

/// Three digits that count, or all before the point.
fn digits(figure: f64) -> String {
    let decimals = match figure {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{figure:.decimals$}")
}
