use super::merge::AROUND;
use super::*;
use crate::record::Entry;

const NO_LIMIT: usize = usize::MAX;
const NOW: u64 = 1000;

fn record(entries: &[(&str, Kind, &str)]) -> Record {
    let terms = Terms::default();
    let entries = entries.iter().map(|&(key, kind, value)| Entry {
        key,
        kind,
        value,
        terms,
    });
    let mut entries: Vec<_> = entries.map(Entry::raw).collect();
    entries.sort_by_key(|entry| (entry.key, entry.kind));
    Record::of(0, &mut entries)
}

fn json(text: &str) -> Value {
    Value {
        json: text.as_bytes().into(),
        terms: Terms::default(),
    }
}

fn lasting<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
    record.lasting(key).map(|entry| entry.value)
}

/// Counts up from whatever number is there.
fn count(changes: &mut Changes, seen: &Record) {
    let step = Arc::new(Step::new(|stored| {
        let number: u32 = stored.map_or(0, |json| serde_json::from_slice(json).unwrap());
        Ok(Some((number + 1).to_string().into_bytes().into()))
    }));
    let outcome = step.run(
        changes
            .lasting("n", Some(seen))
            .map(|seen| match seen.text {
                Text::Changed(json) => json.to_vec(),
                Text::Stored(_, json) => json.to_owned(),
            })
            .as_deref(),
    );
    let terms = Terms::default();
    let outcome = outcome.map(|json| json.map(|json| Value { json, terms }));
    changes.update("n".into(), &[], step, outcome, terms);
}

fn apply(changes: &Changes, fresh: &Record, seen: &Record) -> Record {
    changes.apply(fresh, Some(seen), NO_LIMIT, NOW).unwrap()
}

#[test]
fn what_was_not_touched_stays_as_the_fresh_record_has_it() {
    let seen = record(&[("a", Kind::Lasting, "1"), ("b", Kind::Lasting, "1")]);
    let fresh = record(&[("a", Kind::Lasting, "2"), ("c", Kind::Lasting, "2")]);
    let mut changes = Changes::on_load(&seen);
    changes.set("d".into(), Ok(json("3")));
    changes.unset_lasting("c".into());
    let merged = record(&[("a", Kind::Lasting, "2"), ("d", Kind::Lasting, "3")]);
    assert_eq!(apply(&changes, &fresh, &seen), merged);
}

#[test]
fn an_update_runs_again_on_a_value_that_has_changed_and_only_then() {
    let seen = record(&[("n", Kind::Lasting, "1")]);
    let mut changes = Changes::on_load(&seen);
    count(&mut changes, &seen);
    count(&mut changes, &seen);
    let merged = |fresh| lasting(&apply(&changes, &fresh, &seen), "n").map(str::to_owned);
    assert_eq!(merged(seen.clone()).as_deref(), Some("3"));
    assert_eq!(
        merged(record(&[("n", Kind::Lasting, "10")])).as_deref(),
        Some("12")
    );
    assert_eq!(merged(record(&[])).as_deref(), Some("2"));
}

#[test]
fn an_update_of_a_value_that_was_set_depends_on_nothing_stored() {
    let seen = record(&[("n", Kind::Lasting, "1")]);
    let fresh = record(&[("n", Kind::Lasting, "10")]);
    let mut set = Changes::on_load(&seen);
    set.set("n".into(), Ok(json("5")));
    count(&mut set, &seen);
    assert_eq!(lasting(&apply(&set, &fresh, &seen), "n"), Some("6"));
    let mut cleared = Changes::on_load(&seen);
    cleared.clear();
    count(&mut cleared, &seen);
    assert_eq!(
        apply(&cleared, &fresh, &seen),
        record(&[("n", Kind::Lasting, "1")])
    );
}

#[test]
fn a_flash_value_goes_with_the_request_that_read_it_and_a_newer_one_stays() {
    let seen = record(&[("k", Kind::Flash, "1")]);
    let mut changes = Changes::on_load(&seen);
    assert!(changes.is_empty());
    changes.take_flash("k".into(), Some(&seen));
    assert!(changes.flash("k", Some(&seen)).is_none());
    assert_eq!(apply(&changes, &seen, &seen), record(&[]));
    let newer = record(&[("k", Kind::Flash, "2")]);
    assert_eq!(apply(&changes, &newer, &seen), newer);
}

