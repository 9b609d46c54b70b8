use super::*;

#[test]
fn events_of_unknown_messages_change_nothing_but_the_time() {
    let (world, cells) = World::settled(61, FINE);
    let mut radar = world.radar.clone();
    for m in [0, u64::MAX, 1 << 63] {
        for outcome in [Outcome::Delivered, Outcome::Filtered, Outcome::Lost, Outcome::Number] {
            radar.apply(world.now, &Event::Receipt { m, outcome });
        }
        for event in [Event::Typed { m }, Event::Clicked { m }, Event::Rescued { m }, Event::Withdrawn { m }] {
            radar.apply(world.now, &event);
        }
        radar.apply(world.now, &Event::Sent { m, cell: cells[0].clone(), lot: Lot::Aside });
    }
    assert!(radar == world.radar);
}

#[test]
fn absurd_times_do_not_hurt() {
    let (mut world, cells) = World::settled(67, FINE);
    let now = world.now;
    for at in [0, 1, now - HOUR, u64::MAX, u64::MAX - 1, now] {
        world.radar.apply(at, &Event::Tick);
        world.radar.apply(at, &Event::Sent { m: at, cell: cells[0].clone(), lot: Lot::Usual });
        world.radar.apply(at, &Event::Typed { m: at });
        world.radar.outlook(&cells[0], at);
        world.radar.explain(&cells[0], at);
    }
    assert_eq!(world.radar.outlook(&cells[0], u64::MAX).state, State::Healthy);
    // A hundred years pass at once; what was under way is over.
    world.radar.advance(u64::from(u32::MAX) * 1000);
    assert_eq!(world.radar.size(), (0, 0));
}

#[test]
fn strange_names_are_names_like_others() {
    let mut radar = Radar::new(Rules::default());
    for (n, name) in ["", "/", "IN/", "/x", "\u{0}\u{202e}", &"x".repeat(100_000)].into_iter().enumerate() {
        let cell = key(name, name);
        radar.apply(START, &Event::Sent { m: n as u64, cell: cell.clone(), lot: Lot::Usual });
        assert!(!radar.explain(&cell, START).is_empty());
        let outlook = radar.outlook(&cell, START);
        assert!(outlook.mean > 0.0 && outlook.sd > 0.0 && outlook.fall_back_after > 0);
    }
    assert_eq!(radar.cells().count(), 6);
}

#[test]
fn a_million_cells_and_messages_are_bounded() {
    let mut rules = Rules::default();
    (rules.keep.cells_max, rules.keep.pending_max) = (500, 2_000);
    let mut radar = Radar::new(rules);
    for n in 0..1_000_000u64 {
        let cell = key("a", &format!("IN/{n}"));
        radar.apply(START + n / 10, &Event::Sent { m: n, cell, lot: Lot::Usual });
        if n % 1000 == 0 {
            let (cells, pending) = radar.size();
            assert!(cells <= 500 && pending <= 2_000, "{cells} {pending}");
        }
    }
    radar.advance(START + HOUR);
    assert_eq!(radar.size().1, 0);
    let restored: Radar = serde_json::from_str(&serde_json::to_string(&radar).unwrap()).unwrap();
    assert!(restored == radar);
}

#[test]
fn changes_that_nobody_takes_are_bounded() {
    let (mut world, cells) = World::settled(71, FINE);
    let sick = Ways { delivered: 0.0, ..FINE };
    let mut rules = world.radar.rules().clone();
    rules.keep.changes_max = 2;
    let mut radar = Radar::new(rules);
    world.run(20 * MINUTE, 2 * SECOND, &[(&cells[0], sick), (&cells[1], FINE)]);
    world.told.iter().for_each(|(at, event)| radar.apply(*at, event));
    assert!(world.radar.take_changes().len() > 2);
    assert_eq!(radar.take_changes().len(), 2);
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let (world, _) = World::settled(73, FINE);
    let mut snapshot = serde_json::to_value(&world.radar).unwrap();
    snapshot["table"]["entries"][0]["cell"]["network"] = 77.into();
    assert!(serde_json::from_value::<Radar>(snapshot).is_err());
    let mut snapshot = serde_json::to_value(&world.radar).unwrap();
    snapshot["table"]["entries"][0] = serde_json::Value::Null;
    assert!(serde_json::from_value::<Radar>(snapshot).is_err());
}

#[test]
fn cells_age_out() {
    let (mut world, cells) = World::settled(79, FINE);
    let month = world.radar.rules().keep.cell_ms;
    world.now += month - HOUR;
    world.send(&cells[0], Lot::Usual, FINE);
    world.wait(4 * HOUR);
    let left: Vec<_> = world.radar.cells().map(|(key, _)| key.clone()).collect();
    assert_eq!(left, [cells[0].clone()]);
}

#[test]
fn odd_rules_are_refused_or_do_no_harm() {
    let usual = serde_json::to_value(Rules::default()).unwrap();
    let (mut tried, mut refused) = (0, 0);
    for (room, rules) in usual.as_object().unwrap() {
        for (name, value) in rules.as_object().unwrap() {
            for odd in ["nan", "inf", "-1.0", "-1", "0", "0.0", "1", "0.5", "1e308", "1e12", "1000000"] {
                let many = |of: &Vec<_>| format!("{:?}", vec![odd; of.len()]).replace('"', "");
                let odd = value.as_array().map_or_else(|| odd.to_owned(), many);
                // A wrong type is refused by its reader.
                let Ok(rules) = toml::from_str::<Rules>(&format!("[{room}]\n{name} = {odd}")) else { continue };
                tried += 1;
                if rules.problem().is_some() {
                    refused += 1;
                    continue;
                }
                let mut world = World::new(83);
                world.radar = Radar::new(rules);
                let cells = [key("a", "IN/1"), key("b", "IN/1")];
                world.run(10 * MINUTE, 10 * SECOND, &[(&cells[0], FINE), (&cells[1], FINE)]);
                world.run(10 * MINUTE, 5 * SECOND, &[(&cells[0], Ways { delivered: 0.0, ..FINE }), (&cells[1], FINE)]);
                assert!(!world.radar.explain(&cells[0], world.now).is_empty());
            }
        }
    }
    assert!(tried > 700 && refused > 200, "{tried} tried, {refused} refused");
    assert_eq!(Rules::default().problem(), None);
}
