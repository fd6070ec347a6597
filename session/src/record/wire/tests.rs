use crate::error::StorageError;
use crate::record::{Record, Terms};

/// Golden: what an earlier version wrote stays readable, byte for byte where nobody touched it.
#[test]
fn format_1_is_read_and_written_back_byte_for_byte() {
    let golden = include_str!("../../../golden/record-v1.json").trim_end();
    let record = Record::from_json(golden.as_bytes()).unwrap();
    let lasting = |key| record.lasting(key).map(|entry| entry.value);
    assert_eq!(record.to_json(), golden);
    assert_eq!(lasting("price"), Some("1.10"));
    assert_eq!(lasting("cart"), Some(r#"[{"title":"Dune", "count":2}]"#));
    assert_eq!(lasting("odd \"key\"\n"), Some("null"));
    assert!(
        record
            .entries()
            .all(|entry| entry.terms == Terms::default())
    );
    assert!(record.ended().is_none());
}

#[test]
fn format_1_with_the_terms_of_values_is_read_and_written_back_byte_for_byte() {
    let golden = include_str!("../../../golden/record-v1-terms.json").trim_end();
    let record = Record::from_json(golden.as_bytes()).unwrap();
    assert_eq!(record.to_json(), golden);
    let terms = |key| record.lasting(key).map(|entry| entry.terms);
    let (until, secret) = (Some(1_790_000_600), true);
    assert_eq!(terms("code"), Some(Terms { until, secret }));
    assert_eq!(
        terms("theme"),
        Some(Terms {
            until: None,
            secret: false
        })
    );
    assert!(record.is_secret("answer"));
}

/// Every text that is one byte away from a record, by a change, an omission or a repetition.
#[test]
fn the_short_way_reads_nothing_that_the_long_way_reads_otherwise() {
    const AS_WRITTEN: [&str; 5] = [
        r#"{"format":1,"created_at":1790000000,"values":{}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":"b c","b":-12,"c":true,"d":false,"e":null,"ü":"ß"},"flash":{"a":0}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":[1,[],{},[2,{"x":"y","z":[null]}]],"b":{"k":{"l":7}}},"flash_next":{"b":1}}"#,
        r#"{"format":1,"created_at":1844674407370955161,"values":{"a":15},"flash":{"x":1,"y":2},"flash_next":{"y":1}}"#,
        r#"{"format":1,"created_at":0,"values":{"a_longer_key":"","eight_ab":1,"seven_a":{"another_key":[]}}}"#,
    ];
    let mut read = 0;
    let mut compare = |text: &[u8]| {
        if let Some(record) = Record::scan(text) {
            let text = std::str::from_utf8(text).unwrap();
            assert_eq!(Record::parse(text).ok(), Some(record), "{text}");
            read += 1;
        }
    };
    for text in AS_WRITTEN.map(str::as_bytes) {
        for index in 0..text.len() {
            for byte in (0..0x80).chain([0xC3]) {
                let mut changed = text.to_vec();
                changed[index] = byte;
                compare(&changed);
            }
            let (before, after) = text.split_at(index);
            compare(before);
            compare(&[before, &after[1..]].concat());
            compare(&[before, &after[..1], after].concat());
        }
    }
    assert!(read > 1000, "{read}");
}

#[test]
fn what_is_written_is_read_the_short_way_and_all_else_the_long_way() {
    for json in [
        r#"{"format":1,"created_at":1790000000,"values":{}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":"b","b":[{"c":-1}]},"flash":{"a":true}}"#,
        r#"{"format":1,"created_at":1,"values":{},"flash_next":{"a":"ü"}}"#,
    ] {
        let record = Record::scan(json.as_bytes()).unwrap();
        assert_eq!(record.to_json(), json);
    }
    for json in [
        r#"{ "format":1,"created_at":1,"values":{}}"#,
        r#"{"format":1,"created_at":1,"values":{"b":1,"a":2}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":1,"a":2}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":1.5}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":"\n"}}"#,
        r#"{"format":1,"created_at":1,"values":{},"more":1}"#,
        r#"{"format":1,"created_at":1,"values":{"a":1},"until":{"a":5}}"#,
    ] {
        assert!(Record::scan(json.as_bytes()).is_none(), "{json}");
        assert!(Record::parse(json).is_ok(), "{json}");
    }
}

#[test]
fn terms_of_values_that_are_not_there_are_dropped() {
    let json = r#"{"format":1,"created_at":1,"values":{},"until":{"gone":5},"secret":["gone"]}"#;
    let record = Record::from_json(json.as_bytes()).unwrap();
    assert_eq!(
        record.to_json(),
        r#"{"format":1,"created_at":1,"values":{}}"#
    );
}

#[test]
fn keys_in_any_order_are_read_and_of_one_that_is_there_twice_the_last_value() {
    let json = r#"{"format":1,"created_at":1,"values":{"b":1,"c":2,"a":3,"b":4,"c":5,"b":6}}"#;
    let record = Record::from_json(json.as_bytes()).unwrap();
    assert_eq!(
        record.to_json(),
        r#"{"format":1,"created_at":1,"values":{"a":3,"b":6,"c":5}}"#
    );
}

#[test]
fn what_is_not_a_record_is_corrupt_and_quotes_nothing() {
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"format":1,"created_at":"hunter2","values":{}}"#,
        r#"{"format":1,"created_at":1,"values":{"a":}}"#,
        r#"{"format":1,"created_at":1,"values":{}} trailing"#,
        r#"{"format":1,"created_at":1,"ended":{"successor":"hunter2"}}"#,
        r#"{"format":1,"created_at":1,"values":{},"until":{"a":"hunter2"}}"#,
        r#"{"format":1,"created_at":1,"values":{},"secret":"hunter2"}"#,
    ] {
        let error = Record::from_json(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, StorageError::Corrupt(_)), "{bad}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_newer_format_is_not_taken_for_a_corrupt_one() {
    let newer = r#"{"format":2,"created_at":1,"values":{}}"#;
    let error = Record::from_json(newer.as_bytes()).unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)));
}

#[test]
fn deep_json_neither_overflows_the_stack_nor_is_lost() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let json = format!(r#"{{"format":1,"created_at":1,"values":{{"deep":{deep}}}}}"#);
    if let Ok(record) = Record::from_json(json.as_bytes()) {
        assert_eq!(record.to_json(), json);
    }
}
