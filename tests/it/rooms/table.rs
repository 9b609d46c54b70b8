//! The table of rooms, as `docs/architecture.md` writes it.

use std::collections::BTreeMap;

/// One thing that a row allows.
enum Allowed {
    All,
    Floors(u8, u8),
    /// A room, or one thing of it: `store`, `store::StoreError`.
    Path(Vec<String>),
}

struct Room {
    floor: u8,
    is_planned: bool,
    allowed: Vec<Allowed>,
}

pub struct Table {
    rooms: BTreeMap<String, Room>,
}

impl Table {
    /// Reads the first table below the heading "Rooms".
    pub fn read(page: &str) -> Result<Self, String> {
        let (_, section) = page.split_once("\n## Rooms\n").ok_or("there is no such heading")?;
        let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let mut rows = lines.map(cells);
        if rows.next().as_deref() != Some(&["floor", "room", "owns", "may import"].map(String::from)) {
            return Err("the table starts with: floor, room, owns, may import".into());
        }
        let mut rooms = BTreeMap::new();
        for row in rows.skip(1) {
            let [floor, names, _, allowed] = row.try_into().map_err(|row| format!("not four cells: {row:?}"))?;
            let floor = floor.parse().map_err(|_| format!("{floor:?} is no floor"))?;
            let is_planned = names.contains("(planned)");
            for name in names.split('`').skip(1).step_by(2) {
                let room = Room { floor, is_planned, allowed: allowed_by(&allowed)? };
                let name = name.trim_end_matches('/').trim_end_matches(".rs").to_owned();
                if rooms.insert(name.clone(), room).is_some() {
                    return Err(format!("{name} has two rows"));
                }
            }
        }
        let table = Table { rooms };
        let all = table.rooms.values().flat_map(|room| &room.allowed);
        for allowed in all {
            if let Allowed::Path(path) = allowed
                && !table.has(&path[0])
            {
                return Err(format!("{} is allowed and is no room", path[0]));
            }
        }
        Ok(table)
    }

    pub fn has(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// The rooms that exist already.
    pub fn built(&self) -> impl Iterator<Item = &String> {
        self.rooms.iter().filter(|(_, room)| !room.is_planned).map(|(name, _)| name)
    }

    /// Why `room` may not import the thing at this path, where the path `*` is the whole crate.
    pub fn objection(&self, room: &str, import: &[String]) -> Option<String> {
        let path = import.join("::");
        let Some(row) = self.rooms.get(room) else { return Some(format!("{room} has no row")) };
        let Some(target) = import.first().filter(|target| *target != "*") else {
            let is_all = row.allowed.iter().any(|allowed| matches!(allowed, Allowed::All));
            return (!is_all).then(|| format!("{room} imports the whole crate, so what it uses cannot be told"));
        };
        let Some(floor) = self.rooms.get(target).map(|target| target.floor) else {
            return Some(format!("crate::{path}: {target} has no row"));
        };
        let is_allowed = |allowed: &Allowed| match allowed {
            Allowed::All => true,
            Allowed::Floors(low, high) => (*low..=*high).contains(&floor),
            Allowed::Path(start) => import.starts_with(start),
        };
        (target != room && !row.allowed.iter().any(is_allowed)).then(|| format!("{room} may not import crate::{path}"))
    }
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn allowed_by(cell: &str) -> Result<Vec<Allowed>, String> {
    if cell == "-" {
        return Ok(Vec::new());
    }
    cell.split(',').map(|entry| allowed(entry.trim().trim_matches('`'))).collect()
}

fn allowed(entry: &str) -> Result<Allowed, String> {
    let wrong = || format!("{entry:?} is not a floor, floors, a room, a thing of a room, or all");
    if entry == "all" {
        return Ok(Allowed::All);
    }
    if entry.starts_with(|c: char| c.is_ascii_digit()) {
        let (low, high) = entry.split_once('-').unwrap_or((entry, entry));
        let (low, high) = (low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?);
        return if low <= high { Ok(Allowed::Floors(low, high)) } else { Err(wrong()) };
    }
    let path: Vec<String> = entry.split("::").map(str::to_owned).collect();
    let is_word = |word: &String| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if path.iter().all(is_word) { Ok(Allowed::Path(path)) } else { Err(wrong()) }
}
