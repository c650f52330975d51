//! The flows over channels and as a stream: what most programs do without stages.

mod tokio_mpsc;
pub(crate) use tokio_mpsc::by_item as tokio_by_item;
mod tokio_vec;
pub(crate) use tokio_vec::by_vec as tokio_by_vec;
mod kanal_async;
pub(crate) use kanal_async::by_item as kanal_by_item;
mod stream;
pub(crate) use stream::chain as stream_chain;
