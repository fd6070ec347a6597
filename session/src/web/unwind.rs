use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Waits for a handler, and gives a panic of it as a value: it goes on by `resume_unwind` once the request is ended (G5).
///
/// What the panic leaves of the handler is dropped, so nothing half-changed is looked at.
pub(crate) async fn caught<T>(handler: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut handler = pin!(handler);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}
