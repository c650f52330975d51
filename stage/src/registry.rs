//! Unique names of live stages and of the children of supervisors.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::task::AbortHandle;

use crate::runtime::{Handle, Outlet, Role};

struct Entry {
    handle: Box<dyn Any + Send>,
    outlet: Box<dyn Any + Send>,
    kind: &'static str,
}

/// The names of one [`Stages`](crate::Stages); clones share it.
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
}

impl Drop for ChildName {
    fn drop(&mut self) {
        self.registry.remove(&self.name);
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
        let outlet = Box::new(handle.any_outlet());
        let handle = Box::new(handle);
        self.insert(
            name,
            Entry {
                handle,
                outlet,
                kind: type_name::<R>(),
            },
        )
    }

    /// Runs `spawn` with the name, and keeps what it returns under it; `None` when something alive has the name.
    pub(crate) fn insert_child(
        &self,
        name: &str,
        spawn: impl FnOnce(ChildName) -> AbortHandle,
    ) -> Option<AbortHandle> {
        // Under the lock, so that a child that ends at once finds its name to remove.
        let mut names = self.lock();
        if names.contains_key(name) {
            return None;
        }
        let child = spawn(ChildName {
            registry: self.clone(),
            name: name.to_owned(),
        });
        let entry = Entry {
            handle: Box::new(child.clone()),
            outlet: Box::new(()),
            kind: "a child",
        };
        names.insert(name.to_owned(), entry);
        Some(child)
    }

    pub(crate) fn remove(&self, name: &str) {
        let removed = self.lock().remove(name);
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
