//! What becomes of one person's messages, from the first try to the typed code.

use super::draws::{Purpose, even, lognormal, mixed, stream};
use super::due::What;
use super::people::{LONGEST_WAIT, Person};
use super::policy::{FallBack, Found, Offer, Policy};
use super::run::World;
use super::scenario::Plan;
use super::scenario::units::{HOUR, span};
use super::scenario::written::{Receipts, Says};
use crate::blocks::{Event, Lot, Outcome};
use crate::model::Ms;

/// A message or receipt that takes longer never comes.
const NEVER: f64 = 6.0 * HOUR as f64;

impl World<'_> {
    /// A person or machine asks for a code.
    pub(super) fn start(&mut self, now: Ms, network: usize, id: u64, is_machine: bool, policy: &mut dyn Policy) {
        if self.offers[network].is_empty() {
            // Nobody could send it: a code that is lost, whatever the policy.
            if !is_machine {
                self.judge.settled(network, now, None, None);
            }
            return;
        }
        let typed = self.truth.typed(network, now);
        let person = Person::drawn(self.seed, id, network, now, is_machine, typed, &self.plan.people);
        let tires_at = now + person.patience;
        let person = self.people.add(person);
        let mut rng = stream(self.seed, Purpose::Choice, id, 0);
        let offer = Offer { routes: &self.offers[network], keys: &self.keys, truth: &self.truth };
        let pick = policy.choose(now, &offer, &mut rng);
        let route = self.offers[network][pick.index].route;
        if let Some(FallBack { after, index, unless_received }) = pick.fall_back {
            let route = self.offers[network][index].route as u16;
            self.hold(person, now + after, What::FallsBack { person, route, unless_received });
        }
        self.send(now, person, route, pick.lot, false, policy);
        let of = self.people.of(person);
        if !is_machine && of.there.is_none_or(|there| there > tires_at) {
            self.hold(person, tires_at, What::Tires { person });
        }
        self.release(person);
    }

    /// A message goes out; what becomes of it is drawn at once. `asked`: the person asked again.
    pub(super) fn send(&mut self, now: Ms, person: u32, route: usize, lot: Lot, asked: bool, policy: &mut dyn Policy) {
        let of = self.people.of(person);
        let network = usize::from(of.network);
        let cell = self.plan.cell(network, route);
        let nth = of.tries;
        let message = mixed(of.id ^ u64::from(nth) << 56 ^ self.seed.rotate_left(17));
        // Luck belongs to the person's first, second, third message, whoever carries it: two
        // carriers that are equally good then lose the same people, and policies differ only
        // by what they did.
        let mut rng = stream(self.seed, Purpose::Message, of.id, u64::from(nth));
        let carrier = self.plan.routes[route].carrier;
        of.tried(message, carrier as u8);
        let (id_waits, typing) = (of.types, of.typing);
        let started = of.at;
        self.judge.sent(now, cell, self.plan.carriers[carrier].price, nth == 0);

        // All draws are made whatever becomes of the message, so that policies meet the same luck.
        let way = self.truth.way(cell);
        let luck = even(&mut rng);
        let delay = lognormal(&mut rng, way.delay, way.delay_spread) * self.truth.slowness(cell);
        let says = even(&mut rng) <= way.receipt_share;
        let receipt = delay + lognormal(&mut rng, way.receipt_delay, way.receipt_spread);
        let arrives = luck <= self.truth.delivery(cell, now) && delay <= NEVER;

        let mut sent = std::mem::replace(&mut self.sent[cell], Event::Tick);
        if let Event::Sent { m, lot: of, .. } = &mut sent {
            (*m, *of) = (message, lot);
        }
        self.tell(now, policy, &sent);
        self.sent[cell] = sent;

        let dropped = !arrives && luck <= self.truth.sound(cell, now);
        let outcome = match (self.truth.receipts(cell), self.truth.says(cell)) {
            (_, Says::Filtered) if dropped => Some(Outcome::Filtered),
            (_, Says::Lost) if dropped => Some(Outcome::Lost),
            (Receipts::Honest, _) => arrives.then_some(Outcome::Delivered),
            (Receipts::Lying, _) => Some(Outcome::Delivered),
            (Receipts::Missing, _) => None,
        };
        if let Some(outcome) = outcome.filter(|_| says && receipt <= NEVER) {
            self.hold(person, now + receipt as Ms, What::Receipt { person, message, outcome });
        }
        if !arrives {
            return;
        }
        let there = now + delay as Ms;
        let is_earlier = self.people.of(person).arrives(there, asked);
        if id_waits && is_earlier && there <= started + LONGEST_WAIT {
            self.hold(person, there + typing, What::Reads { person });
        }
    }

    /// A person has read a code and types it.
    pub(super) fn reads(&mut self, now: Ms, person: u32, policy: &mut dyn Policy) {
        let of = self.people.of(person);
        if of.is_done || of.has_left {
            return;
        }
        of.is_done = true;
        let (first, last, tries) = (of.messages[0], of.messages[usize::from(of.tries) - 1], of.tries);
        self.tell(now, policy, &Event::Typed { m: last });
        if tries > 1 {
            self.tell(now, policy, &Event::Rescued { m: first });
        }
    }

    /// Nothing has come and the person has waited long enough.
    pub(super) fn tires(&mut self, now: Ms, person: u32, policy: &mut dyn Policy) {
        let (of, people) = (self.people.of(person), &self.plan.people);
        if of.is_done || of.there.is_some_and(|there| there <= now) {
            return;
        }
        let (click, leave) = (people.click.0, people.click.0 + people.leave.0);
        if of.mood > click && of.mood <= leave {
            of.has_left = true;
            return;
        }
        if of.mood > leave + people.again.0 {
            return;
        }
        let (clicks, newest) = (of.mood <= click, of.messages[usize::from(of.tries) - 1]);
        let (id, network, tried, tries) = (of.id, usize::from(of.network), of.carriers, usize::from(of.tries));
        if clicks {
            self.tell(now, policy, &Event::Clicked { m: newest });
        }
        if self.offers[network].is_empty() {
            return;
        }
        let offer = Offer { routes: &self.offers[network], keys: &self.keys, truth: &self.truth };
        let mut rng = stream(self.seed, Purpose::Choice, id, tries as u64);
        let again = policy.choose_again(now, &offer, &tried[..tries], &mut rng);
        let route = self.offers[network][again].route;
        self.send(now, person, route, Lot::Aside, true, policy);
    }

    /// Tells the policy, and hears what it found.
    pub(super) fn tell(&mut self, now: Ms, policy: &mut dyn Policy, event: &Event) {
        policy.event(now, event);
        self.hear(now, policy);
    }

    /// Passes to the judge what the policy found.
    pub(super) fn hear(&mut self, now: Ms, policy: &mut dyn Policy) {
        for found in policy.found() {
            let is_false = self.judge.found(now, &found, &self.truth);
            if self.trace {
                trace(self.plan, self.seed, now, &found, is_false);
            }
        }
    }

    /// Makes something due that needs a person.
    fn hold(&mut self, person: u32, at: Ms, what: What) {
        self.people.of(person).held += 1;
        self.due(at, what);
    }

    /// One thing fewer needs a person; after the last one the person is counted and gone.
    pub(super) fn release(&mut self, person: u32) {
        let of = self.people.of(person);
        of.held -= 1;
        if of.held == 0 {
            self.judge.person(of);
            self.people.remove(person);
        }
    }
}

fn trace(plan: &Plan, seed: u64, now: Ms, found: &Found, is_false: bool) {
    let at = span(now as f64);
    let mark = if is_false { "FALSE: " } else { "" };
    match found {
        Found::Changed { cell, from, to, reason } => {
            let cell = plan.cell_name(*cell);
            eprintln!("{} seed {seed} {at}  {mark}{cell}: {from:?} -> {to:?}. {reason}", plan.name);
        }
        Found::Alarm { network, reason } => {
            let network = &plan.networks[*network].name;
            eprintln!("{} seed {seed} {at}  {mark}network {network}: {reason}", plan.name);
        }
    }
}