#[test]
fn a_flash_value_for_the_next_request_goes_unless_it_is_kept() {
    let seen = record(&[("k", Kind::FlashNext, "1"), ("l", Kind::FlashNext, "1")]);
    let mut changes = Changes::on_load(&seen);
    assert!(!changes.is_empty(), "reading it is a change");
    changes.keep("k".into());
    assert_eq!(
        apply(&changes, &seen, &seen),
        record(&[("k", Kind::FlashNext, "1")])
    );
    let newer = record(&[("l", Kind::FlashNext, "2")]);
    assert_eq!(apply(&changes, &newer, &seen), newer);
}

fn kept(key: &'static str, value: &'static str, until: u64) -> Record {
    let terms = Terms {
        until: Some(until),
        secret: true,
    };
    Record::of(
        0,
        &mut [Entry {
            key,
            kind: Kind::Lasting,
            value,
            terms,
        }
        .raw()],
    )
}

#[test]
fn a_value_past_its_limit_goes_with_the_next_commit_and_one_before_it_keeps_its_terms() {
    let mut changes = Changes::default();
    changes.set("a".into(), Ok(json("1")));
    let past = kept("k", "1", NOW);
    assert_eq!(
        apply(&changes, &past, &past),
        record(&[("a", Kind::Lasting, "1")])
    );
    let merged = apply(&changes, &kept("k", "1", NOW + 1), &past);
    let terms = merged.lasting("k").unwrap().terms;
    assert_eq!((terms.until, terms.secret), (Some(NOW + 1), true));
}

#[test]
fn an_update_keeps_the_terms_of_the_value_that_it_changes_in_the_end() {
    let seen = kept("n", "1", NOW + 1);
    let mut changes = Changes::on_load(&seen);
    count(&mut changes, &seen);
    assert_eq!(
        apply(&changes, &kept("n", "5", NOW + 9), &seen),
        kept("n", "6", NOW + 9)
    );
    let gone = apply(&changes, &kept("n", "5", NOW), &seen);
    assert_eq!(lasting(&gone, "n"), Some("1"), "it begins with nothing");
}

#[test]
fn an_update_begins_with_a_former_key_that_was_written_meanwhile() {
    let seen = record(&[("n", Kind::Lasting, "1")]);
    let mut changes = Changes::on_load(&seen);
    let step = Arc::new(Step::new(|stored| Ok(stored.map(Json::from))));
    let outcome = Ok(Some(json("1")));
    changes.update("n".into(), &["m".into()], step, outcome, Terms::default());
    let fresh = record(&[("m", Kind::Lasting, "2"), ("n", Kind::Lasting, "1")]);
    assert_eq!(
        apply(&changes, &fresh, &seen),
        record(&[("n", Kind::Lasting, "2")])
    );
}

#[test]
fn a_lasting_and_a_flash_value_of_one_key_live_apart() {
    let seen = record(&[("k", Kind::Lasting, "1"), ("k", Kind::Flash, "2")]);
    let mut changes = Changes::on_load(&seen);
    changes.unset_lasting("k".into());
    assert_eq!(changes.keys(Some(&seen), NOW), ["k"]);
    assert_eq!(
        apply(&changes, &seen, &seen),
        record(&[("k", Kind::Flash, "2")])
    );
}

#[test]
fn a_fault_is_cleared_by_a_value_that_can_be_stored() {
    let mut changes = Changes::default();
    changes.set("k".into(), Err(Error::NotAnObject));
    assert!(changes.fault().is_some());
    assert!(changes.apply(&record(&[]), None, NO_LIMIT, NOW).is_err());
    changes.set("k".into(), Ok(json("1")));
    assert!(changes.fault().is_none());
}

#[test]
fn what_a_commit_wrote_is_subtracted_and_what_came_after_is_not() {
    let seen = record(&[("n", Kind::Lasting, "1"), ("f", Kind::Flash, "1")]);
    let mut changes = Changes::on_load(&seen);
    changes.set("a".into(), Ok(json("1")));
    changes.set("b".into(), Ok(json("1")));
    changes.take_flash("f".into(), Some(&seen));
    count(&mut changes, &seen);
    let written = changes.clone();
    let stored = apply(&written, &seen, &seen);
    changes.set("b".into(), Ok(json("2")));
    count(&mut changes, &seen);
    changes.subtract(&written);
    assert!(!changes.touches("a") && changes.touches("b") && !changes.touches("f"));
    // Another request has counted to 10 since: of the two steps here, the one that was written is not run again.
    assert_eq!(lasting(&stored, "n"), Some("2"));
    let fresh = record(&[("n", Kind::Lasting, "10")]);
    let merged = record(&[("b", Kind::Lasting, "2"), ("n", Kind::Lasting, "11")]);
    assert_eq!(apply(&changes, &fresh, &stored), merged);
    changes.subtract(&changes.clone());
    assert!(changes.is_empty());
}

