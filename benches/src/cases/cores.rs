//! Two threads ÷ one, reading one key of sessions that both read. By the clock: a lock's wait is no processor time.

use std::sync::Barrier;
use std::time::Instant;

use axum::Router;

use super::time::sessions;
use crate::app::App;
use crate::peers::{Framework, Peer, Storage};
use crate::stats::Ratio;
use crate::work::{KEYS, SESSIONS};

/// For each library on axum: how much more two threads do than one, in times of what the bare handler does more.
/// actix-web gives each thread an application of its own, so there is nothing to share.
pub(crate) async fn measure(peers: &[Box<dyn Peer>], rounds: usize) -> Vec<Option<Ratio>> {
    let bare = (
        Framework::Axum.floor().await,
        vec!["session=none".to_owned(); SESSIONS],
    );
    let mut lanes = vec![Some(bare)];
    for peer in peers {
        let app = peer
            .app(Storage::MEMORY)
            .await
            .expect("all have memory here");
        let cookies = sessions(&app, KEYS, SESSIONS).await;
        lanes.push((peer.framework() == Framework::Axum).then_some((app, cookies)));
    }
    let mut gains: Vec<Vec<f64>> = vec![Vec::new(); lanes.len()];
    for _ in 0..rounds {
        for (lane, gains) in lanes.iter().zip(&mut gains) {
            if let Some((App::Axum(router), cookies)) = lane {
                gains.push(rate(router, cookies, 2) / rate(router, cookies, 1));
            }
        }
    }
    let [bare, theirs @ ..] = gains.as_slice() else {
        unreachable!("the first is the bare handler");
    };
    let ratio = |gains: &Vec<f64>| (!gains.is_empty()).then(|| Ratio::of(gains, bare));
    theirs.iter().map(ratio).collect()
}

/// Requests a second of so many threads together.
fn rate(router: &Router, cookies: &[String], threads: usize) -> f64 {
    const TURNS: usize = 16;
    let barrier = Barrier::new(threads + 1);
    let took = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|number| {
                let (app, barrier) = (router.clone(), &barrier);
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    let runtime = runtime.expect("a runtime needs little");
                    let app = App::axum(app);
                    barrier.wait();
                    runtime.block_on(async {
                        let (second, first) = cookies.split_at(number * cookies.len() / 2);
                        for cookie in std::iter::repeat_n([first, second], TURNS)
                            .flatten()
                            .flatten()
                        {
                            drop(app.call(app.request("/read", Some(cookie))).await);
                        }
                    });
                })
            })
            .collect();
        barrier.wait();
        let begun = Instant::now();
        for thread in threads {
            thread.join().expect("no handler fails");
        }
        begun.elapsed()
    });
    (threads * TURNS * cookies.len()) as f64 / took.as_secs_f64()
}
