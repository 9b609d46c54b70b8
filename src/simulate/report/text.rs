//! Reports for people.

use std::fmt::{self, Write};

use super::expect::short;
use super::numbers::Spread;
use super::summary::{Radar, Summary};
use crate::simulate::scenario::units::span;
use crate::simulate::scenario::{Plan, word};

/// Rows under a head; the first column to the left, the others to the right.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with only its head.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Table { rows: vec![head.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            write!(f, "{:<width$}", row[0], width = widths[0])?;
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The report of one scenario.
pub fn report(plan: &Plan, seeds: usize, summaries: &[Summary]) -> String {
    let mut text = String::new();
    let about = if plan.about.is_empty() { String::new() } else { format!(": {}", plan.about) };
    let _ = writeln!(text, "{}{about}", plan.name);
    let _ = writeln!(text, "{}\n", size(plan, seeds, summaries));
    let mut table =
        Table::new(["POLICY", "LOST", "p95", "OVER ORACLE", "RATIO", "AFTER ASKING", "LOST IN ALL", "MONEY"]);
    for summary in summaries {
        let above = summary.above_oracle.unwrap_or_default();
        table.row([
            summary.policy.clone(),
            whole(summary.lost.median),
            whole(summary.lost.p95),
            whole(above.median),
            summary.excess_ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
            whole(summary.after_asking.median),
            whole(summary.lost_in_all.median),
            summary.money_ratio.and_then(|ratio| ratio.median).map_or_else(dash, |ratio| format!("{ratio:.3}")),
        ]);
    }
    let _ = write!(text, "{table}");
    for summary in summaries {
        if let Some(radar) = &summary.radar {
            let _ = write!(text, "\n{}", findings(&summary.policy, radar));
        }
    }
    text
}

/// How much was run, and what happens.
fn size(plan: &Plan, seeds: usize, summaries: &[Summary]) -> String {
    let first = summaries.first();
    let number = |number: Option<f64>| number.map_or_else(dash, |number| format!("{number:.0}"));
    let (codes, all) = (number(first.and_then(|s| s.codes)), number(first.and_then(|s| s.codes_in_all)));
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for happening in &plan.happenings {
        match kinds.iter_mut().find(|(kind, _)| *kind == word(happening.kind)) {
            Some((_, count)) => *count += 1,
            None => kinds.push((word(happening.kind), 1)),
        }
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| if count > 1 { format!("{count} {kind}") } else { kind.into() })
        .collect();
    let kinds = if kinds.is_empty() { "nothing happens".into() } else { kinds.join(", ") };
    let over = span(plan.length as f64);
    let seeds = if seeds == 1 { "1 seed".into() } else { format!("medians of {seeds} seeds") };
    format!("{seeds}; {over}; {kinds}; {codes} codes where it happens, {all} in all")
}

/// What a radar found, in lines.
fn findings(policy: &str, radar: &Radar) -> String {
    let mut lines = Vec::new();
    if radar.harmed_cells > 0 {
        let (found, of) = (radar.detected, radar.harmed_cells);
        lines.push(format!(
            "{found} of {of} harmed cells blocked: {} judged first tries, {}; suspect after {}",
            spread(&radar.judged),
            radar.seconds.median.map_or_else(|| "never".into(), |seconds| span(seconds * 1e3)),
            spread(&radar.judged_until_suspect),
        ));
    }
    if radar.bursts > 0 {
        let percent = |share: Option<f64>| share.map_or_else(dash, |share| format!("{:.0} %", 100.0 * share));
        let (alarm, block) = (percent(radar.burst_alarm_share), percent(radar.burst_block_share));
        lines.push(format!("{} bursts: network alarm in {alarm}, a cell blocked in {block}", radar.bursts));
    }
    if radar.lifts > 0 {
        lines.push(format!("{} lifts noticed after {} minutes", radar.lifts, spread(&radar.lift_minutes)));
    }
    lines.push(format!(
        "{} false blocks, {} false network alarms ({} in a million), {} right ones; suspect {} times in a thousand",
        radar.false_blocks,
        radar.false_network_alarms,
        short(radar.false_alarms_per_million),
        radar.right_network_alarms,
        short(radar.suspects_per_thousand),
    ));
    lines.into_iter().fold(String::new(), |text, line| text + policy + ": " + &line + "\n")
}

/// A median with its bad end.
fn spread(spread: &Spread) -> String {
    let number =
        |number: Option<f64>| number.map_or_else(|| "never".into(), |number| short((number * 10.0).round() / 10.0));
    format!("{} (p90 {}, p95 {})", number(spread.median), number(spread.p90), number(spread.p95))
}

/// A whole number, or a dash.
pub fn whole(number: Option<f64>) -> String {
    number.map_or_else(dash, |number| format!("{number:.0}"))
}

/// What stands where there is no number.
pub fn dash() -> String {
    "-".into()
}
