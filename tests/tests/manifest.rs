//! What the manifests promise: the Rust that is needed, and what a build brings along.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The packages that an application with these arguments of `cargo tree` builds, as name and version.
fn packages(arguments: &[&str]) -> Vec<(String, String)> {
    let tree = [
        "tree",
        "--locked",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let listed = cargo(&[&tree, arguments].concat());
    let mut packages: Vec<_> = listed
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((
                words.next()?.to_owned(),
                words.next()?.trim_start_matches('v').to_owned(),
            ))
        })
        .collect();
    packages.sort();
    packages.dedup();
    packages
}

fn rust_versions() -> BTreeMap<(String, String), String> {
    let metadata = cargo(&["metadata", "--format-version", "1", "--locked"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    packages
        .iter()
        .map(|package| {
            let id = (text(&package["name"]), text(&package["version"]));
            (id, text(&package["rust_version"]))
        })
        .collect()
}

/// `1.88` and `1.88.0` as numbers.
fn release(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn no_dependency_of_the_default_features_needs_a_newer_rust_than_the_manifest_states() {
    let versions = rust_versions();
    let stated = release(&versions[&("session".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]);
    assert_eq!(stated, (1, 88));
    let packages = packages(&["--package", "session"]);
    assert!(packages.len() > 20, "cargo tree lists the dependencies");
    for package in packages {
        let needed = &versions[&package];
        assert!(release(needed) <= stated, "{package:?} needs Rust {needed}");
    }
}

#[test]
fn a_default_build_has_one_version_of_each_crate_and_no_web_framework() {
    let packages = packages(&["--package", "session"]);
    for pair in packages.windows(2) {
        assert_ne!(pair[0].0, pair[1].0, "{} and {}", pair[0].1, pair[1].1);
    }
    let has = |name: &str| packages.iter().any(|(known, _)| known == name);
    assert!(has("axum-core") && !has("axum") && !has("hyper") && !has("actix-web"));
}

#[test]
fn each_feature_brings_its_own_dependencies_alone() {
    let bare = packages(&["--package", "session", "--no-default-features"]);
    let has =
        |packages: &[(String, String)], name: &str| packages.iter().any(|(known, _)| known == name);
    for heavy in [
        "aes-gcm-siv",
        "axum-core",
        "tower-service",
        "session-derive",
        "syn",
    ] {
        assert!(!has(&bare, heavy), "{heavy} comes without any feature");
    }
    let cookie = packages(&[
        "--package",
        "session",
        "--no-default-features",
        "--features",
        "cookie",
    ]);
    assert!(has(&cookie, "aes-gcm-siv") && !has(&cookie, "axum-core"));
    let tower = packages(&[
        "--package",
        "session",
        "--no-default-features",
        "--features",
        "tower",
    ]);
    assert!(has(&tower, "tower-service") && !has(&tower, "axum-core"));
}

#[test]
fn each_framework_comes_alone_and_without_tls() {
    const FRAMEWORKS: [(&str, &str); 5] = [
        ("axum", "axum-core"),
        ("actix-web", "actix-web"),
        ("poem", "poem"),
        ("salvo", "salvo_core"),
        ("rocket", "rocket"),
    ];
    for (feature, own) in FRAMEWORKS {
        let arguments = ["--package", "session", "--no-default-features"];
        let packages = packages(&[&arguments[..], &["--features", feature]].concat());
        for (_, framework) in FRAMEWORKS {
            let is_there = packages.iter().any(|(name, _)| name == framework);
            assert_eq!(
                is_there,
                framework == own,
                "{framework} with the feature {feature}"
            );
        }
        for stack in ["openssl", "native-tls", "rustls", "ring", "aws-lc-rs"] {
            assert!(
                !packages.iter().any(|(name, _)| name == stack),
                "{stack} with the feature {feature}"
            );
        }
    }
}

/// What the feature tables of the documentation and of the README say.
#[test]
fn no_feature_of_these_needs_a_newer_rust_than_it_states() {
    const STATED: [(&str, (u32, u32)); 7] = [
        ("axum", (1, 88)),
        ("actix-web", (1, 89)),
        ("poem", (1, 88)),
        ("salvo", (1, 95)),
        ("rocket", (1, 89)),
        ("dynamodb", (1, 94)),
        ("workers-kv", (1, 91)),
    ];
    let versions = rust_versions();
    for (feature, stated) in STATED {
        let arguments = ["--package", "session", "--no-default-features"];
        let packages = packages(&[&arguments[..], &["--features", feature]].concat());
        let needed = packages.iter().map(|package| release(&versions[package]));
        assert_eq!(needed.max(), Some(stated), "the feature {feature}");
    }
}

#[test]
fn each_storage_brings_its_own_client_alone_and_neither_tls_nor_http() {
    const CLIENTS: [(&str, &str); 7] = [
        ("redis", "redis"),
        ("memcached", "memcache"),
        ("postgres", "sqlx-postgres"),
        ("mysql", "sqlx-mysql"),
        ("sqlite", "sqlx-sqlite"),
        ("dynamodb", "aws-sdk-dynamodb"),
        ("workers-kv", "worker"),
    ];
    for (feature, own) in CLIENTS {
        let arguments = ["--package", "session", "--no-default-features"];
        let packages = packages(&[&arguments[..], &["--features", feature]].concat());
        for (_, client) in CLIENTS {
            let is_there = packages.iter().any(|(name, _)| name == client);
            assert_eq!(
                is_there,
                client == own,
                "{client} with the feature {feature}"
            );
        }
        for stack in [
            "openssl",
            "native-tls",
            "rustls",
            "hyper",
            "aws-smithy-http-client",
        ] {
            assert!(
                !packages.iter().any(|(name, _)| name == stack),
                "{stack} with the feature {feature}"
            );
        }
    }
}

#[test]
fn a_worker_has_no_runtime_of_tokios_no_socket_and_the_platforms_randomness() {
    let tree = ["tree", "--locked", "--edges", "normal,build"];
    let shown = ["--prefix", "none", "--format", "{p} {f}"];
    let built = [
        "--package",
        "session",
        "--no-default-features",
        "--features",
        "workers-kv,axum,cookie,derive",
        "--target",
        "wasm32-unknown-unknown",
    ];
    let listed = cargo(&[&tree[..], &shown, &built].concat());
    // Of a line such as `tokio v1.48.0 sync`, which ends in ` (*)` when it is not the first.
    let features = |name: &str| {
        let mut lines = listed.lines().map(|line| line.split(' '));
        lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.nth(1)))
    };
    assert_eq!(features("tokio"), Some(Some("sync")));
    let randomness = features("getrandom").flatten().unwrap_or_default();
    assert!(randomness.split(',').any(|feature| feature == "wasm_js"));
    for name in ["mio", "socket2", "hyper", "tokio-util"] {
        assert_eq!(features(name), None);
    }
}
