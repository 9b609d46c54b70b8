//! All cells with their networks and groups: found by key, kept in numbered slots, and
//! bounded. The order of everything follows from the order of the events.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use serde::{Deserialize, Serialize};

use super::cell::{Cell, STEPS};
use super::event::CellKey;
use super::groups::{Group, Scope};
use super::outlook::State;
use super::pending::Spread;
use super::rules::KeepRules;
use crate::model::{Channel, Ms};

/// A cell with its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    pub key: CellKey,
    /// What.
    pub cell: Cell,
}

/// The cells of one network and channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Which channel.
    pub channel: Channel,
    /// Its cells, in the order they came.
    pub cells: Vec<u32>,
    /// How many are suspect.
    pub suspects: u32,
    /// How many are blocked.
    pub blocked: u32,
    /// How many are compared with the others: suspects and those on their way back.
    pub compared: u32,
    /// When the first of these began to be.
    pub compared_since: Ms,
    /// The ages at which suspects are compared: typing.
    pub typed_ages: [Ms; STEPS],
    /// The same for the first sign.
    pub sign_ages: [Ms; STEPS],
    /// When it last raised an alarm; 0: never.
    pub alarmed: Ms,
    /// It was found in trouble, and that is not over yet.
    pub troubled: bool,
    /// Evidence that the trouble is over, nats.
    pub better: f32,
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Table {
    entries: Vec<Option<Entry>>,
    networks: Vec<Option<Network>>,
    groups: Vec<Option<Group>>,
    free: [Vec<u32>; 3],
    #[serde(skip)]
    by_key: Index<CellKey>,
    #[serde(skip)]
    by_network: Index<(String, Channel)>,
    #[serde(skip)]
    by_scope: Index<Scope>,
}

#[derive(Deserialize)]
struct Stored {
    entries: Vec<Option<Entry>>,
    networks: Vec<Option<Network>>,
    groups: Vec<Option<Group>>,
    free: [Vec<u32>; 3],
}

type Index<K> = HashMap<K, u32, BuildHasherDefault<Spread>>;

fn indexed<T, K: Hash + Eq>(slots: &[Option<T>], key: impl Fn(&T) -> K) -> Index<K> {
    let full = slots.iter().enumerate().filter_map(|(slot, it)| Some((slot, it.as_ref()?)));
    full.map(|(slot, it)| (key(it), slot as u32)).collect()
}

impl From<Stored> for Table {
    fn from(Stored { entries, networks, groups, free }: Stored) -> Table {
        let by_key = indexed(&entries, |entry| entry.key.clone());
        let by_network = indexed(&networks, |network| (network.name.clone(), network.channel));
        let by_scope = indexed(&groups, |group| group.scope.clone());
        Table { entries, networks, groups, free, by_key, by_network, by_scope }
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Table) -> bool {
        // The indices follow from the rest.
        (&self.entries, &self.networks, &self.groups, &self.free)
            == (&other.entries, &other.networks, &other.groups, &other.free)
    }
}

fn place<T>(slots: &mut Vec<Option<T>>, free: &mut Vec<u32>, it: T) -> u32 {
    match free.pop() {
        Some(slot) => {
            slots[slot as usize] = Some(it);
            slot
        }
        None => {
            slots.push(Some(it));
            (slots.len() - 1) as u32
        }
    }
}

const EXISTS: &str = "slots are handed out by this table and freed with their last user";

