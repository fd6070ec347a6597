//! The chart: what each library costs, in what ours does.

use std::fmt::Write as _;

use crate::report::Report;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
const BAR: f64 = 11.0;
const GAP: f64 = 16.0;
const TOP: f64 = 58.0;
/// Longer bars are cut off there.
const MOST: f64 = 8.0;
/// One a library: seen on white and on black.
const COLOURS: [&str; 5] = ["#1a7f37", "#d9822b", "#4a7fd6", "#a25bd0", "#c0445e"];
/// Lines of the table of ratios that are drawn: costs in process.
const LINES: usize = 8;

/// Draws the first lines of the table.
pub(crate) fn draw(report: &Report) -> String {
    let mut bars = String::new();
    let mut y = TOP;
    for row in &report.rows[..LINES] {
        let bars_of_row = row.ratios.iter().flatten().count() + 1;
        let middle = y + bars_of_row as f64 * BAR / 2.0 + 4.0;
        let _ = writeln!(
            bars,
            r#"<text x="{}" y="{middle}" text-anchor="end">{}</text>"#,
            LEFT - 10.0,
            row.name
        );
        let theirs = row
            .ratios
            .iter()
            .map(|ratio| ratio.map(|ratio| 1.0 / ratio.median));
        for (times, colour) in std::iter::once(Some(1.0)).chain(theirs).zip(COLOURS) {
            let Some(times) = times else { continue };
            let end = length(times);
            let cut = if times > MOST { "›" } else { "" };
            let _ = writeln!(
                bars,
                r#"<rect x="{LEFT}" y="{y}" width="{end:.1}" height="{}" fill="{colour}"/><text class="value" x="{:.1}" y="{}">{times:.1}{cut}</text>"#,
                BAR - 2.0,
                LEFT + end + 4.0,
                y + BAR - 3.0,
            );
            y += BAR;
        }
        y += GAP;
    }
    let mut legend = String::new();
    for (number, (name, colour)) in report.names.iter().zip(COLOURS).enumerate() {
        let x = LEFT + number as f64 * 128.0;
        let _ = writeln!(
            legend,
            r#"<rect x="{x}" y="32" width="10" height="10" fill="{colour}"/><text x="{}" y="41">{name}</text>"#,
            x + 15.0
        );
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" font-family="system-ui, sans-serif" font-size="12">
<style>text {{ fill: #24292f }} .value {{ font-size: 9px }} @media (prefers-color-scheme: dark) {{ text {{ fill: #d0d7de }} }}</style>
<text x="{LEFT}" y="18" font-weight="bold">Cost over the bare handler, in times of ours (shorter is better)</text>
{legend}{bars}</svg>
"#
    )
}

fn length(times: f64) -> f64 {
    times.min(MOST) / MOST * (WIDTH - LEFT - 50.0)
}
