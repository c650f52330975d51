//! The results as JSON Lines: one thread writes, fed by a bounded channel, so that a slow disk slows the crawl
//! instead of filling the memory.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::thread;

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};

use crate::cli::Flags;
use crate::earlier;
use crate::model::Outcome;
use crate::same_file::is_list;

/// Results that may wait for the writer.
const WAITING_MAX: usize = 1024;

type Sink = Box<dyn Write + Send>;

/// The thread's end: all was written, or why not.
pub(crate) type Written = oneshot::Receiver<io::Result<()>>;

/// Where the results go, and what is there already.
pub(crate) struct Output {
    pub(crate) sinks: Vec<Sink>,
    /// URLs whose answers the file holds.
    pub(crate) answered: HashSet<String>,
}

/// Opens where the results go: nowhere, a file, standard output, or both.
pub(crate) fn open(flags: &Flags) -> anyhow::Result<Output> {
    let mut sinks: Vec<Sink> = Vec::new();
    let mut answered = HashSet::new();
    let path = flags.output_file();
    if flags.json || (flags.output.is_some() && path.is_none()) {
        sinks.push(Box::new(BufWriter::new(io::stdout())));
    }
    anyhow::ensure!(
        path.is_some() || !flags.resume,
        "--resume goes on from a file; name it with -o FILE"
    );
    if let Some(path) = path {
        anyhow::ensure!(
            !flags
                .urls
                .as_deref()
                .is_some_and(|list| is_list(path, list)),
            "{} holds the URLs and would be overwritten; choose another -o",
            path.display()
        );
        if flags.resume {
            answered = earlier::keep_answers(path)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(flags.resume)
            .truncate(!flags.resume)
            .open(path)
            .with_context(|| format!("cannot write {}; choose another -o", path.display()))?;
        sinks.push(Box::new(BufWriter::new(file)));
    }
    Ok(Output { sinks, answered })
}

/// Starts the writer; it ends when every sender is gone, or at the first error.
pub(crate) fn start(sinks: Vec<Sink>) -> anyhow::Result<(mpsc::Sender<Outcome>, Written)> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let (done, written) = oneshot::channel();
    thread::Builder::new()
        .name("results".to_owned())
        .spawn(move || {
            let _crawl_ended = done.send(write_all(receiver, sinks));
        })
        .context("cannot start the thread that writes the results")?;
    Ok((sender, written))
}

/// Says in plain words why the results stopped.
pub(crate) fn explain(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::BrokenPipe {
        "standard output was closed before all results were written".to_owned()
    } else {
        format!("the results can't be written: {error}; make room or choose another -o")
    }
}

fn write_all(mut receiver: mpsc::Receiver<Outcome>, mut sinks: Vec<Sink>) -> io::Result<()> {
    while let Some(outcome) = receiver.blocking_recv() {
        write_line(&outcome, &mut sinks)?;
        while let Ok(outcome) = receiver.try_recv() {
            write_line(&outcome, &mut sinks)?;
        }
        // Nothing waits: a reader of the pipe sees each result now.
        sinks.iter_mut().try_for_each(|sink| sink.flush())?;
    }
    Ok(())
}

fn write_line(outcome: &Outcome, sinks: &mut [Sink]) -> io::Result<()> {
    if sinks.is_empty() {
        return Ok(());
    }
    let mut line = serde_json::to_vec(outcome)?;
    line.push(b'\n');
    sinks.iter_mut().try_for_each(|sink| sink.write_all(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Reason, Rejected};

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_an_error_in_plain_words() {
        let (sender, receiver) = mpsc::channel(1);
        let line = Rejected {
            line: 1,
            reason: Reason::TooLong,
        };
        sender.try_send(Outcome::rejected(&line)).unwrap();
        drop(sender);
        let error = write_all(receiver, vec![Box::new(Closed)]).unwrap_err();
        assert!(explain(&error).contains("standard output was closed"));
    }
}
