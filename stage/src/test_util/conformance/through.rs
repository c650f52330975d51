//! What goes through a producer-consumer: demand up, events and ends down.

use super::running::{Running, SpawnOn};
use super::takes::{MANY, MAX, options};
use crate::exit::{End, Exit};
use crate::protocol::UpstreamEnds;
use crate::runtime::{Emits, Source, Takes};
use crate::test_util::probe::expect;
use crate::test_util::{Outcome, Patience, Report, SinkProbe, SourceEdge, SourceProbe, Unexpected};

type Checked = Result<(), Unexpected>;

/// A stage to be checked by what goes through it.
pub(super) struct Through<'a, R: Takes + Emits> {
    /// Starts one that is subscribed with these options.
    pub(super) spawn: SpawnOn<'a, R::In, Running<R>>,
    pub(super) sample: &'a dyn Fn(usize) -> R::In,
    pub(super) fan_out: Option<usize>,
    pub(super) patience: Patience,
}

/// A stage between two probes.
struct Between<R: Takes + Emits> {
    stage: Running<R>,
    edge: SourceEdge<R::In>,
    sink: SinkProbe<R::Out>,
}

impl<R: Takes + Emits> Through<'_, R> {
    /// Starts a stage that has asked, and whose consumer has not.
    async fn between(&self) -> Result<Between<R>, Unexpected> {
        let mut source = SourceProbe::with_patience(self.patience);
        let stage = (self.spawn)(&source.outlet(), options(UpstreamEnds::Complete)?)?;
        let mut edge = source.expect_subscribe().await?;
        edge.next_ask().await?;
        let sink = SinkProbe::with_patience(&*stage, self.patience);
        self.patience.rest().await;
        Ok(Between { stage, edge, sink })
    }

    fn samples(&self, n: usize) -> Vec<R::In> {
        (0..n).map(self.sample).collect()
    }

    /// Runs all checks.
    pub(super) async fn check(&self, r: &mut Report) {
        r.check(
            "RS 4.2",
            "a failure that comes from above is told below",
            self.passes_failure_on(),
        )
        .await;
        r.check(
            "law: pull",
            "without demand below it takes no more than one window from above",
            self.takes_for_demand_alone(),
        )
        .await;
        r.check(
            "law: buffer",
            "its completion waits until its last output was asked for",
            self.completion_waits(),
        )
        .await;
        let statement = "each event comes out as often as it was told";
        match self.fan_out {
            Some(n) => {
                let checked = self.conserves(n);
                r.check("law: fan-out", statement, checked).await;
            }
            None => r.note(
                "law: fan-out",
                statement,
                Outcome::NotApplicable("it was not told how many outputs an event makes"),
            ),
        }
    }

    async fn passes_failure_on(&self) -> Checked {
        let Between {
            stage,
            edge,
            mut sink,
        } = self.between().await?;
        edge.fail("the producer failed on purpose");
        let (_, end) = sink.expect_events_and_end().await?;
        let cause = match &end {
            End::Down(Exit::Failed(error)) => error.to_string(),
            other => format!("{other:?}"),
        };
        let is_told = cause == "the producer failed on purpose";
        expect(is_told, "the producer's failure", format!("{cause} came"))?;
        stage.ended(self.patience).await.map(drop)
    }

    async fn takes_for_demand_alone(&self) -> Checked {
        let mut between = self.between().await?;
        let first = between.edge.asked();
        between.edge.send(self.samples(first.min(MAX)));
        between.sink.expect_nothing().await?;
        let more = between.edge.asked() - first;
        let none = "no ask before there is demand below";
        expect(more == 0, none, format!("{more} more were asked for"))?;
        between.stage.lives()
    }

    async fn completion_waits(&self) -> Checked {
        let Between {
            stage,
            mut edge,
            mut sink,
        } = self.between().await?;
        edge.send(self.samples(MAX / 2));
        edge.complete();
        let mut came = 0;
        let end = loop {
            sink.ask(1);
            self.patience.rest().await;
            let events = sink.take_events().len();
            expect(
                events <= 1,
                "at most the event asked for",
                format!("{events} came"),
            )?;
            came += events;
            if events == 0 {
                break sink.expect_end().await?;
            }
        };
        let is_complete = matches!(end, End::Completed);
        expect(is_complete, "the completion", format!("{end:?} came"))?;
        let discarded = stage.stats().discarded;
        let all = "all outputs sent before the end";
        expect(discarded == 0, all, format!("{discarded} were discarded"))?;
        let expected = self.fan_out.map_or(came, |n| n * (MAX / 2));
        expect(
            came == expected,
            format!("{expected} outputs"),
            format!("{came} came"),
        )
    }

    async fn conserves(&self, fan_out: usize) -> Checked {
        let mut between = self.between().await?;
        between.sink.ask(usize::MAX);
        let mut events = self.samples(MANY).into_iter();
        while between.edge.sent() < MANY {
            while between.edge.outstanding() == 0 {
                between.edge.next_ask().await?;
            }
            let n = between.edge.outstanding();
            between.edge.send(events.by_ref().take(n));
        }
        between.edge.complete();
        let (came, end) = between.sink.expect_events_and_end().await?;
        let (came, expected) = (came.len(), fan_out * MANY);
        expect(
            came == expected && matches!(end, End::Completed),
            format!("{expected} outputs of {MANY} events, and the completion"),
            format!("{came} and {end:?} came"),
        )
    }
}
