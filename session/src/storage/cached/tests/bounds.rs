//! How much is remembered.

use super::*;

#[tokio::test]
async fn at_its_capacity_the_oldest_reading_makes_room() {
    let mut node = Node::new();
    node.cached = node.cached.capacity(100);
    let first = key();
    let keys: Vec<_> = std::iter::repeat_with(|| neighbour(&first))
        .take(3)
        .collect();
    for key in &keys {
        node.write(Verb::Create, key).await.unwrap();
    }
    let mut loads = Vec::new();
    for key in keys.iter().rev() {
        loads.push(node.read(key).await.1);
    }
    assert_eq!(loads, [0, 0, 1], "two in each of 64 shards");
    for _ in 0..2_000 {
        node.write(Verb::Create, &key()).await.unwrap();
    }
    assert_eq!(node.slots(), 128);
}

#[tokio::test]
async fn one_session_takes_one_place_however_often_it_is_written_and_fails() {
    let node = Node::new();
    let key = node.stored("one").await;
    for version in 1..100 {
        node.update(&key, "next", version).await;
        assert_eq!(node.slots(), 1);
    }
    node.calls.fail(Verb::Update);
    for _ in 0..100 {
        node.write(Verb::Update, &key).await.unwrap_err();
        assert_eq!(node.slots(), 1);
    }
}

#[tokio::test]
async fn what_is_stale_goes_as_others_are_read_or_written() {
    let node = Node::new();
    let kept = node.stored("one").await;
    let old = async |count: usize| {
        for number in 0..count {
            let key = neighbour(&kept);
            if number % 2 == 0 {
                node.write(Verb::Create, &key).await.unwrap();
            } else {
                node.calls.fail(Verb::Touch);
                node.write(Verb::Touch, &key).await.unwrap_err();
                node.calls.heal();
            }
        }
        assert!(node.slots() >= count);
        node.clock.advance(MAX_AGE);
    };
    old(20).await;
    for _ in 0..20 {
        node.read(&kept).await;
    }
    assert_eq!(node.slots(), 1, "that one alone, read from memory");

    old(20).await;
    for _ in 0..20 {
        node.write(Verb::Touch, &kept).await.unwrap();
    }
    assert_eq!(node.slots(), 0);
}
