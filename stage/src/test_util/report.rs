//! What a run through rules or laws came to: a row for each.

use std::fmt;
use std::future::Future;

use super::Unexpected;

/// The rules that a stage or a dispatcher was run through, each with its outcome. Displayed it is a table.
#[derive(Debug, Clone)]
#[must_use = "a report that nobody asserts shows nothing"]
pub struct Report {
    checks: Vec<Check>,
}

/// One rule and what came of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Check {
    /// `RS 1.1` for a rule of the Reactive Streams specification (JVM, 1.0.4), `law: window` for one of ours.
    pub rule: &'static str,
    /// What it says.
    pub statement: &'static str,
    /// Whether it held.
    pub outcome: Outcome,
}

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was checked and held.
    Held,
    /// It was checked and broken, in this way.
    Broken(String),
    /// Types or the protocol's form leave no way to break it.
    ByDesign(&'static str),
    /// It was not checked, for this reason.
    NotApplicable(&'static str),
}

impl Report {
    pub(crate) const fn new() -> Self {
        Self { checks: Vec::new() }
    }

    /// The rules in the order in which they were checked.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The rules that were broken.
    #[must_use]
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = |check: &&Check| matches!(check.outcome, Outcome::Broken(_));
        self.checks
            .iter()
            .filter(broken)
            .map(|check| check.rule)
            .collect()
    }

    /// Returns whether no rule was broken.
    ///
    /// ```
    /// use stage::Fair;
    /// use stage::test_util::dispatcher_laws;
    ///
    /// assert!(dispatcher_laws(Fair::default, |n| n, |event| *event).check().holds());
    /// ```
    #[must_use]
    pub fn holds(&self) -> bool {
        self.broken().is_empty()
    }

    /// Fails the test unless every rule held.
    ///
    /// # Panics
    ///
    /// With the broken rules, when there are any.
    #[track_caller]
    pub fn assert(&self) {
        let broken: Vec<String> = self
            .checks
            .iter()
            .filter(|check| matches!(check.outcome, Outcome::Broken(_)))
            .map(Check::to_string)
            .collect();
        let count = broken.len();
        assert!(
            count == 0,
            "{count} rules are broken:\n{}",
            broken.join("\n")
        );
    }

    pub(crate) fn note(&mut self, rule: &'static str, statement: &'static str, outcome: Outcome) {
        self.checks.push(Check {
            rule,
            statement,
            outcome,
        });
    }

    /// Runs a check and notes what came of it.
    pub(crate) async fn check(
        &mut self,
        rule: &'static str,
        statement: &'static str,
        check: impl Future<Output = Result<(), Unexpected>>,
    ) {
        let outcome = match Box::pin(check).await {
            Ok(()) => Outcome::Held,
            Err(unexpected) => Outcome::Broken(unexpected.to_string()),
        };
        self.note(rule, statement, outcome);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.checks
            .iter()
            .try_for_each(|check| writeln!(f, "{check}"))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, why) = match &self.outcome {
            Outcome::Held => ("held", ""),
            Outcome::Broken(how) => ("BROKEN", how.as_str()),
            Outcome::ByDesign(why) => ("design", *why),
            Outcome::NotApplicable(why) => ("n/a", *why),
        };
        write!(f, "{:<20} {word:<6}  {}", self.rule, self.statement)?;
        for line in why.lines() {
            write!(f, "\n{:<28}  {line}", "")?;
        }
        Ok(())
    }
}