#[test]
fn too_much_is_an_error_that_names_the_three_largest_keys() {
    let mut changes = Changes::default();
    for (key, size) in [("a", 10), ("b", 40), ("c", 30), ("d", 20)] {
        changes.set(key.into(), Ok(json(&"1".repeat(size))));
    }
    let Err(Error::TooLarge {
        bytes,
        limit,
        largest,
    }) = changes.apply(&record(&[]), None, 50, NOW)
    else {
        panic!("it was taken");
    };
    assert_eq!((bytes, limit), (120, 50));
    assert_eq!(
        largest,
        [
            ("b".to_owned(), 40),
            ("c".to_owned(), 30),
            ("d".to_owned(), 20)
        ]
    );
}

/// Every record of up to four entries and every set of up to four values, also of keys that are there as flash values.
#[test]
fn the_short_way_comes_to_what_the_long_way_comes_to() {
    const THERE: [(&str, Kind, &str); 5] = [
        ("b", Kind::Lasting, "1"),
        ("d", Kind::Flash, "\"flash\""),
        ("e", Kind::Lasting, "\"a longer value\""),
        ("e", Kind::Flash, "2"),
        ("g", Kind::Lasting, "[]"),
    ];
    const SET: [(&str, &str); 7] = [
        ("a", "true"),
        ("b", "\"longer than before\""),
        ("c", ""),
        ("d", "3"),
        ("e", "4"),
        ("g", "{}"),
        ("h", "5"),
    ];
    let mut compared = 0;
    for there in 0_u32..1 << THERE.len() {
        let is_there = |index: usize| there >> index & 1 == 1;
        let entries: Vec<_> = (0..THERE.len()).filter(|&at| is_there(at)).collect();
        let before = record(&entries.iter().map(|&at| THERE[at]).collect::<Vec<_>>());
        for set in 0_u32..1 << SET.len() {
            let mut changes = Changes::on_load(&before);
            for (index, (key, value)) in SET.into_iter().enumerate() {
                if set >> index & 1 == 1 {
                    changes.set(key.into(), Ok(json(value)));
                }
            }
            let long = changes.merge(Some(&before), 0, Some(&before), NO_LIMIT, NOW);
            let long = long.unwrap();
            assert_eq!(changes.patch(&before, true, NO_LIMIT).as_ref(), Some(&long));
            let most = long.text_bytes() + AROUND * (before.len() + set.count_ones() as usize);
            assert!(changes.patch(&before, true, most).is_some());
            assert!(most == 0 || changes.patch(&before, true, most - 1).is_none());
            compared += 1;
        }
    }
    assert_eq!(compared, 32 * 128);
}

#[test]
fn what_was_there_before_a_clear_does_not_come_back_the_short_way() {
    let seen = record(&[("a", Kind::Lasting, "1"), ("b", Kind::Lasting, "1")]);
    let mut changes = Changes::on_load(&seen);
    changes.clear();
    changes.set("b".into(), Ok(json("2")));
    let expected = record(&[("b", Kind::Lasting, "2")]);
    assert_eq!(apply(&changes, &seen, &seen), expected);
}

#[test]
fn what_has_terms_goes_the_long_way() {
    let terms = Terms {
        until: Some(NOW + 1),
        secret: false,
    };
    let set = |terms| {
        let mut changes = Changes::default();
        let json = b"1"[..].into();
        changes.set("a".into(), Ok(Value { json, terms }));
        changes
    };
    let plain = record(&[("b", Kind::Lasting, "1")]);
    assert!(
        set(Terms::default())
            .patch(&plain, true, NO_LIMIT)
            .is_some()
    );
    assert!(set(terms).patch(&plain, true, NO_LIMIT).is_none());
    let limited = apply(&set(terms), &plain, &plain);
    assert!(
        set(Terms::default())
            .patch(&limited, true, NO_LIMIT)
            .is_none()
    );
    let aging = record(&[("b", Kind::FlashNext, "1")]);
    assert!(
        set(Terms::default())
            .patch(&aging, true, NO_LIMIT)
            .is_none()
    );
}
