#![allow(dead_code, reason = "only storages that are elsewhere have options")]

use std::time::Duration;

/// The part of a URL behind its scheme, without the options that are ours, and those.
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) rest: String,
    /// The prefix of the keys, or the table.
    pub(super) name: Option<String>,
    pub(super) timeout: Option<Duration>,
}

impl Options {
    /// None when one of them makes no sense.
    pub(super) fn of(rest: &str, name_option: &str) -> Option<Self> {
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = Self {
            rest: address.to_owned(),
            name: None,
            timeout: None,
        };
        let mut separator = '?';
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some((name, value)) if name == name_option => options.name = Some(value.to_owned()),
                Some(("timeout_ms", value)) => {
                    let millis = value.parse().ok().filter(|&millis| millis > 0)?;
                    options.timeout = Some(Duration::from_millis(millis));
                }
                _ => {
                    options.rest.push(separator);
                    options.rest.push_str(option);
                    separator = '&';
                }
            }
        }
        Some(options)
    }

    /// As [`of`](Self::of), where there is no driver that has options, too: any other makes no sense.
    pub(super) fn only_ours(rest: &str, name_option: &str) -> Option<Self> {
        Self::of(rest, name_option).filter(|options| !options.rest.contains('?'))
    }
}

/// Sets what was given.
pub(super) fn with<S, T>(storage: S, value: Option<T>, set: impl FnOnce(S, T) -> S) -> S {
    match value {
        Some(value) => set(storage, value),
        None => storage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_that_are_ours_are_taken_out_of_a_url() {
        let of = |rest: &str| Options::of(rest, "prefix");
        let options = |rest: &str, name: Option<&str>, millis: Option<u64>| {
            Some(Options {
                rest: rest.to_owned(),
                name: name.map(str::to_owned),
                timeout: millis.map(Duration::from_millis),
            })
        };
        assert_eq!(of("//host"), options("//host", None, None));
        assert_eq!(of("//host?"), options("//host", None, None));
        assert_eq!(
            of("//host/2?prefix=shop:&protocol=resp3&timeout_ms=1500&x=y"),
            options("//host/2?protocol=resp3&x=y", Some("shop:"), Some(1500))
        );
        assert_eq!(Options::only_ours("//host?mode=ro", "prefix"), None);
        assert_eq!(
            Options::only_ours("//host?prefix=shop:", "prefix"),
            options("//host", Some("shop:"), None)
        );
        for timeout in ["", "0", "-1", "2s"] {
            assert_eq!(of(&format!("//host?timeout_ms={timeout}")), None);
        }
    }
}
