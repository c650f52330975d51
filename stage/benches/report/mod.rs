//! What is left of a run: a table, its figures as data, and three plots.
//!
//! A run of some rows replaces those and keeps the others, so that a long bench may be run in parts.

mod markdown;
pub(crate) use markdown::figure;
mod chart;
mod plots;

use std::fs::{create_dir_all, read, write};
use std::io;
use std::path::{Path, PathBuf};

use crate::contest::Contest;
use crate::measure::Measured;

/// The figures of the rows that were measured, now or before.
pub(crate) struct Report {
    folder: PathBuf,
    name: &'static str,
    measured: Vec<Measured>,
}

impl Report {
    /// Takes up the report of this name where there is one.
    pub(crate) fn open(name: &'static str) -> io::Result<Self> {
        let folder = folder()?;
        create_dir_all(&folder)?;
        // One that is missing, or of another version, is begun anew.
        let old = read(folder.join(name).with_extension("json")).unwrap_or_default();
        Ok(Self {
            folder,
            name,
            measured: serde_json::from_slice(&old).unwrap_or_default(),
        })
    }

    pub(crate) fn add(&mut self, measured: Measured) {
        self.measured
            .retain(|old| !old.is_of(&measured.section, &measured.label));
        self.measured.push(measured);
    }

    /// Writes all, in the order of the contests.
    pub(crate) fn write(&mut self, contests: &[Contest]) -> io::Result<()> {
        let place = |measured: &Measured| {
            let mut contests = contests.iter();
            contests.position(|contest| measured.is_of(contest.section, &contest.label))
        };
        self.measured.retain(|measured| place(measured).is_some());
        self.measured.sort_by_key(place);
        let file = self.folder.join(self.name);
        let json = serde_json::to_vec_pretty(&self.measured)?;
        write(file.with_extension("json"), json)?;
        write(file.with_extension("md"), markdown::table(&self.measured))?;
        for (plot, svg) in plots::all(&self.measured) {
            write(self.folder.join(format!("{}-{plot}.svg", self.name)), svg)?;
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// `target/bench`, wherever `target` is: a bench is `target/release/deps/NAME`.
fn folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(3).unwrap_or(Path::new("target"));
    Ok(target.join("bench"))
}
