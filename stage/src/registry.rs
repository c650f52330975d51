//! Unique names of live stages and of the children of supervisors.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use thiserror::Error;
use tokio::task::AbortHandle;

use crate::id::StageId;
use crate::runtime::{Handle, Outlet, Role};
use crate::sync::{Mutex, MutexGuard};

struct Entry {
    /// Who has the name: only they give it back.
    owner: StageId,
    handle: Box<dyn Any + Send>,
    outlet: Box<dyn Any + Send>,
    kind: &'static str,
}

/// The names of one [`Stages`](crate::Stages); clones share it.
///
/// ```
/// use futures::TryStreamExt;
/// use stage::{Demand, LookupError, Stages, from_iter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
/// let stages = Stages::new();
/// from_iter(["ask", "emit"]).named("words").within(&stages).spawn()?;
/// let words = stages.registry().outlet::<&str>("words")?;
/// let all: Vec<&str> = words.stream(Demand::default()).try_collect().await?;
/// assert_eq!(all, ["ask", "emit"]);
/// let numbers = stages.registry().outlet::<u32>("numbers");
/// assert_eq!(numbers.unwrap_err(), LookupError::NotFound("numbers".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<HashMap<String, Entry>>>);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

/// A child's name, free again when this is dropped.
pub(crate) struct ChildName {
    registry: Registry,
    name: String,
    owner: StageId,
}

impl Drop for ChildName {
    fn drop(&mut self) {
        self.registry.remove(&self.name, self.owner);
    }
}

/// Why a name gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing alive has it.
    #[error("nothing alive is named {0:?}")]
    NotFound(String),
    /// It names something else.
    #[error("{name:?} names {found}, not {expected}")]
    WrongType {
        /// The name.
        name: String,
        /// What was looked for.
        expected: &'static str,
        /// What has the name.
        found: &'static str,
    },
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, name: &str, entry: Entry) -> bool {
        let mut names = self.lock();
        if names.contains_key(name) {
            return false;
        }
        names.insert(name.to_owned(), entry);
        true
    }

    pub(crate) fn insert_stage<R: Role>(&self, name: &str, handle: Handle<R>) -> bool {
        let entry = Entry {
            owner: handle.id(),
            outlet: Box::new(handle.any_outlet()),
            handle: Box::new(handle),
            kind: type_name::<R>(),
        };
        self.insert(name, entry)
    }

    /// Takes the name, runs `spawn` with it, and keeps what that returns under it; `None` when something alive has it.
    pub(crate) fn insert_child(
        &self,
        name: &str,
        spawn: impl FnOnce(ChildName) -> AbortHandle,
    ) -> Option<AbortHandle> {
        let owner = StageId::next();
        let entry = Entry {
            owner,
            handle: Box::new(()),
            outlet: Box::new(()),
            kind: "a child",
        };
        if !self.insert(name, entry) {
            return None;
        }
        // Not under the lock: a runtime that shuts down drops the child, and with it the name, within `spawn`.
        let child = spawn(ChildName {
            registry: self.clone(),
            name: name.to_owned(),
            owner,
        });
        let mut names = self.lock();
        if let Some(entry) = names.get_mut(name).filter(|entry| entry.owner == owner) {
            entry.handle = Box::new(child.clone());
        }
        Some(child)
    }

    /// Frees a name, if it is still this owner's.
    pub(crate) fn remove(&self, name: &str, owner: StageId) {
        let mut names = self.lock();
        let removed = match names.get(name) {
            Some(entry) if entry.owner == owner => names.remove(name),
            _ => None,
        };
        drop(names);
        drop(removed);
    }

    fn look_up<T: Clone + 'static>(
        &self,
        name: &str,
        part: fn(&Entry) -> &(dyn Any + Send),
    ) -> Result<T, LookupError> {
        let names = self.lock();
        let entry = names
            .get(name)
            .ok_or_else(|| LookupError::NotFound(name.to_owned()))?;
        part(entry)
            .downcast_ref::<T>()
            .cloned()
            .ok_or_else(|| LookupError::WrongType {
                name: name.to_owned(),
                expected: type_name::<T>(),
                found: entry.kind,
            })
    }

    /// Finds a stage.
    ///
    /// # Errors
    ///
    /// [`LookupError`]: no such name, or another type.
    pub fn handle<R: Role>(&self, name: &str) -> Result<Handle<R>, LookupError> {
        self.look_up(name, |entry| &*entry.handle)
    }

    /// Finds what a stage emits, whatever its behaviour.
    ///
    /// # Errors
    ///
    /// [`LookupError`]: no such name, or another type.
    pub fn outlet<T: Send + 'static>(&self, name: &str) -> Result<Outlet<T>, LookupError> {
        self.look_up(name, |entry| &*entry.outlet)
    }

    /// Finds a supervisor's child; aborting it frees its slot.
    ///
    /// # Errors
    ///
    /// [`LookupError`]: no such name, or a stage.
    pub fn child(&self, name: &str) -> Result<AbortHandle, LookupError> {
        self.look_up(name, |entry| &*entry.handle)
    }
}
