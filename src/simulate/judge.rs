//! Compares what a policy found with how the world is, and counts.

use std::collections::VecDeque;

use super::draws::{Purpose, lognormal, stream};
use super::people::Person;
use super::policy::Found;
use super::scenario::units::HOUR;
use super::scenario::{Happening, Plan, Way};
use super::truth::{IN_TIME, Truth};
use crate::blocks::State;
use crate::model::Ms;

/// After harm or a burst has ended, messages from before may still cause a finding.
const GRACE: Ms = 600_000;
/// A cell with less of its network's first tries before the harm measures nothing.
const CARRYING: f64 = 0.2;
/// Points in time of the picture.
pub const BUCKETS: usize = 72;

/// Codes that people asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// All of them.
    pub codes: u64,
    /// Not there within 60 s, unless the person asked again.
    pub lost: u64,
    /// Of the lost, those that came within 60 s because the person asked again.
    pub after_asking: u64,
}

/// One cell that was harmed.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Index of the happening.
    pub happening: usize,
    /// Whether it had traffic when the harm began; else it measures nothing.
    pub carrying: bool,
    /// Judged first tries when it became suspect.
    pub judged_suspect: Option<u64>,
    /// Judged first tries when it became blocked.
    pub judged: Option<u64>,
    /// From the harm to blocked, in milliseconds.
    pub took: Option<Ms>,
}

/// One burst: everything down, pumping or an app fault.
#[derive(Debug, Clone)]
pub struct Burst {
    /// Index of the happening.
    pub happening: usize,
    /// Whether a cell was blocked because of it.
    pub blocked: bool,
    /// Whether a network alarm was raised.
    pub alarmed: bool,
}

/// What one run of one policy came to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// On the networks that something happened to, from then on; without happenings all.
    pub affected: Tally,
    /// On all networks after the warm-up.
    pub all: Tally,
    /// First tries over the whole run, those for made-up requests included.
    pub first_tries: u64,
    /// What all messages after the warm-up cost.
    pub spent: f64,
    /// Harmed cells.
    pub detections: Vec<Detection>,
    /// Blocks of cells that were not worse than before.
    pub false_blocks: u64,
    /// Network alarms where nothing was wrong.
    pub false_alarms: u64,
    /// Network alarms where something was.
    pub right_alarms: u64,
    /// Times that a cell became suspect.
    pub suspects: u64,
    /// Bursts.
    pub bursts: Vec<Burst>,
    /// From each end of a harm of a blocked cell to the first return of traffic, in milliseconds.
    pub lifts: Vec<Option<Ms>>,
    /// Codes on the affected networks and those in time, over the length.
    pub timeline: Vec<[u64; 2]>,
}

/// A harmed cell while it is watched.
struct Watch {
    detection: usize,
    /// First tries that are not yet judged.
    young: VecDeque<Ms>,
    judged: u64,
}

/// What is known of a cell.
struct Seat {
    stand: State,
    watch: Option<Watch>,
    /// When harm last ended.
    healed: Option<Ms>,
    /// Index of an open lift.
    lift: Option<usize>,
    /// First tries, fading with an hour.
    traffic: f64,
    traffic_at: Ms,
    /// Age at which a message is judged.
    due: Ms,
}

/// The judge of one run.
pub struct Judge<'p> {
    plan: &'p Plan,
    seats: Vec<Seat>,
    affected: Vec<bool>,
    from: Ms,
    /// What was counted so far.
    pub outcome: Outcome,
}

impl<'p> Judge<'p> {
    /// Before the run.
    pub fn new(plan: &'p Plan) -> Self {
        let dues = dues(plan);
        let seat = |cell: usize| Seat {
            stand: State::Healthy,
            watch: None,
            healed: None,
            lift: None,
            traffic: 0.0,
            traffic_at: 0,
            due: dues[cell],
        };
        let counted: Vec<&Happening> = plan.happenings.iter().filter(|happening| happening.counts()).collect();
        let from = counted.iter().map(|happening| happening.at).min().unwrap_or(0).max(plan.warm_up);
        let touched = |network: usize| counted.iter().any(|happening| happening.networks.contains(&network));
        let affected = (0..plan.networks.len()).map(|network| counted.is_empty() || touched(network)).collect();
        let bursts = plan.happenings.iter().enumerate().filter(|(_, happening)| happening.is_burst());
        let bursts = bursts.map(|(happening, _)| Burst { happening, blocked: false, alarmed: false }).collect();
        let outcome = Outcome { timeline: vec![[0, 0]; BUCKETS], bursts, ..Outcome::default() };
        Judge { plan, seats: (0..plan.ways.len()).map(seat).collect(), affected, from, outcome }
    }

