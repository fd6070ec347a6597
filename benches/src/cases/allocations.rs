//! Allocations a request, over a layer that does nothing. They are exact: no rounds.

use crate::allocator;
use crate::app::App;
use crate::peers::{Framework, Peer, Storage};
use crate::work::KEYS;

/// Names, paths, whether the request has a cookie, and what ours may allocate.
pub(crate) const PATHS: [(&str, &str, bool, f64); 5] = [
    ("no cookie, untouched", "/untouched", false, 3.0),
    ("cookie, untouched", "/untouched", true, 3.0),
    ("read one key", "/read", true, 6.0),
    ("write one key", "/write", true, 12.0),
    ("log in", "/login", false, 14.0),
];

/// For each path, what each library allocates.
pub(crate) async fn measure(peers: &[Box<dyn Peer>]) -> Vec<Vec<i64>> {
    let mut least = Vec::new();
    for framework in Framework::ALL {
        least.push((framework, framework.under_nothing().await));
    }
    let mut apps = Vec::new();
    for peer in peers {
        let app = peer
            .app(Storage::MEMORY)
            .await
            .expect("all have memory here");
        let cookie = app.new_session(KEYS).await;
        apps.push((peer.framework(), app, cookie));
    }
    let mut counts = Vec::new();
    for (_, path, with_cookie, _) in PATHS {
        let mut row = Vec::new();
        for (framework, app, cookie) in &apps {
            let cookie = with_cookie.then_some(cookie.as_str());
            let (_, nothing) = least
                .iter()
                .find(|(other, _)| other == framework)
                .expect("each has one");
            row.push(count(app, path, cookie).await - count(nothing, path, cookie).await);
        }
        counts.push(row);
    }
    counts
}

/// The least of many requests: the first ones set up what lasts, and a map grows at times, each of a storage's parts by itself.
async fn count(app: &App, path: &str, cookie: Option<&str>) -> i64 {
    let mut least = u64::MAX;
    for _ in 0..256 {
        let request = app.request(path, cookie);
        let (allocations, response) = allocator::allocations(app.call(request)).await;
        assert_eq!(response.status(), 200);
        least = least.min(allocations);
    }
    i64::try_from(least).expect("a small number")
}
