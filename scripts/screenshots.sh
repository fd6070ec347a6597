#!/bin/sh
# Takes the README's two pictures of the bookshop anew, in headless Chromium.
set -eu
cd "$(dirname "$0")/.."

cargo test --package tests --test main -- --exact browser::the_two_themes_are_two_looks

target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
mkdir -p docs
cp "$target/tmp/bookshop-light.png" "$target/tmp/bookshop-dark.png" docs/