    /// A message was sent.
    pub fn sent(&mut self, now: Ms, cell: usize, price: f64, is_first: bool) {
        if now >= self.plan.warm_up {
            self.outcome.spent += price;
        }
        if !is_first {
            return;
        }
        self.outcome.first_tries += 1;
        let seat = &mut self.seats[cell];
        seat.traffic = seat.traffic_now(now) + 1.0;
        seat.traffic_at = now;
        if let Some(watch) = &mut seat.watch {
            watch.age(now, seat.due);
            watch.young.push_back(now);
        }
    }

    /// For a person nothing more comes; a machine that asked has lost nothing.
    pub fn person(&mut self, person: &Person) {
        if !person.is_machine {
            self.settled(usize::from(person.network), person.at, person.there_unasked, person.there);
        }
    }

    /// A person's code is there, or not, and nothing more comes.
    pub fn settled(&mut self, network: usize, at: Ms, there_unasked: Option<Ms>, there: Option<Ms>) {
        let in_time = |there: Option<Ms>| there.is_some_and(|there| there <= at + IN_TIME);
        let lost = !in_time(there_unasked);
        let one = Tally { codes: 1, lost: u64::from(lost), after_asking: u64::from(lost && in_time(there)) };
        if at >= self.plan.warm_up {
            self.outcome.all.add(one);
        }
        if !self.affected[network] {
            return;
        }
        if at >= self.from {
            self.outcome.affected.add(one);
        }
        let bucket = (at as u128 * BUCKETS as u128 / u128::from(self.plan.length)) as usize;
        let bucket = &mut self.outcome.timeline[bucket.min(BUCKETS - 1)];
        bucket[0] += 1;
        bucket[1] += 1 - one.lost;
    }

    /// A cell was harmed.
    pub fn harmed(&mut self, now: Ms, happening: usize, cell: usize) {
        let routes = self.plan.routes.len();
        let network = cell / routes;
        let all: f64 = (network * routes..(network + 1) * routes).map(|cell| self.seats[cell].traffic_now(now)).sum();
        let seat = &mut self.seats[cell];
        // It was not noticed in time.
        seat.lift = None;
        // A cell that is still blocked from before cannot become blocked, and one that is
        // harmed twice becomes so once.
        if seat.stand == State::Blocked || seat.watch.is_some() {
            return;
        }
        let carrying = all < 1.0 || seat.traffic_now(now) >= CARRYING * all;
        let judged_suspect = (seat.stand == State::Suspect).then_some(0);
        let detection = Detection { happening, carrying, judged_suspect, judged: None, took: None };
        seat.watch = Some(Watch { detection: self.outcome.detections.len(), young: VecDeque::new(), judged: 0 });
        self.outcome.detections.push(detection);
    }

    /// Harm of a cell has ended.
    pub fn healed(&mut self, now: Ms, cell: usize) {
        let seat = &mut self.seats[cell];
        seat.watch = None;
        seat.healed = Some(now);
        if seat.stand == State::Blocked && seat.lift.is_none() {
            seat.lift = Some(self.outcome.lifts.len());
            self.outcome.lifts.push(None);
        }
    }

    /// The policy found something. Whether that is a false alarm.
    pub fn found(&mut self, now: Ms, found: &Found, truth: &Truth<'_>) -> bool {
        let alarms = |outcome: &Outcome| outcome.false_blocks + outcome.false_alarms;
        let before = alarms(&self.outcome);
        match found {
            Found::Changed { cell, from, to, .. } => self.changed(now, *cell, *from, *to, truth),
            Found::Alarm { network, .. } => self.alarmed(now, *network, truth),
        }
        alarms(&self.outcome) > before
    }

