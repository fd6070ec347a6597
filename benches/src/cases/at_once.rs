//! Requests of one session at once, each of which adds a key after a wait: how many of the keys are kept.

use futures_util::future::join_all;

use crate::peers::{Peer, Storage};
use crate::work::{AT_ONCE, KEYS};

/// For each library, the least that one of some sessions kept.
pub(crate) async fn measure(peers: &[Box<dyn Peer>], sessions: usize) -> Vec<usize> {
    let mut kept = Vec::new();
    for peer in peers {
        let app = peer
            .app(Storage::MEMORY)
            .await
            .expect("all have memory here");
        let mut least = usize::MAX;
        for _ in 0..sessions {
            let cookie = app.new_session(KEYS).await;
            let paths: Vec<_> = (0..AT_ONCE)
                .map(|number| format!("/add/{number}"))
                .collect();
            join_all(paths.iter().map(|path| app.get(path, Some(&cookie)))).await;
            let count = app.get("/count", Some(&cookie)).await.count();
            least = least.min(count.expect("`/count` answers with a number"));
        }
        kept.push(least);
    }
    kept
}
