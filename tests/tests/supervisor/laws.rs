//! Laws of supervision over random programs, on a paused clock.
//!
//! * L1: at rest every child that has not ended answers, unless it was told to hang; a supervisor that has ended has no
//!   living child.
//! * L2: a child never has two behaviours at once: what the old one held is free before the factory runs.
//! * L3: in a group, whoever is started again finds nobody up that was started after it.
//! * L4: restarts of a child are never more than the failures of its group.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use stage::Restart::{Permanent, Temporary, Transient};
use stage::{
    Backoff, Context, Exit, Handler, Intensity, Producer, ProducerHandle, Restart, Result,
    Strategy, Supervisor, producer_with, supervisor,
};

/// Children of each of the two supervisors.
const CHILDREN: usize = 3;
/// Longer than every deadline and wait of a program together.
const REST: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy)]
enum Do {
    Panic,
    Complete,
    StopItself,
    Hang,
    /// Nothing: whoever replies is up.
    Ping,
}

#[derive(Debug, Clone)]
enum Step {
    Tell(usize, Do),
    /// Its handle stops it.
    Stop(usize),
    Abort(usize),
    Advance(Duration),
}

fn step() -> impl Strategy_<Value = Step> {
    let who = 0..2 * CHILDREN;
    let order = prop_oneof![
        6 => Just(Do::Panic),
        1 => Just(Do::Complete),
        1 => Just(Do::StopItself),
        2 => Just(Do::Hang),
    ];
    prop_oneof![
        8 => (who.clone(), order).prop_map(|(who, order)| Step::Tell(who, order)),
        1 => who.clone().prop_map(Step::Stop),
        1 => who.prop_map(Step::Abort),
        4 => (0..8_000_u64).prop_map(|ms| Step::Advance(Duration::from_millis(ms))),
    ]
}

use proptest::strategy::Strategy as Strategy_;

/// Which children have a behaviour, and what was seen to break a law.
#[derive(Debug, Default)]
struct Seen {
    is_up: [bool; 2 * CHILDREN],
    is_hanging: [bool; 2 * CHILDREN],
    has_started: [bool; 2 * CHILDREN],
    broken: Vec<String>,
}

struct Child {
    at: usize,
    is_grouped: bool,
    seen: Arc<Mutex<Seen>>,
}

impl Child {
    fn new(at: usize, is_grouped: bool, seen: &Arc<Mutex<Seen>>) -> Self {
        let mut now = seen.lock().unwrap();
        if std::mem::replace(&mut now.is_up[at], true) {
            now.broken.push(format!("L2: {at} is up twice"));
        }
        Self {
            at,
            is_grouped,
            seen: Arc::clone(seen),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.seen.lock().unwrap().is_up[self.at] = false;
    }
}

impl Producer for Child {
    type Out = usize;

    async fn started(&mut self, _: &mut Context<usize>) -> Result {
        let mut seen = self.seen.lock().unwrap();
        seen.is_hanging[self.at] = false;
        let is_again = std::mem::replace(&mut seen.has_started[self.at], true);
        let group_end = (self.at / CHILDREN + 1) * CHILDREN;
        let mut behind = (self.at + 1..group_end).filter(|other| seen.is_up[*other]);
        if let Some(behind) = behind.next_back().filter(|_| is_again && self.is_grouped) {
            let broken = format!("L3: {} starts while {behind} is up", self.at);
            seen.broken.push(broken);
        }
        Ok(())
    }

    async fn handle_demand(&mut self, _: usize, _: &mut Context<usize>) -> Result {
        Ok(())
    }
}

impl Handler<Do, usize> for Child {
    type Reply = ();