impl Table {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The slot of a cell.
    pub fn find(&self, key: &CellKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The slot of a network.
    pub fn find_network(&self, name: &str, channel: Channel) -> Option<u32> {
        self.by_network.get(&(name.to_owned(), channel)).copied()
    }

    /// A group, if there is one.
    pub fn group_of(&self, scope: &Scope) -> Option<&Group> {
        self.by_scope.get(scope).map(|slot| self.group(*slot))
    }

    /// A cell's key.
    pub fn key(&self, id: u32) -> &CellKey {
        &self.entries[id as usize].as_ref().expect(EXISTS).key
    }

    /// A cell.
    pub fn cell(&self, id: u32) -> &Cell {
        &self.entries[id as usize].as_ref().expect(EXISTS).cell
    }

    /// A cell, to change.
    pub fn cell_mut(&mut self, id: u32) -> &mut Cell {
        &mut self.entries[id as usize].as_mut().expect(EXISTS).cell
    }

    /// A network.
    pub fn network(&self, id: u32) -> &Network {
        self.networks[id as usize].as_ref().expect(EXISTS)
    }

    /// A network, to change.
    pub fn network_mut(&mut self, id: u32) -> &mut Network {
        self.networks[id as usize].as_mut().expect(EXISTS)
    }

    /// A group.
    pub fn group(&self, id: u32) -> &Group {
        self.groups[id as usize].as_ref().expect(EXISTS)
    }

    /// A group, to change.
    pub fn group_mut(&mut self, id: u32) -> &mut Group {
        self.groups[id as usize].as_mut().expect(EXISTS)
    }

    /// The groups above a branch: all, country, carrier.
    pub fn above(&self, branch: u32) -> [u32; 3] {
        self.group(branch).above
    }

    /// All cells in the order of their slots.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.entries.iter().enumerate().filter_map(|(id, entry)| Some((id as u32, entry.as_ref()?)))
    }

    /// Whether a slot holds a cell.
    pub fn exists(&self, id: u32) -> bool {
        self.entries.get(id as usize).is_some_and(Option::is_some)
    }

    /// The slot of a new cell. There must be room.
    pub fn open(&mut self, key: &CellKey, at: Ms) -> u32 {
        let country = key.network.split('/').next().unwrap_or_default().to_owned();
        let (channel, carrier) = (key.channel, key.carrier.clone());
        let all = self.open_group(Scope::All(channel), [0; 3]);
        let above = [
            all,
            self.open_group(Scope::Country(channel, country.clone()), [0; 3]),
            self.open_group(Scope::Carrier(channel, carrier.clone()), [0; 3]),
        ];
        let branch = self.open_group(Scope::Branch(channel, carrier, country), above);
        for group in above.into_iter().chain([branch]) {
            self.group_mut(group).cells += 1;
        }
        let network = self.open_network(&key.network, channel);
        let cell = Cell::new(network, branch, at);
        let id = place(&mut self.entries, &mut self.free[0], Entry { key: key.clone(), cell });
        self.by_key.insert(key.clone(), id);
        self.network_mut(network).cells.push(id);
        id
    }

    fn open_group(&mut self, scope: Scope, above: [u32; 3]) -> u32 {
        if let Some(slot) = self.by_scope.get(&scope) {
            return *slot;
        }
        let slot = place(&mut self.groups, &mut self.free[2], Group::new(scope.clone(), above));
        self.by_scope.insert(scope, slot);
        slot
    }

    fn open_network(&mut self, name: &str, channel: Channel) -> u32 {
        if let Some(slot) = self.find_network(name, channel) {
            return slot;
        }
        let network = Network {
            name: name.to_owned(),
            channel,
            cells: Vec::new(),
            suspects: 0,
            blocked: 0,
            compared: 0,
            compared_since: 0,
            typed_ages: [0; STEPS],
            sign_ages: [0; STEPS],
            alarmed: 0,
            troubled: false,
            better: 0.0,
        };
        let slot = place(&mut self.networks, &mut self.free[1], network);
        self.by_network.insert((name.to_owned(), channel), slot);
        slot
    }

    /// The cells that have to go: those unused for long, and an eighth of all if there is
    /// no room for one more, the longest unused healthy ones first.
    pub fn surplus(&self, at: Ms, rules: &KeepRules, need_room: bool) -> Vec<u32> {
        let oldest = (at.saturating_sub(rules.cell_ms) / 1000) as u32;
        let mut gone: Vec<u32> =
            self.entries().filter(|(_, entry)| entry.cell.last_sent < oldest).map(|(id, _)| id).collect();
        if need_room && gone.is_empty() && self.len() >= rules.cells_max {
            let mut all: Vec<_> = self
                .entries()
                .map(|(id, Entry { cell, .. })| (cell.state != State::Healthy, cell.last_sent, id))
                .collect();
            all.sort_unstable();
            gone = all.into_iter().take(rules.cells_max / 8 + 1).map(|(_, _, id)| id).collect();
        }
        gone
    }

