//! The body of every answer: the API's own, or one of the local web, whose request ends with it.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::web::Visit;

/// A body of the API, `A`, or of the local web.
///
/// A body of the web holds its visit: hyper drops a body when it has taken all of it, before the last bytes are
/// written. So the end is never counted later than the caller can know of it, and what was a pause to the caller is
/// at least as long a gap here.
#[derive(Debug)]
pub(crate) enum AnswerBody<A> {
    Api(A),
    Web { rest: Option<Bytes>, _visit: Visit },
}

impl<A> AnswerBody<A> {
    pub(crate) fn web(bytes: Bytes, visit: Visit) -> Self {
        Self::Web {
            rest: (!bytes.is_empty()).then_some(bytes),
            _visit: visit,
        }
    }
}

impl<A: Body<Data = Bytes> + Unpin> Body for AnswerBody<A> {
    type Data = Bytes;
    type Error = A::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, A::Error>>> {
        match &mut *self {
            Self::Api(body) => Pin::new(body).poll_frame(context),
            Self::Web { rest, .. } => Poll::Ready(rest.take().map(|rest| Ok(Frame::data(rest)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Api(body) => body.is_end_stream(),
            Self::Web { rest, .. } => rest.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Api(body) => body.size_hint(),
            Self::Web { rest, .. } => {
                SizeHint::with_exact(rest.as_ref().map_or(0, |rest| rest.len() as u64))
            }
        }
    }
}
