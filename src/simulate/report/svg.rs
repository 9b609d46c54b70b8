//! A picture: the part of codes that came in time, over time, one line per policy.

use std::fmt::Write;

use super::summary::Summary;
use crate::simulate::judge::BUCKETS;
use crate::simulate::scenario::units::{DAY, HOUR};
use crate::simulate::scenario::{Plan, word};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 460.0;
/// The plot's edges.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 820.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 396.0;
/// Most marks of events; more would hide the lines.
const MOST_MARKS: usize = 24;
/// Colours that colour-blind people can tell apart (Okabe and Ito); ours is the first.
const COLOURS: [&str; 7] = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Draws the picture.
pub fn draw(plan: &Plan, seeds: usize, summaries: &[Summary]) -> String {
    let shares = || summaries.iter().flat_map(|summary| summary.delivered_over_time.iter().flatten());
    let lowest = shares().copied().fold(0.9, f64::min);
    let floor = ((lowest * 10.0).floor() / 10.0).clamp(0.0, 0.9);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#222\" role=\"img\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(&plan.name)
    );
    let seeds = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds together") };
    text(&mut svg, LEFT, 26.0, "start", "font-size=\"17\" font-weight=\"600\"", &plan.name);
    text(&mut svg, LEFT, 46.0, "start", "fill=\"#555\"", &cut(&plan.about, 110));
    axes(&mut svg, plan, floor);
    marks(&mut svg, plan);
    // Ours is drawn last, over the others.
    for (place, summary) in summaries.iter().enumerate().rev() {
        line(&mut svg, place, summary, floor);
    }
    legend(&mut svg, summaries);
    text(
        &mut svg,
        (LEFT + RIGHT) / 2.0,
        HEIGHT - 14.0,
        "middle",
        "fill=\"#555\"",
        &format!("time since the start ({seeds})"),
    );
    svg.push_str("</svg>\n");
    svg
}

fn x(plan: &Plan, at: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * at / plan.length as f64
}

fn y(share: f64, floor: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * (share - floor) / (1.0 - floor)
}

fn axes(svg: &mut String, plan: &Plan, floor: f64) {
    let step = if floor < 0.5 {
        0.2
    } else if floor < 0.8 {
        0.1
    } else {
        0.05
    };
    let mut share = 1.0;
    while share > floor - 1e-9 {
        let at = y(share, floor);
        let _ = writeln!(svg, "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\" stroke=\"#e3e3e3\"/>");
        text(svg, LEFT - 8.0, at + 4.5, "end", "", &format!("{:.0} %", 100.0 * share));
        share -= step;
    }
    let middle = (TOP + BOTTOM) / 2.0;
    let turned = format!("fill=\"#555\" transform=\"rotate(-90 16 {middle})\"");
    text(svg, 16.0, middle, "middle", &turned, "codes there within 60 s");
    let steps = [
        HOUR / 12,
        HOUR / 6,
        HOUR / 4,
        HOUR / 2,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        2 * DAY,
        5 * DAY,
        10 * DAY,
        50 * DAY,
        100 * DAY,
    ];
    let step = steps.into_iter().find(|step| plan.length / step <= 9).unwrap_or(100 * DAY);
    for at in (0..=plan.length).step_by(step as usize) {
        let from = x(plan, at as f64);
        let _ = writeln!(
            svg,
            "<line x1=\"{from:.1}\" y1=\"{BOTTOM}\" x2=\"{from:.1}\" y2=\"{:.1}\" stroke=\"#888\"/>",
            BOTTOM + 5.0
        );
        let label = match step {
            step if step >= DAY => format!("{} d", at / DAY),
            step if step >= HOUR => format!("{} h", at / HOUR),
            _ => format!("{} min", at / 60_000),
        };
        text(svg, from, BOTTOM + 20.0, "middle", "", &label);
    }
    let _ = writeln!(svg, "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"#888\"/>");
}

/// Events as dashed lines with their names, ends as dotted ones.
fn marks(svg: &mut String, plan: &Plan) {
    let shown = plan.happenings.iter().filter(|happening| happening.counts());
    let mut end_of_last = f64::MIN;
    for (i, happening) in shown.take(MOST_MARKS).enumerate() {
        let at = x(plan, happening.at as f64);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{BOTTOM}\" stroke=\"#999\" stroke-dasharray=\"5 4\"/>"
        );
        if happening.until < plan.length {
            let until = x(plan, happening.until as f64);
            let _ = writeln!(
                svg,
                "<line x1=\"{until:.1}\" y1=\"{TOP}\" x2=\"{until:.1}\" y2=\"{BOTTOM}\" stroke=\"#999\" stroke-dasharray=\"1 4\"/>"
            );
        }
        let label = word(happening.kind).replace('_', " ");
        // A name that would cover the one before it is left out.
        if i == 0 || at > end_of_last {
            text(svg, at + 3.0, TOP - 8.0, "start", "fill=\"#555\"", &label);
            end_of_last = at + 8.0 + 7.5 * label.len() as f64;
        }
    }
}

fn line(svg: &mut String, place: usize, summary: &Summary, floor: f64) {
    let mut path = String::new();
    for (bucket, share) in summary.delivered_over_time.iter().enumerate() {
        let Some(share) = share else { continue };
        let at = LEFT + (RIGHT - LEFT) * (bucket as f64 + 0.5) / BUCKETS as f64;
        let _ = write!(path, "{}{at:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, y(*share, floor));
    }
    if !path.is_empty() {
        let (colour, width) = (COLOURS[place % COLOURS.len()], if summary.is_ours { 2.6 } else { 1.6 });
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>"
        );
    }
}

fn legend(svg: &mut String, summaries: &[Summary]) {
    for (place, summary) in summaries.iter().enumerate() {
        let at = TOP + 10.0 + 40.0 * place as f64;
        let colour = COLOURS[place % COLOURS.len()];
        let from = RIGHT + 14.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{from}\" y1=\"{at}\" x2=\"{}\" y2=\"{at}\" stroke=\"{colour}\" stroke-width=\"3\"/>",
            from + 20.0
        );
        text(svg, from + 26.0, at + 4.5, "start", "", &cut(&summary.policy, 14));
        let lost = summary.lost.median.map(|lost| format!("{lost:.0} lost")).unwrap_or_default();
        text(svg, from + 26.0, at + 19.0, "start", "font-size=\"11\" fill=\"#777\"", &lost);
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, more: &str, words: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{}</text>", escaped(words));
}

fn cut(words: &str, most: usize) -> String {
    if words.chars().count() <= most { words.to_owned() } else { words.chars().take(most - 1).chain(['…']).collect() }
}

/// Words as they may stand in XML 1.0, which has no room for control characters.
fn escaped(words: &str) -> String {
    let words: String = words.chars().filter(|c| !c.is_control()).collect();
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
