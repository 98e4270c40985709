//! The results as a chart: bookings a second by workload and contestant. Plain SVG whose colours follow the
//! reader's light or dark mode, and whose text is text.

use std::fmt::Write;

use super::number;
use crate::contestant::Contestant;
use crate::measure::PER_SECOND;
use crate::results::{Measured, Results};
use crate::workload::Against;

const HEIGHT: f64 = 380.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
/// The line on which the bars stand, and the highest that one reaches.
const FLOOR: f64 = 300.0;
const CEILING: f64 = 92.0;
const BAR: f64 = 30.0;
const GROUP: f64 = 3.0 * BAR + 36.0;

const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}.small{font-size:11px;fill:#59636e}.ratio{font-weight:600}
.grid{stroke:#d1d9e0;stroke-width:1}.lanes{fill:#0969da}.per_request{fill:#8c959f}.seed{fill:#d4a72c}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.grid{stroke:#3d444d}.lanes{fill:#4493f8}
.per_request{fill:#7d8590}.seed{fill:#d29922}}";

/// The chart.
pub fn of(results: &Results) -> String {
    let shown: Vec<&Measured> = results.workloads.iter().filter(|measured| is_shown(measured)).collect();
    // The legend needs the room of five groups.
    let width = LEFT + RIGHT + GROUP * (shown.len().max(5)) as f64;
    let highest = shown.iter().map(|measured| fastest(measured)).fold(1.0, f64::max);
    let step = round_step(highest);
    let scale = Scale { top: (highest / step).ceil() * step };

    // Writing to a string cannot fail.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-label=\"Requests a second by workload and contestant\">\n\
         <style>{STYLE}</style>\n<text class=\"title\" x=\"16\" y=\"26\">Requests per second, 64 connections</text>\n"
    );
    legend(&mut svg);
    for line in 0..=(scale.top / step).round() as u32 {
        let value = f64::from(line) * step;
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/>\
             <text class=\"small\" x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{4}</text>",
            width - RIGHT,
            scale.y(value),
            LEFT - 8.0,
            scale.y(value) + 4.0,
            number(value)
        );
    }
    for (place, measured) in shown.iter().enumerate() {
        group(&mut svg, &scale, LEFT + GROUP * place as f64 + 18.0, measured);
    }
    svg + "</svg>\n"
}

/// Where a value stands.
struct Scale {
    top: f64,
}

impl Scale {
    fn y(&self, value: f64) -> f64 {
        FLOOR - (FLOOR - CEILING) * value / self.top
    }
}

fn rate(measured: &Measured, contestant: Contestant) -> f64 {
    measured.median(contestant, PER_SECOND).unwrap_or(0.0)
}

fn fastest(measured: &Measured) -> f64 {
    Contestant::ALL.iter().map(|contestant| rate(measured, *contestant)).fold(0.0, f64::max)
}

/// The bars of a workload, the ratio above them and the numbers below.
fn group(svg: &mut String, scale: &Scale, left: f64, measured: &Measured) {
    for (bar, contestant) in Contestant::ALL.iter().enumerate() {
        let value = rate(measured, *contestant);
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}, {}: {}/s</title></rect>",
            contestant.name(),
            left + BAR * bar as f64,
            scale.y(value),
            BAR - 4.0,
            FLOOR - scale.y(value),
            measured.workload.name,
            contestant.name(),
            number(value)
        );
    }
    let middle = left + 1.5 * BAR;
    let mut label = |class: &str, y: f64, text: &str| {
        let _ = writeln!(
            svg,
            "<text class=\"{class}\" x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>"
        );
    };
    let (lanes, seed) = (rate(measured, Contestant::Lanes), rate(measured, Contestant::Seed));
    label("ratio", scale.y(fastest(measured)) - 8.0, &format!("{}\u{d7} seed", number(lanes / seed)));
    label("", FLOOR + 20.0, measured.workload.name);
    label("small", FLOOR + 37.0, &number(lanes));
    let others = format!("{} / {}", number(rate(measured, Contestant::PerRequest)), number(seed));
    label("small", FLOOR + 52.0, &others);
}

/// Throughput of several callers, against the seed.
fn is_shown(measured: &Measured) -> bool {
    let is_compared =
        measured.workload.goals.iter().any(|goal| {
            goal.metric == PER_SECOND && matches!(goal.against, Against::Contestant(_) | Against::Workload(_))
        });
    is_compared && rate(measured, Contestant::Seed) > 0.0
}

fn legend(svg: &mut String) {
    let names = ["Surehold", "Surehold, one transaction per request", "seed: one PL/pgSQL call per request"];
    let mut x = 16.0;
    for (who, name) in Contestant::ALL.iter().zip(names) {
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{x:.0}\" y=\"42\" width=\"12\" height=\"12\"/><text x=\"{:.0}\" y=\"53\">{name}</text>",
            who.name(),
            x + 18.0
        );
        x += 40.0 + 6.6 * name.len() as f64;
    }
}

/// A round number, so that four to eight lines reach the highest value.
fn round_step(highest: f64) -> f64 {
    let magnitude = 10_f64.powf((highest / 4.0).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * magnitude);
    steps.into_iter().rev().find(|step| highest / step >= 4.0).unwrap_or(magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::results;

    #[test]
    fn lines_stand_at_round_numbers() {
        for (highest, step) in [(13_500.0, 2000.0), (900.0, 200.0), (4000.0, 1000.0), (45_000.0, 10_000.0)] {
            assert_eq!(round_step(highest), step);
        }
    }

    #[test]
    fn the_highest_bar_is_the_fastest_and_the_ratio_stands_above_it() {
        let svg = of(&results());
        let height = |class: &str| -> f64 {
            let bar =
                svg.lines().find(|line| line.starts_with(&format!("<rect class=\"{class}\" ")) && line.contains("hot"));
            let rest = bar.and_then(|bar| bar.split("height=\"").nth(1)).expect("a bar");
            rest.split('"').next().and_then(|text| text.parse().ok()).expect("a height")
        };
        assert!((height("lanes") / height("seed") - 12.0).abs() < 0.5);
        assert!(svg.contains("12.0\u{d7} seed") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
