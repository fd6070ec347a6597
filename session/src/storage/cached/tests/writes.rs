//! What this node writes, and what is under way meanwhile.

use super::*;

#[tokio::test]
async fn what_is_written_is_read_from_memory() {
    let node = Node::new();
    let (key, at) = (key(), node.in_seconds(1000) + SECOND / 2);
    let created = node.cached.create(&key, &record("one"), at).await.unwrap();
    assert_eq!(node.read(&key).await, (Some(record("one")), 0));
    node.reads_what_is_stored(&key, "created").await;

    let Created::Done { version } = created else {
        panic!("a fresh key is taken");
    };
    node.update(&key, "two", version).await;
    assert_eq!(node.read(&key).await, (Some(record("two")), 0));
    node.reads_what_is_stored(&key, "updated").await;
}

#[tokio::test]
async fn a_write_that_tells_nothing_of_the_record_makes_room_for_a_load() {
    let node = Node::new();
    for verb in [Verb::Create, Verb::Update, Verb::Touch, Verb::Delete] {
        let key = node.stored("one").await;
        node.read(&key).await;
        // Another node's update turns this node's into a conflict.
        node.another().update(&key, "two", 1).await;
        assert_eq!(node.read(&key).await, (Some(record("one")), 0));
        node.write(verb, &key).await.unwrap();
        let expected = (verb != Verb::Delete).then(|| record("two"));
        assert_eq!(node.read(&key).await, (expected, 1), "{verb:?}");
    }
    let key = node.stored("one").await;
    node.read(&key).await;
    node.stored.delete(&key).await.unwrap();
    node.write(Verb::Update, &key).await.unwrap();
    assert_eq!(node.read(&key).await, (None, 1));
}

#[tokio::test]
async fn a_load_that_is_under_way_puts_nothing_old_back() {
    for verb in WRITES {
        // The load has its answer before the write begins.
        let node = Node::new();
        let key = node.stored("old").await;
        let gate = node.answers.hold_after(0);
        let loading = node.spawn(Verb::Load, key);
        gate.reached().await;
        node.write(verb, &key).await.unwrap();
        gate.open();
        loading.await.unwrap();
        node.reads_what_is_stored(&key, "loaded before").await;

        // It has its answer while the write is on its way, and comes back before the write does.
        let key = node.stored("old").await;
        let gate = node.calls.hold_after(0);
        let writing = node.spawn(verb, key);
        gate.reached().await;
        node.spawn(Verb::Load, key).await.unwrap();
        gate.open();
        writing.await.unwrap();
        node.reads_what_is_stored(&key, "loaded meanwhile").await;

        // It has its answer then, too, and comes back after the write.
        let key = node.stored("old").await;
        let (gate, answer) = (node.calls.hold_after(0), node.answers.hold_after(0));
        let writing = node.spawn(verb, key);
        gate.reached().await;
        let loading = node.spawn(Verb::Load, key);
        answer.reached().await;
        gate.open();
        writing.await.unwrap();
        answer.open();
        loading.await.unwrap();
        node.reads_what_is_stored(&key, "loaded meanwhile, answered late")
            .await;
    }
}

#[tokio::test]
async fn of_two_writes_the_earlier_one_puts_nothing_old_back() {
    let node = Node::new();
    let key = node.stored("old").await;
    let answer = node.answers.hold_after(0);
    let writing = node.spawn(Verb::Update, key);
    answer.reached().await;
    node.update(&key, "newest", 2).await;
    answer.open();
    writing.await.unwrap();
    node.reads_what_is_stored(&key, "answered out of order")
        .await;
}

#[tokio::test]
async fn of_two_loads_the_earlier_one_puts_nothing_old_back() {
    let node = Node::new();
    let key = node.stored("old").await;
    let answer = node.answers.hold_after(0);
    let loading = node.spawn(Verb::Load, key);
    answer.reached().await;
    let other = node.another();
    other.write(Verb::Update, &key).await.unwrap();
    assert_eq!(node.read(&key).await, (Some(record("new")), 1));
    answer.open();
    loading.await.unwrap();
    assert_eq!(node.read(&key).await, (Some(record("new")), 0));
}

