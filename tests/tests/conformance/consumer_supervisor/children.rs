//! A supervisor whose children do what their event says, and are told one by one to end or to die.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use stage::{
    ConsumerHandle, ConsumerSupervisor, Exit, Intensity, MinDemand, ProducerHandle, Stages,
    StartWith, Stopping, Subscribe, consumer_supervisor_with, producer,
};
use tokio::sync::broadcast;

use crate::fixtures::*;

/// Events that make a child do otherwise than run until it is told.
pub(super) const FAILS: usize = 1000;
pub(super) const PANICS: usize = 1001;
pub(super) const ENDS: usize = 1002;
pub(super) const START_FAILS: usize = 1003;
pub(super) const START_PANICS: usize = 1004;
/// These run at first, and differ when they are started again.
pub(super) const RESTART_ENDS: usize = 1010;
pub(super) const RESTART_FAILS: usize = 1011;
pub(super) const RESTART_PANICS: usize = 1012;
pub(super) const RESTART_FAILS_ONCE: usize = 1013;

#[derive(Clone, Copy)]
enum Plan {
    Runs,
    Fails,
    Panics,
    Ends,
    StartFails,
    StartPanics,
}

impl Plan {
    const fn of(event: usize, restarts: usize) -> Self {
        match (event, restarts) {
            (FAILS, _) => Self::Fails,
            (PANICS, _) => Self::Panics,
            (ENDS, _) | (RESTART_ENDS, 1..) => Self::Ends,
            (START_FAILS, _) | (RESTART_FAILS, 1..) | (RESTART_FAILS_ONCE, 1) => Self::StartFails,
            (START_PANICS, _) | (RESTART_PANICS, 1..) => Self::StartPanics,
            _ => Self::Runs,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Told {
    End,
    Die,
}

/// What the children did, and what they are told.
#[derive(Clone)]
pub(super) struct Children {
    pub(super) running: Arc<AtomicUsize>,
    pub(super) most: Arc<AtomicUsize>,
    /// Each call of the start function: its event, and whether a child came of it.
    starts: Arc<Mutex<Vec<(usize, bool)>>>,
    tell: broadcast::Sender<(usize, Told)>,
}

/// Counts a child for as long as it runs, however it ends.
pub(super) struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Children {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::default(),
            most: Arc::default(),
            starts: Arc::default(),
            tell: broadcast::channel(16).0,
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// The calls of the start function for this event, and whether a child came of each.
    pub(super) fn starts(&self, event: usize) -> Vec<bool> {
        let starts = self.starts.lock().unwrap();
        let of_event = starts.iter().filter(|(of, _)| *of == event);
        of_event.map(|(_, started)| *started).collect()
    }

    pub(super) fn runs(&self) -> Running {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Running(Arc::clone(&self.running))
    }

    fn start(&self, event: usize) -> stage::Result<BoxChild> {
        let plan = Plan::of(event, self.starts(event).len());
        let starts = !matches!(plan, Plan::StartFails | Plan::StartPanics);
        self.starts.lock().unwrap().push((event, starts));
        match plan {
            Plan::StartFails => Err("no start".into()),
            Plan::StartPanics => panic!("no start at all"),
            _ => Ok(Box::pin(child(
                event,
                plan,
                self.clone(),
                self.tell.subscribe(),
            ))),
        }
    }
}

async fn child(
    event: usize,
    plan: Plan,
    children: Children,
    mut told: broadcast::Receiver<(usize, Told)>,
) -> stage::Result {
    let _running = children.runs();
    match plan {
        Plan::Fails => return Err("no luck".into()),
        Plan::Panics => panic!("no luck at all"),
        Plan::Ends => return Ok(()),
        _ => {}
    }
    loop {
        match told.recv().await? {
            (of, Told::End) if of == event => return Ok(()),
            (of, Told::Die) if of == event => panic!("killed"),
            _ => {}
        }
    }
}

type BoxChild = BoxFuture<'static, stage::Result>;
type Start = Box<dyn FnMut(usize, Stopping) -> stage::Result<BoxChild> + Send>;

pub(super) struct Case {
    pub(super) stages: Stages,
    pub(super) source: ProducerHandle<Silent>,
    pub(super) supervisor: ConsumerHandle<ConsumerSupervisor<usize, StartWith<Start>>>,
    pub(super) children: Children,
}

/// A supervisor of temporary children.
pub(super) fn case(options: impl Into<Subscribe>) -> Case {
    Case::new(options.into(), None, MinDemand::default())
}

/// A supervisor of transient children, whose failures count for an hour.
pub(super) fn transient_case(options: impl Into<Subscribe>, max_restarts: usize) -> Case {
    let intensity = Intensity::new(max_restarts, std::time::Duration::from_secs(3600));
    Case::new(options.into(), Some(intensity), MinDemand::default())
}

impl Case {
    pub(super) fn new(options: Subscribe, restarts: Option<Intensity>, min: MinDemand) -> Self {
        let (stages, children) = (Stages::new(), Children::new());
        let source = producer(Silent(no_log())).within(&stages).spawn().unwrap();
        let of_child = children.clone();
        let start: Start = Box::new(move |event, _| of_child.start(event));
        let mut build = consumer_supervisor_with(start)
            .name_children(|event| format!("child-{event}"))
            .min_demand(min)
            .within(&stages);
        if let Some(intensity) = restarts {
            build = build.restart_children(intensity);
        }
        let supervisor = build.subscribe_to(&source, options).spawn().unwrap();
        Self {
            stages,
            source,
            supervisor,
            children,
        }
    }

    pub(super) async fn queue(&self, events: &[usize]) {
        self.source.call(Queue(events.to_vec())).await.unwrap();
        rest().await;
    }

    pub(super) async fn end(&self, event: usize) {
        self.children.tell.send((event, Told::End)).unwrap();
        rest().await;
    }

    /// Kills a child; what becomes of it may take no rest.
    pub(super) fn kill(&self, event: usize) {
        self.children.tell.send((event, Told::Die)).unwrap();
    }

    /// How many children run, and how many there are.
    pub(super) async fn counts(&self) -> (usize, usize) {
        let counts = self.supervisor.count_children().await.unwrap();
        (counts.active, counts.workers)
    }

    /// Waits for these counts; a child that is started again and again never lets the clock move.
    pub(super) async fn counts_become(&self, expected: (usize, usize)) {
        for _ in 0..100 {
            if self.counts().await == expected {
                return;
            }
        }
        assert_eq!(self.counts().await, expected);
    }

    /// The number of the children that have a name now.
    pub(super) fn named(&self) -> Vec<usize> {
        let lives = |event: &usize| {
            let name = format!("child-{event}");
            self.stages.registry().child(&name).is_ok()
        };
        (0..10).filter(lives).collect()
    }

    pub(super) fn asked(&self) -> u64 {
        self.supervisor.edges()[0].asked
    }

    /// Asserts that the children fail too often, for this reason.
    pub(super) async fn ends_for(&self, last: &str) {
        let Exit::Failed(error) = self.supervisor.join().await else {
            panic!("{:?}", self.supervisor.exit())
        };
        let expected = format!("children fail too often; the last failure: {last}");
        assert_eq!(error.to_string(), expected);
        assert_eq!(self.children.running(), 0, "a child outlives it");
    }
}

/// A failing case leaves no stage behind.
impl Drop for Case {
    fn drop(&mut self) {
        self.source.abort();
        self.supervisor.abort();
    }
}
