//! A child that does what it is told, and a diary of what its behaviours lived through.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stage::{
    Context, Directive, Exit, Failure, Handler, Producer, ProducerHandle, Restart, Result,
    Supervisor, producer_with,
};

/// How long a story waits, of the paused clock, for what must come.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What happened, in order, such as `a up` and `a down`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// What was noted since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// How often a line was noted since the last call of `take`.
    pub(crate) fn count(&self, line: &str) -> usize {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|noted| *noted == line).count()
    }

    /// Waits until these lines, and no others, have been noted since the last call.
    pub(crate) async fn reads(&self, expected: &[&str]) {
        until(|| self.0.lock().unwrap().len() >= expected.len()).await;
        assert_eq!(self.take(), expected);
    }
}

/// Waits for a condition; the paused clock goes on while everything else waits.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.expect("what must come, comes");
}

pub(crate) struct Worker {
    name: &'static str,
    diary: Diary,
    directive: Directive,
}

/// What a worker is told.
pub(crate) enum Do {
    Panic,
    Complete,
    Stop,
    /// Waits for ever.
    Hang,
}

/// Panics again, whenever it is started, while this is above 0.
pub(crate) type Unlucky = Arc<Mutex<usize>>;

impl Producer for Worker {
    type Out = usize;

    async fn started(&mut self, _: &mut Context<usize>) -> Result {
        self.diary.note(format!("{} up", self.name));
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }

    fn handle_failure(&mut self, _: &Failure) -> Directive {
        self.directive
    }

    async fn stopping(&mut self, _: &Exit, _: &mut Context<usize>) {
        self.diary.note(format!("{} down", self.name));
    }
}

impl Handler<Do, usize> for Worker {
    type Reply = ();

    async fn handle(&mut self, order: Do, cx: &mut Context<usize>) {
        match order {
            Do::Panic => panic!("on purpose"),
            Do::Complete => cx.complete(),
            Do::Stop => cx.stop(),
            Do::Hang => pending().await,
        }
    }
}

/// Starts a worker under a supervisor.
pub(crate) fn worker(
    name: &'static str,
    supervisor: &Supervisor,
    restart: Restart,
    diary: &Diary,
) -> ProducerHandle<Worker> {
    worker_with(
        name,
        supervisor,
        restart,
        diary,
        Directive::Restart,
        &Unlucky::default(),
    )
}

pub(crate) fn worker_with(
    name: &'static str,
    supervisor: &Supervisor,
    restart: Restart,
    diary: &Diary,
    directive: Directive,
    unlucky: &Unlucky,
) -> ProducerHandle<Worker> {
    let (diary, unlucky) = (diary.clone(), Arc::clone(unlucky));
    producer_with(move || {
        let mut left = unlucky.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            drop(left);
            panic!("on purpose: not made");
        }
        Worker {
            name,
            diary: diary.clone(),
            directive,
        }
    })
    .supervised_by(supervisor, restart)
    .shutdown(Duration::from_secs(5))
    .spawn()
    .unwrap()
}
