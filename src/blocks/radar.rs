//! The state machine itself: time, events in, changes out.

use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::curve::{Curve, Shape};
use super::early::Early;
use super::event::{CellKey, Event, Message};
use super::groups::Scope;
use super::outlook::{CellView, Change, Outlook, State, What};
use super::pending::Book;
use super::rules::{CurveRules, Rules};
use super::table::Table;
use crate::model::{Channel, Ms};

/// Later times (beyond the year 2106) are nonsense and count as now.
const LAST: Ms = u32::MAX as Ms * 1000;
/// How often unused cells are looked for.
const SWEEP_MS: Ms = 3_600_000;

/// All that is known, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Radar {
    pub(super) rules: Rules,
    pub(super) now: Ms,
    /// When the first message was sent; 0: none was.
    pub(super) born: Ms,
    /// Messages closed since.
    pub(super) closed: u64,
    pub(super) table: Table,
    pub(super) book: Book,
    pub(super) delays: [Delays; 2],
    pub(super) changes: Vec<Change>,
    early: Early,
}

#[derive(Deserialize)]
struct Stored {
    rules: Rules,
    now: Ms,
    born: Ms,
    closed: u64,
    table: Table,
    book: Book,
    delays: [Delays; 2],
    changes: Vec<Change>,
    early: Early,
}

impl TryFrom<Stored> for Radar {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Radar, &'static str> {
        let Stored { rules, now, born, closed, table, book, delays, changes, early } = stored;
        if !table.is_sound() || !book.is_sound(|cell| table.exists(cell)) {
            return Err("the radar's snapshot contradicts itself");
        }
        Ok(Radar { rules, now, born, closed, table, book, delays, changes, early })
    }
}

/// The delay curves of a channel, on which its cells' lean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Delays {
    pub typed_curve: Curve,
    pub sign_curve: Curve,
    pub typed: Shape,
    pub sign: Shape,
    /// Clicks after an untyped message.
    pub click_curve: Curve,
    pub click: Shape,
    since: u32,
}

impl Delays {
    fn new(typing: Ms, sign: Ms, rules: &CurveRules) -> Delays {
        Delays {
            typed_curve: Curve::default(),
            sign_curve: Curve::default(),
            typed: Shape::lognormal(typing, rules.spread),
            sign: Shape::lognormal(sign, rules.spread),
            click_curve: Curve::default(),
            click: Shape::lognormal(rules.click_ms, rules.spread),
            since: 0,
        }
    }

    /// Counts ages; the shapes follow when a 32nd of what they rest on is new.
    pub fn add(&mut self, typed: Option<Ms>, sign: Option<Ms>, start: (Ms, Ms), rules: &CurveRules) {
        typed.into_iter().for_each(|age| self.typed_curve.add(age));
        sign.into_iter().for_each(|age| self.sign_curve.add(age));
        self.since += 1;
        if self.since > self.sign_curve.total() / 32 {
            self.since = 0;
            let shape = |median, curve| Shape::lognormal(median, rules.spread).corrected(curve, rules.prior_messages);
            self.typed = shape(start.0, &self.typed_curve);
            self.sign = shape(start.1, &self.sign_curve);
            self.click = shape(rules.click_ms, &self.click_curve);
        }
    }
}

pub(super) fn place(channel: Channel) -> usize {
    match channel {
        Channel::Sms => 0,
        Channel::Voice => 1,
    }
}

/// The medians that a channel starts with: typing, first sign.
pub(super) fn medians(channel: Channel, rules: &CurveRules) -> (Ms, Ms) {
    match channel {
        Channel::Sms => (rules.sms_typing_ms, rules.sms_sign_ms),
        Channel::Voice => (rules.voice_typing_ms, rules.voice_sign_ms),
    }
}

impl Radar {
    /// One that knows nothing yet.
    pub fn new(rules: Rules) -> Radar {
        let delays = [Channel::Sms, Channel::Voice].map(|channel| {
            let (typing, sign) = medians(channel, &rules.curve);
            Delays::new(typing, sign, &rules.curve)
        });
        let book = Book::new(rules.curve.close_ms);
        let table = Table::default();
        Radar { rules, now: 0, born: 0, closed: 0, table, book, delays, changes: Vec::new(), early: Early::default() }
    }

    /// The rules it follows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Takes an event in. An older time, or a nonsensical one, counts as now. What is told
    /// of a message that was not sent yet waits for it for a while.
    pub fn apply(&mut self, at: Ms, event: &Event) {
        self.advance(at);
        let at = self.now;
        if let Event::Sent { m, cell, lot } = event {
            self.sent(at, *m, cell, *lot);
            for early in self.early.take(*m) {
                self.told(at, *m, &early);
            }
        } else if let Some(m) = event.message() {
            match self.book.find(m) {
                Some(_) => self.told(at, m, event),
                None => self.early.park(at, m, event),
            }
        }
    }

    /// Something happened to a message.
    fn told(&mut self, at: Ms, m: Message, event: &Event) {
        match event {
            Event::Receipt { outcome, .. } => self.receipt(at, m, *outcome),
            Event::Typed { .. } => self.typed(at, m),
            Event::Clicked { .. } => self.clicked(at, m),
            Event::Rescued { .. } => self.rescued(at, m),
            Event::Withdrawn { .. } => self.withdrawn(at, m),
            Event::Sent { .. } | Event::Tick => {}
        }
    }

