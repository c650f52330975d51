//! Random programs for dispatchers, from a seed, and their shrinking.

/// One thing that happens to a dispatcher. Subscriptions are named by their place among those that live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A subscription with this key.
    Subscribe(usize),
    Ask(usize, usize),
    /// An ask for more than there will ever be.
    AskAll(usize),
    AskUnknown(usize),
    /// So many new events, behind those that were left over.
    Dispatch(usize),
    Mark,
    Cancel(usize),
    CancelUnknown,
}

/// A small generator, so that a program is told by its seed. Source: Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", 2014 (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }
}

/// The largest number of one ask or one batch.
const MOST: usize = 12;

/// Places of subscriptions that a step may name.
const PLACES: usize = 6;

/// Makes a program of so many steps; subscriptions have one of `keys` keys.
pub(super) fn program(random: &mut Random, steps: usize, keys: usize) -> Vec<Step> {
    (0..steps).map(|_| step(random, keys)).collect()
}

/// Asks and batches are most of a program, as they are of a stage's life.
fn step(random: &mut Random, keys: usize) -> Step {
    match random.below(100) {
        0..18 => Step::Subscribe(random.below(keys)),
        18..50 => Step::Ask(random.below(PLACES), 1 + random.below(MOST)),
        50..52 => Step::AskAll(random.below(PLACES)),
        52..54 => Step::AskUnknown(1 + random.below(MOST)),
        54..84 => Step::Dispatch(1 + random.below(MOST)),
        84..88 => Step::Mark,
        88..97 => Step::Cancel(random.below(PLACES)),
        _ => Step::CancelUnknown,
    }
}

/// Returns the smallest program it finds of which `fails` still says so: fewer steps first, then smaller numbers.
pub(super) fn shrunk(mut program: Vec<Step>, fails: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut len = program.len().next_power_of_two();
    while len > 0 {
        let mut at = 0;
        while at < program.len() {
            let mut shorter = program.clone();
            shorter.drain(at..(at + len).min(program.len()));
            if fails(&shorter) {
                program = shorter;
            } else {
                at += len;
            }
        }
        len /= 2;
    }
    for at in 0..program.len() {
        while let Some(smaller) = smaller(program[at]) {
            let before = std::mem::replace(&mut program[at], smaller);
            if !fails(&program) {
                program[at] = before;
                break;
            }
        }
    }
    program
}

fn smaller(step: Step) -> Option<Step> {
    let one_less = |n: usize| n.checked_sub(1).filter(|less| *less > 0);
    match step {
        Step::Ask(at, n) => one_less(n).map(|n| Step::Ask(at, n)),
        Step::AskUnknown(n) => one_less(n).map(Step::AskUnknown),
        Step::Dispatch(n) => one_less(n).map(Step::Dispatch),
        Step::AskAll(at) => Some(Step::Ask(at, MOST)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_by_its_seed() {
        let [one, same, other] = [7, 7, 8].map(|seed| program(&mut Random::new(seed), 40, 3));
        assert_eq!(one, same);
        assert_ne!(one, other);
    }

    #[test]
    fn shrinking_keeps_what_fails_and_nothing_else() {
        let fails = |steps: &[Step]| {
            let asks = steps
                .iter()
                .position(|step| matches!(step, Step::Ask(_, n) if *n > 2));
            let marks = steps.iter().rposition(|step| *step == Step::Mark);
            asks.zip(marks).is_some_and(|(ask, mark)| ask < mark)
        };
        let mut random = Random::new(1);
        let long = std::iter::repeat_with(|| program(&mut random, 60, 3));
        let failing = long.take(50).find(|steps| fails(steps));
        let least = shrunk(failing.expect("one of 50 fails"), fails);
        assert!(matches!(*least, [Step::Ask(_, 3), Step::Mark]), "{least:?}");
    }
}
