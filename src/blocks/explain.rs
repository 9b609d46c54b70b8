//! One sentence with the numbers of a cell: why its state is what it is, and what would
//! change it.

use super::cell::{Cell, Witness};
use super::event::CellKey;
use super::outlook::{Label, State};
use super::radar::Radar;
use crate::model::Ms;

/// Of fewer messages a cell's own shares are mostly those of its network and carrier.
const KNOWN_MESSAGES: f64 = 20.0;

/// Below this part of what another carrier reaches in the same network one is called weak.
const WEAK: f64 = 0.5;

impl Radar {
    /// Why a cell is in its state, and what would change that.
    pub fn explain(&self, key: &CellKey, now: Ms) -> String {
        match self.table.find(key) {
            Some(id) => self.sentence(id, now.max(self.now)),
            None => {
                let (mean, sd) = self.expected_of_unknown(key);
                format!(
                    "healthy: no message has been sent here yet; by its network and its carrier {} ± {} of codes \
                     are expected to be typed.",
                    percent(mean),
                    percent(sd)
                )
            }
        }
    }

    pub(super) fn sentence(&self, id: u32, at: Ms) -> String {
        let cell = self.table.cell(id);
        let counted = self.counted(cell);
        let (score, rules) = (counted.wrong(), &self.rules.states);
        let evidence = self.evidence(cell);
        let alone = self.table.network(cell.network).cells.len() < 2;
        let suspect_at = format!("suspect from {} nats on", rules.suspect_at);
        match (cell.state, &cell.case) {
            (State::Suspect, Some(case)) => {
                let contrast = self.contrast_of(case);
                let next = if alone {
                    format!(
                        "there is no other carrier to compare with, so it needs rescues by calls worth {} nats (now \
                         {:.1}) to be blocked",
                        rules.contrast_at_alone, case.rescued
                    )
                } else if cell.label == Some(Label::Network) {
                    "all carriers of the network have the same, so nothing is moved".to_owned()
                } else {
                    format!(
                        "blocked from a score of {} with a contrast of {} to the other carriers on (now {contrast:.1} \
                         after {} of their messages)",
                        rules.block_at, rules.contrast_at, case.others
                    )
                };
                let clear = rules.clear_below;
                let asked = f64::from(cell.scores.complaints);
                let asked = if asked >= 0.5 {
                    format!(", {asked:.1} of them by people who asked again")
                } else {
                    String::new()
                };
                format!(
                    "suspect: {evidence}; score {score:.1} nats{asked}; {next}; healthy again below a score of {clear}."
                )
            }
            (State::Blocked, Some(case)) => {
                let name = match cell.label {
                    Some(Label::Slow) => "slow, so not used",
                    Some(Label::CarrierDown) => "blocked (the carrier has this on most of its networks)",
                    _ => "blocked",
                };
                let by = match case.witness {
                    Witness::Typing => "typed codes",
                    Witness::Receipts => "receipts",
                };
                format!(
                    "{name} for {} by its {by}: {evidence}, which gave a score of {:.1} and a contrast of {:.1}; since \
                     then {} of {} probes came through; it comes back when these say {} nats for a lift (now {:.1}).",
                    span(at.saturating_sub(Ms::from(cell.state_since) * 1000)),
                    case.blocked_by[0],
                    case.blocked_by[1],
                    case.probes_came,
                    case.probes,
                    self.rules.probe.lifted_at,
                    case.lift
                )
            }
            (State::Ramp, Some(case)) => format!(
                "on its way back: {evidence}; score {score:.1} nats; healthy after {} judged messages (now {}); blocked \
                 again from a score of {} on.",
                rules.ramp_messages, case.ramped, rules.relapse_at
            ),
            _ => {
                let of = f64::from(cell.received.of);
                let shares = format!(
                    "{} of codes are typed and {} have a sign of arrival",
                    percent(f64::from(cell.belief.typed)),
                    percent(f64::from(cell.belief.received))
                );
                let usual = if of < KNOWN_MESSAGES {
                    format!("{of:.0} messages closed so far are too few to know it by, so it is assumed that {shares}")
                } else {
                    format!("of {of:.0} messages remembered {shares}")
                };
                let weak = self.stronger(id).map(|stronger| format!(", but weak: {stronger}")).unwrap_or_default();
                format!(
                    "healthy{weak}: {usual}; in the present stretch {evidence}; score {score:.1} nats, {suspect_at}."
                )
            }
        }
    }

    /// Another carrier that is far better here, where both are known. A cell that was never
    /// good has nothing to fall from; this tells it from a good one.
    fn stronger(&self, id: u32) -> Option<String> {
        let (cell, key) = (self.table.cell(id), self.table.key(id));
        let is_known = |cell: &Cell| f64::from(cell.received.of) >= KNOWN_MESSAGES;
        if !is_known(cell) {
            return None;
        }
        let is_other = |of: &CellKey| of.carrier != key.carrier && of.is_of_texts() == key.is_of_texts();
        let all = self.table.network(cell.network).cells.iter().map(|id| (self.table.key(*id), self.table.cell(*id)));
        let others: Vec<_> =
            all.filter(|(of, other)| is_other(of) && is_known(other) && other.state != State::Blocked).collect();
        let far_better = |share: fn(&Cell) -> f64, least: f64, what: &str| {
            let shares = others.iter().map(|(of, other)| (&of.carrier, share(other)));
            let (carrier, best) = shares.filter(|(_, best)| *best >= least).max_by(|a, b| a.1.total_cmp(&b.1))?;
            (share(cell) < WEAK * best).then(|| format!("{carrier} has {} of {what}", percent(best)))
        };
        let typing = far_better(|of| of.belief.typed.into(), self.rules.score.typing_min, "its codes typed");
        typing.or_else(|| far_better(|of| of.belief.received.into(), 0.0, "its messages with a sign of arrival"))
    }

    /// The counts of the present stretch of evidence.
    fn evidence(&self, cell: &Cell) -> String {
        let tally = &cell.tally;
        let filtered =
            if tally.filtered > 0 { format!(", {} reported as filtered", tally.filtered) } else { String::new() };
        if self.types(cell) {
            format!(
                "of {} sent {} were due, {} codes typed where {:.1} were expected, {} receipts{filtered}",
                tally.sent, tally.judged, tally.typed, tally.expected, tally.receipts
            )
        } else {
            format!(
                "of {} sent (too few codes are typed here to judge by) {} receipts where {} is usual{filtered}",
                tally.sent,
                tally.receipts,
                percent(f64::from(cell.belief.received))
            )
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn span(ms: Ms) -> String {
    let minutes = ms / 60_000;
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}