    /// Lets time pass: checkpoints, closings and ageing that are due. How often it is
    /// called makes no difference.
    pub fn advance(&mut self, now: Ms) {
        if now <= self.now || now > LAST {
            return;
        }
        while let Some(at) = self.book.next_turn(now) {
            let slots = self.book.due();
            for slot in &slots {
                self.look(at, *slot);
            }
            self.book.done(slots);
        }
        let swept = self.now / SWEEP_MS;
        self.now = now;
        if now / SWEEP_MS > swept {
            self.sweep(now / SWEEP_MS * SWEEP_MS, false);
        }
    }

    /// Forgets cells that are unused for long; more of them if room is needed.
    pub(super) fn sweep(&mut self, at: Ms, need_room: bool) {
        let gone = self.table.surplus(at, &self.rules.keep, need_room);
        if gone.is_empty() {
            return;
        }
        gone.iter().for_each(|id| self.table.close(*id));
        self.book.kill_where(|cell| !self.table.exists(cell));
    }

    /// State changes and network alarms since the last call, in their order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How many cells are known, and how many messages are being followed.
    pub fn size(&self) -> (usize, usize) {
        (self.table.len(), self.book.len())
    }

    /// All cells with their numbers, in the order of their keys.
    pub fn cells(&self) -> impl Iterator<Item = (&CellKey, CellView)> {
        let mut all: Vec<_> = self.table.entries().map(|(id, entry)| (&entry.key, id)).collect();
        all.sort_unstable();
        all.into_iter().map(|(key, id)| (key, self.view(id)))
    }

    /// The state of each cell, in no order that means anything.
    pub fn states(&self) -> impl Iterator<Item = State> {
        self.table.entries().map(|(id, _)| self.table.cell(id).state)
    }

    fn view(&self, id: u32) -> CellView {
        let cell = self.table.cell(id);
        let (typed, received) = self.usual(id, self.now);
        CellView {
            state: cell.state,
            label: cell.label,
            since: Ms::from(cell.state_since) * 1000,
            last_sent: Ms::from(cell.last_sent) * 1000,
            typed: typed.mean,
            received: received.mean,
            factor: f64::from(cell.belief.factor),
            learned: f64::from(cell.received.of),
            score: self.counted(cell).wrong(),
            contrast: cell.case.as_ref().map_or(0.0, |case| self.contrast_of(case)),
        }
    }

    /// What to expect of a cell, known or not.
    pub fn outlook(&self, key: &CellKey, now: Ms) -> Outlook {
        let Some(id) = self.table.find(key) else { return self.outlook_of_unknown(key) };
        let cell = self.table.cell(id);
        let (mean, sd) = self.expected(cell);
        let (fall_back_after, receipts_count) = self.fall_back(cell, key.channel);
        Outlook {
            state: cell.state,
            label: cell.label,
            mean,
            sd,
            probe_due: cell.state == State::Blocked && self.probe_due(cell, key.channel, now.max(self.now)),
            fall_back_after,
            receipts_count,
            p50: cell.sign_step(0),
            p95: cell.sign_step(3),
        }
    }

    fn outlook_of_unknown(&self, key: &CellKey) -> Outlook {
        let (mean, sd) = self.expected_of_unknown(key);
        let delays = &self.delays[place(key.channel)];
        Outlook {
            state: State::Healthy,
            label: None,
            mean,
            sd,
            probe_due: false,
            fall_back_after: self.soon_enough(delays.typed.age(self.rules.probe.fall_back_suspect), &delays.typed),
            receipts_count: false,
            p50: delays.sign.age(0.5),
            p95: delays.sign.age(0.95),
        }
    }

    /// Notes a change, with its reason.
    pub(super) fn note(&mut self, at: Ms, id: u32, what: What) {
        if self.changes.len() >= self.rules.keep.changes_max {
            self.changes.remove(0);
        }
        let reason = self.sentence(id, at);
        let label = self.table.cell(id).label;
        self.changes.push(Change { at, cell: self.table.key(id).clone(), what, label, reason });
    }

    /// The name of a scope's country and carrier, for groups that may not exist yet.
    pub(super) fn scopes(key: &CellKey) -> [Scope; 4] {
        let country = key.network.split('/').next().unwrap_or_default().to_owned();
        let (channel, carrier) = (key.channel, key.carrier.clone());
        [
            Scope::All(channel),
            Scope::Country(channel, country.clone()),
            Scope::Carrier(channel, carrier.clone()),
            Scope::Branch(channel, carrier, country),
        ]
    }

    /// Scores as they count for a cell.
    pub(super) fn counted(&self, cell: &Cell) -> super::score::Counted {
        cell.scores.counted(self.types(cell), &self.rules.score)
    }

    /// Whether codes are typed there at all.
    pub(super) fn types(&self, cell: &Cell) -> bool {
        f64::from(cell.belief.typed) >= self.rules.score.typing_min
    }
}