    /// Forgets a cell, and its network and groups if they are empty then.
    pub fn close(&mut self, id: u32) {
        let Entry { key, cell } = self.entries[id as usize].take().expect(EXISTS);
        self.by_key.remove(&key);
        self.free[0].push(id);
        let network = self.network_mut(cell.network);
        network.cells.retain(|other| *other != id);
        network.suspects -= u32::from(cell.state == State::Suspect);
        network.blocked -= u32::from(cell.state == State::Blocked);
        network.compared -= u32::from(matches!(cell.state, State::Suspect | State::Ramp));
        if network.cells.is_empty() {
            self.by_network.remove(&(key.network, key.channel));
            self.networks[cell.network as usize] = None;
            self.free[1].push(cell.network);
        }
        let above = self.above(cell.branch);
        for slot in above.into_iter().chain([cell.branch]) {
            let group = self.group_mut(slot);
            group.cells -= 1;
            group.credible -= u32::from(slot == above[2] && cell.case.as_ref().is_some_and(|case| case.credible));
            group.blocked -= u32::from(cell.state == State::Blocked);
            group.typed.replace(cell.typed, Default::default());
            group.received.replace(cell.received, Default::default());
            if group.cells == 0 {
                let scope = group.scope.clone();
                self.by_scope.remove(&scope);
                self.groups[slot as usize] = None;
                self.free[2].push(slot);
            }
        }
    }

    /// Whether all slots point at what exists, so that a snapshot can be used.
    pub fn is_sound(&self) -> bool {
        let network = |id: u32| self.networks.get(id as usize).is_some_and(Option::is_some);
        let group = |id: u32| self.groups.get(id as usize).is_some_and(Option::is_some);
        let free = |list: &[u32], empty: &dyn Fn(usize) -> bool| list.iter().all(|slot| empty(*slot as usize));
        self.entries().all(|(_, Entry { cell, .. })| {
            network(cell.network) && group(cell.branch) && self.above(cell.branch).into_iter().all(group)
        }) && self.networks.iter().flatten().all(|network| network.cells.iter().all(|id| self.exists(*id)))
            && self.entries().all(|(_, entry)| (entry.cell.state == State::Healthy) == entry.cell.case.is_none())
            && free(&self.free[0], &|slot| self.entries.get(slot).is_some_and(Option::is_none))
            && free(&self.free[1], &|slot| self.networks.get(slot).is_some_and(Option::is_none))
            && free(&self.free[2], &|slot| self.groups.get(slot).is_some_and(Option::is_none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(carrier: &str, network: &str) -> CellKey {
        CellKey { carrier: carrier.into(), sender: String::new(), network: network.into(), channel: Channel::Sms }
    }

    #[test]
    fn cells_share_networks_and_groups_and_leave_nothing_behind() {
        let mut table = Table::default();
        let ids: Vec<u32> = [("a", "IN/1"), ("b", "IN/1"), ("a", "IN/2"), ("a", "JP/1")]
            .iter()
            .map(|(carrier, network)| table.open(&key(carrier, network), 5_000))
            .collect();
        assert_eq!((table.len(), table.network(table.cell(ids[0]).network).cells.len()), (4, 2));
        let [all, country, carrier] = table.above(table.cell(ids[0]).branch);
        assert_eq!([all, country, carrier].map(|group| table.group(group).cells), [4, 3, 3]);
        assert!(table.is_sound());
        ids.iter().for_each(|id| table.close(*id));
        assert_eq!((table.len(), table.by_network.len(), table.by_scope.len()), (0, 0, 0));
        let again = table.open(&key("", ""), 0);
        assert!((again as usize) < ids.len() && table.is_sound());
    }

    #[test]
    fn the_longest_unused_healthy_cells_go_first() {
        let (mut table, rules) = (Table::default(), KeepRules { cells_max: 16, ..KeepRules::default() });
        for n in 0..16 {
            table.open(&key("a", &format!("IN/{n}")), 10_000 * (16 - n));
        }
        table.cell_mut(15).state = State::Suspect;
        assert_eq!(table.surplus(200_000, &rules, false), [0; 0]);
        assert_eq!(table.surplus(200_000, &rules, true), [14, 13, 12]);
        assert_eq!(table.surplus(rules.cell_ms + 30_500, &rules, false), [14, 15]);
    }
}
