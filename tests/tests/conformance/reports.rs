//! What is logged, for the cases that speak of a report.

use std::fmt::{Debug, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

/// Gathers the warnings and errors of this thread for as long as it lives; a test's stages run on its own thread.
pub(crate) struct Reports {
    lines: Lines,
    _until: DefaultGuard,
}

/// With a second one alive, whether a place in the code logs is never decided by a thread that gathers nothing.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Lines::default()));

impl Reports {
    pub(crate) fn gather() -> Self {
        LazyLock::force(&SECOND);
        let lines = Lines::default();
        Self {
            _until: tracing::subscriber::set_default(lines.clone()),
            lines,
        }
    }

    /// Takes the reports that hold all of these words.
    pub(crate) fn take(&self, words: &[&str]) -> Vec<String> {
        let lines = std::mem::take(&mut *self.lines.0.lock().unwrap());
        let holds = |line: &String| words.iter().all(|word| line.contains(word));
        lines.into_iter().filter(holds).collect()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}