    fn changed(&mut self, now: Ms, cell: usize, from: State, to: State, truth: &Truth<'_>) {
        let seat = &mut self.seats[cell];
        seat.stand = to;
        if to == State::Suspect && from != State::Suspect {
            self.outcome.suspects += 1;
        }
        if let Some(watch) = &mut seat.watch {
            watch.age(now, seat.due);
            let detection = &mut self.outcome.detections[watch.detection];
            if to == State::Suspect && detection.judged_suspect.is_none() {
                detection.judged_suspect = Some(watch.judged);
            }
            if to == State::Blocked {
                detection.judged = Some(watch.judged);
                detection.took = Some(now - self.plan.happenings[detection.happening].at);
                seat.watch = None;
            }
        }
        if matches!(to, State::Ramp | State::Healthy)
            && let Some(lift) = seat.lift.take()
        {
            self.outcome.lifts[lift] = seat.healed.map(|healed| now - healed);
        }
        let was_harmed = seat.healed.is_some_and(|healed| now < healed + GRACE);
        if to == State::Blocked && !was_harmed && !truth.is_impaired(cell, now) {
            self.outcome.false_blocks += 1;
            let network = cell / self.plan.routes.len();
            self.bursts_at(now, network).for_each(|burst| burst.blocked = true);
        }
    }

    fn alarmed(&mut self, now: Ms, network: usize, truth: &Truth<'_>) {
        let routes = self.plan.routes.len();
        let mut right = (network * routes..(network + 1) * routes).all(|cell| truth.is_impaired(cell, now));
        for burst in self.bursts_at(now, network) {
            burst.alarmed = true;
            right = true;
        }
        *if right { &mut self.outcome.right_alarms } else { &mut self.outcome.false_alarms } += 1;
    }

    /// The bursts that a finding now may be about.
    fn bursts_at(&mut self, now: Ms, network: usize) -> impl Iterator<Item = &mut Burst> {
        let plan = self.plan;
        self.outcome.bursts.iter_mut().filter(move |burst| {
            let happening = &plan.happenings[burst.happening];
            (happening.at..happening.until.saturating_add(GRACE)).contains(&now)
                && happening.networks.contains(&network)
        })
    }
}

impl Tally {
    /// Counts more.
    pub fn add(&mut self, other: Tally) {
        self.codes += other.codes;
        self.lost += other.lost;
        self.after_asking += other.after_asking;
    }
}

impl Seat {
    fn traffic_now(&self, now: Ms) -> f64 {
        self.traffic * (-((now - self.traffic_at) as f64) / HOUR as f64).exp()
    }
}

impl Watch {
    /// Counts the messages that are judged by now.
    fn age(&mut self, now: Ms, due: Ms) {
        while self.young.front().is_some_and(|sent| sent + due <= now) {
            self.young.pop_front();
            self.judged += 1;
        }
    }
}

/// For each cell the 95th percentile from sending to typing where nothing is wrong, in milliseconds.
fn dues(plan: &Plan) -> Vec<Ms> {
    let mut known: Vec<((u64, u64), Ms)> = Vec::new();
    let mut due = |way: &Way| {
        let key = (way.delay.to_bits(), way.delay_spread.to_bits());
        if let Some((_, due)) = known.iter().find(|(of, _)| *of == key) {
            return *due;
        }
        let mut rng = stream(0, Purpose::Cell, u64::MAX, 0);
        let (typing, spread) = (plan.people.typing.0 as f64, plan.people.typing_spread.0);
        let mut ages: Vec<f64> = (0..4_000)
            .map(|_| lognormal(&mut rng, way.delay, way.delay_spread) + lognormal(&mut rng, typing, spread))
            .collect();
        ages.sort_by(f64::total_cmp);
        let due = ages[ages.len() * 95 / 100] as Ms;
        known.push((key, due));
        due
    };
    plan.ways.iter().map(&mut due).collect()
}