#[tokio::test]
async fn a_session_that_a_load_does_not_find_is_not_remembered_any_longer() {
    let node = Node::new();
    let key = node.stored("one").await;
    // Of two loads the later one is answered last, and by then there is nothing.
    let call = node.calls.hold_after(1);
    let answer = node.answers.hold_after(0);
    let earlier = node.spawn(Verb::Load, key);
    answer.reached().await;
    let later = node.spawn(Verb::Load, key);
    call.reached().await;
    answer.open();
    earlier.await.unwrap();
    assert_eq!(node.read(&key).await, (Some(record("one")), 0));
    node.stored.delete(&key).await.unwrap();
    call.open();
    later.await.unwrap();
    assert_eq!(node.read(&key).await, (None, 1));
}

// Writes of unknown outcome.

#[tokio::test]
async fn after_a_write_whose_answer_is_lost_the_database_is_asked_for_a_while() {
    for verb in WRITES {
        let node = Node::new();
        let key = node.stored("old").await;
        node.read(&key).await;
        node.calls.lose_answers(verb);
        node.write(verb, &key).await.unwrap_err();
        node.calls.heal();
        node.reads_what_is_stored(&key, "carried out").await;
        for _ in 0..2 {
            assert_eq!(node.read(&key).await.1, 1, "{verb:?}");
        }
        node.clock.advance(4 * SECOND);
        assert_eq!(node.read(&key).await.1, 1, "{verb:?}");
        node.clock.advance(SECOND);
        node.read(&key).await;
        let loads = u64::from(verb == Verb::Delete);
        assert_eq!(node.read(&key).await.1, loads, "{verb:?}");
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_may_be_carried_out_later() {
    for verb in WRITES {
        let node = Node::new();
        let key = node.stored("old").await;
        node.read(&key).await;
        // A load whose answer comes after all of this.
        node.clock.advance(MAX_AGE);
        let answer = node.answers.hold_after(0);
        let loading = node.spawn(Verb::Load, key);
        answer.reached().await;

        let gate = node.calls.hold_after(0);
        let writing = node.spawn(verb, key);
        gate.reached().await;
        writing.abort();
        assert!(writing.await.unwrap_err().is_cancelled());
        answer.open();
        loading.await.unwrap();
        assert_eq!(node.read(&key).await, (Some(record("old")), 1));

        node.another().write(verb, &key).await.unwrap();
        node.reads_what_is_stored(&key, "carried out later").await;
    }
}

#[tokio::test]
async fn a_write_that_is_answered_does_not_settle_one_that_is_not() {
    let node = Node::new();
    let key = node.stored("old").await;
    let gate = node.calls.hold_after(0);
    let deleting = node.spawn(Verb::Delete, key);
    gate.reached().await;
    deleting.abort();
    assert!(deleting.await.unwrap_err().is_cancelled());
    node.write(Verb::Update, &key).await.unwrap();
    assert_eq!(node.read(&key).await, (Some(record("new")), 1));
    node.another().write(Verb::Delete, &key).await.unwrap();
    assert_eq!(node.read(&key).await, (None, 1));

    let other = neighbour(&key);
    node.write(Verb::Create, &other).await.unwrap();
    assert_eq!(node.read(&other).await, (Some(record("new")), 0));
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_not_forgotten_at_the_capacity() {
    let mut node = Node::new();
    node.cached = node.cached.capacity(1);
    let key = node.stored("old").await;
    node.calls.lose_answers(Verb::Update);
    node.write(Verb::Update, &key).await.unwrap_err();
    node.calls.heal();

    let other = neighbour(&key);
    node.write(Verb::Create, &other).await.unwrap();
    for _ in 0..2 {
        assert_eq!(node.read(&key).await, (Some(record("new")), 1));
    }
    node.clock.advance(MAX_AGE);
    assert_eq!(node.read(&key).await, (Some(record("new")), 1));
    assert_eq!(node.read(&key).await, (Some(record("new")), 0));
}
