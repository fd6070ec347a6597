//! How long a session is read from memory.

use super::*;

#[tokio::test]
async fn a_session_is_read_from_memory_until_it_is_of_the_largest_age() {
    let node = Node::new();
    let key = node.stored("one").await;
    assert_eq!(node.read(&key).await, (Some(record("one")), 1));
    node.clock.advance(4 * SECOND);
    assert_eq!(node.read(&key).await, (Some(record("one")), 0));
    node.clock.advance(SECOND);
    assert_eq!(node.read(&key).await, (Some(record("one")), 1));
    assert_eq!(node.read(&key).await, (Some(record("one")), 0));
}

#[tokio::test]
async fn a_reading_is_as_old_as_the_beginning_of_its_load() {
    let node = Node::new();
    let key = node.stored("one").await;
    let gate = node.answers.hold_after(0);
    let loading = node.spawn(Verb::Load, key);
    gate.reached().await;
    node.clock.advance(4 * SECOND);
    gate.open();
    loading.await.unwrap();
    assert_eq!(node.read(&key).await.1, 0);
    node.clock.advance(SECOND);
    assert_eq!(node.read(&key).await.1, 1);
}

#[tokio::test]
async fn nothing_is_read_past_its_own_deadline() {
    let node = Node::new();
    let key = node.stored("one").await;
    node.stored.touch(&key, node.in_seconds(3)).await.unwrap();
    node.read(&key).await;
    node.clock.advance(2 * SECOND);
    assert_eq!(node.read(&key).await, (Some(record("one")), 0));
    node.clock.advance(SECOND);
    assert_eq!(node.read(&key).await, (None, 1));
}

#[tokio::test]
async fn that_there_is_none_is_not_remembered() {
    let node = Node::new();
    let key = key();
    assert_eq!(node.read(&key).await, (None, 1));
    let at = node.in_seconds(1000);
    node.stored.create(&key, &record("one"), at).await.unwrap();
    assert_eq!(node.read(&key).await, (Some(record("one")), 1));
}

#[tokio::test]
async fn with_no_age_nothing_is_read_from_memory() {
    let node = Node::new();
    let node = Node::of(node.stored, node.clock, Duration::ZERO);
    let key = node.stored("one").await;
    for _ in 0..2 {
        assert_eq!(node.read(&key).await, (Some(record("one")), 1));
    }
}

/// A clock that can be set back.
#[derive(Clone)]
struct Adjusted(Arc<Mutex<SystemTime>>);

impl Clock for Adjusted {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_readings_stale() {
    let mut node = Node::new();
    let clock = Adjusted(Arc::new(Mutex::new(node.clock.now())));
    node.cached = node.cached.clock(clock.clone());
    let key = node.stored("one").await;
    assert_eq!(node.read(&key).await.1, 1);
    assert_eq!(node.read(&key).await.1, 0);
    *clock.0.lock().unwrap() -= SECOND;
    assert_eq!(node.read(&key).await.1, 1);
    assert_eq!(node.read(&key).await.1, 0, "this reading has an age again");
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_hide_a_write_of_unknown_outcome() {
    let mut node = Node::new();
    let clock = Adjusted(Arc::new(Mutex::new(node.clock.now())));
    node.cached = node.cached.clock(clock.clone());
    let key = node.stored("old").await;
    let answer = node.answers.hold_after(0);
    let updating = node.spawn(Verb::Update, key);
    answer.reached().await;
    *clock.0.lock().unwrap() -= MAX_AGE;
    node.calls.lose_answers(Verb::Delete);
    node.write(Verb::Delete, &key).await.unwrap_err();
    answer.open();
    updating.await.unwrap();
    *clock.0.lock().unwrap() += MAX_AGE;
    assert_eq!(node.read(&key).await, (None, 1));

    // A write that fails before the clock is set back holds for as long as its age is not known.
    let key = node.stored("old").await;
    node.calls.lose_answers(Verb::Update);
    node.write(Verb::Update, &key).await.unwrap_err();
    *clock.0.lock().unwrap() -= 10 * MAX_AGE;
    for _ in 0..2 {
        assert_eq!(node.read(&key).await, (Some(record("new")), 1));
    }
}