    async fn handle(&mut self, order: Do, cx: &mut Context<usize>) {
        match order {
            Do::Panic => panic!("on purpose"),
            Do::Complete => cx.complete(),
            Do::StopItself => cx.stop(),
            Do::Hang => {
                self.seen.lock().unwrap().is_hanging[self.at] = true;
                std::future::pending::<()>().await;
            }
            Do::Ping => {}
        }
    }
}

struct Program {
    top: Supervisor,
    below: Supervisor,
    children: Vec<ProducerHandle<Child>>,
    seen: Arc<Mutex<Seen>>,
}

fn start(strategies: [Strategy; 2], restarts: [Restart; 3], allowed: usize) -> Program {
    let seen = Arc::<Mutex<Seen>>::default();
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8));
    let build = |strategy| {
        let intensity = Intensity::new(allowed, Duration::from_secs(20));
        supervisor(strategy).intensity(intensity).backoff(backoff)
    };
    let top = build(strategies[0]).spawn().unwrap();
    let child = |at: usize, supervisor: &Supervisor, strategy| {
        let seen = Arc::clone(&seen);
        let is_grouped = strategy != Strategy::OneForOne;
        producer_with(move || Child::new(at, is_grouped, &seen))
            .supervised_by(supervisor, restarts[at % CHILDREN])
            .shutdown(Duration::from_secs(3))
            .spawn()
            .unwrap()
    };
    let mut children: Vec<_> = (0..CHILDREN)
        .map(|at| child(at, &top, strategies[0]))
        .collect();
    let below = build(strategies[1])
        .supervised_by(&top, Permanent)
        .spawn()
        .unwrap();
    children.extend((CHILDREN..2 * CHILDREN).map(|at| child(at, &below, strategies[1])));
    Program {
        top,
        below,
        children,
        seen,
    }
}

async fn run(program: &Program, steps: &[Step]) -> std::result::Result<(), TestCaseError> {
    let mut panics = 0;
    for step in steps {
        match step {
            Step::Tell(who, order) => {
                panics += usize::from(matches!(order, Do::Panic));
                let _ended = program.children[*who].cast(*order);
            }
            Step::Stop(who) => {
                let child = program.children[*who].clone();
                drop(tokio::spawn(async move { child.stop().await }));
            }
            Step::Abort(who) => program.children[*who].abort(),
            Step::Advance(time) => tokio::time::sleep(*time).await,
        }
    }
    tokio::time::sleep(REST).await;
    let ended = |supervisor: &Supervisor| supervisor.exit().is_some();
    prop_assert!(
        !ended(&program.top) || ended(&program.below),
        "L1: the one below ends too"
    );
    for (at, child) in program.children.iter().enumerate() {
        let supervisor = if at < CHILDREN {
            &program.top
        } else {
            &program.below
        };
        if ended(supervisor) {
            prop_assert!(child.exit().is_some(), "L1: {at} outlives its supervisor");
        } else if child.exit().is_none() && !program.seen.lock().unwrap().is_hanging[at] {
            let reply = child.call_within(Do::Ping, REST).await;
            prop_assert!(reply.is_ok(), "L1: {at} does not answer: {reply:?}");
        }
    }
    let restarts = [&program.top, &program.below].map(|s| s.children());
    for child in restarts.into_iter().flatten() {
        let steps = u64::try_from(steps.len()).unwrap();
        prop_assert!(
            child.restarts <= steps,
            "L4: {child:?} after {panics} panics"
        );
    }
    program.top.stop().await;
    for child in &program.children {
        let is_over = matches!(
            child.exit(),
            Some(Exit::Stopped | Exit::Aborted | Exit::Completed | Exit::Panicked(_))
        );
        prop_assert!(is_over, "L1: {:?}", child.exit());
    }
    let seen = program.seen.lock().unwrap();
    prop_assert!(seen.broken.is_empty(), "{:?}", seen.broken);
    prop_assert!(!seen.is_up.contains(&true), "all that was made is dropped");
    Ok(())
}

fn strategy() -> impl Strategy_<Value = Strategy> {
    prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::RestForOne),
        Just(Strategy::OneForAll)
    ]
}

fn restart() -> impl Strategy_<Value = Restart> {
    prop_oneof![3 => Just(Permanent), 2 => Just(Transient), 1 => Just(Temporary)]
}

/// The panics on purpose are reported by the runtime; printing each would bury a real one.
fn silence_panics_on_purpose() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref() != Some(&"on purpose") {
                print(panic);
            }
        }));
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_programs_keep_the_laws(
        strategies in [strategy(), strategy()],
        restarts in [restart(), restart(), restart()],
        allowed in 1..6_usize,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        silence_panics_on_purpose();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let program = start(strategies, restarts, allowed);
            let all = tokio::time::timeout(100 * REST, run(&program, &steps)).await;
            all.map_err(|_| TestCaseError::fail("it hangs"))?
        })?;
    }
}
