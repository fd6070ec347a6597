use session::testing::Gate;
use tokio::task::JoinHandle;

use super::app;
use super::stage::Stage;
use crate::support::client::{Answer, Client};

/// A request that waits at one of its storage calls, so that others overtake it there.
pub(super) struct Overtaken {
    gate: Gate,
    request: JoinHandle<Answer>,
}

impl Overtaken {
    /// Begins a request that waits before its storage call after so many; `None` when it has ended without that many.
    ///
    /// Counted up from 0 until there is none, that is every point at which the request can be overtaken.
    pub(super) async fn after(
        calls: usize,
        stage: &Stage,
        client: &Client,
        path: &str,
    ) -> Option<Self> {
        let (client, orders) = stage.client_beside(client, app::routes());
        let gate = orders.hold_after(calls);
        let mut request = client.start(path);
        tokio::select! {
            () = gate.reached() => Some(Self { gate, request }),
            answer = &mut request => {
                answer.unwrap().ok();
                assert!(calls > 0, "the load is a call");
                None
            }
        }
    }

    /// Lets the request go on, to its answer.
    pub(super) async fn goes_on(self) -> Answer {
        self.gate.open();
        self.request.await.unwrap()
    }
}
