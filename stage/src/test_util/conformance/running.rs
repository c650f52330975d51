//! A stage under test, and how its checks wait for its end.

use std::ops::Deref;
use std::time::Duration;

use tokio::time::timeout;

use crate::exit::Exit;
use crate::protocol::Subscribe;
use crate::runtime::{Build, Handle, Outlet, Role};
use crate::stages::Stages;
use crate::test_util::{Patience, Unexpected};

/// How long a stage may take to stop when its check is over; then it is aborted.
const GRACE: Duration = Duration::from_secs(1);

/// Starts a stage that is subscribed to this outlet with these options.
pub(super) type SpawnOn<'a, In, S> = &'a dyn Fn(&Outlet<In>, Subscribe) -> Result<S, Unexpected>;

/// Tells an event's number.
pub(super) type NumberOf<T> = Box<dyn Fn(&T) -> usize>;

/// A stage of one check; it ends with it.
pub(super) struct Running<R: Role>(Handle<R>);

impl<R: Role> Running<R> {
    /// Starts it among names of its own, so that the stages of two checks may have the same one.
    pub(super) fn spawn(build: Build<R>) -> Result<Self, Unexpected> {
        match build.within(&Stages::new()).spawn() {
            Ok(handle) => Ok(Self(handle)),
            Err(error) => Err(Unexpected::new("a stage that starts", error.to_string())),
        }
    }

    /// Waits for its end.
    pub(super) async fn ended(&self, patience: Patience) -> Result<Exit, Unexpected> {
        timeout(patience.most, self.0.join()).await.map_err(|_| {
            let came = format!("the stage lives after {:?}", patience.most);
            Unexpected::new("the stage's end", came)
        })
    }

    /// Sees that it lives.
    pub(super) fn lives(&self) -> Result<(), Unexpected> {
        match self.0.exit() {
            None => Ok(()),
            Some(exit) => Err(Unexpected::new(
                "a stage that lives on",
                format!("it ended: {exit}"),
            )),
        }
    }
}

impl<R: Role> Deref for Running<R> {
    type Target = Handle<R>;

    fn deref(&self) -> &Handle<R> {
        &self.0
    }
}

impl<R: Role> Drop for Running<R> {
    fn drop(&mut self) {
        let handle = self.0.clone();
        tokio::spawn(async move {
            if timeout(GRACE, handle.stop()).await.is_err() {
                handle.abort();
            }
        });
    }
}
