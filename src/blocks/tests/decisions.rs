use super::*;

fn blocked(ways: Ways) -> Ways {
    Ways { delivered: 0.0, ..ways }
}

/// How many messages of the cell until it is blocked, everything else being fine.
fn judged_until_blocked(world: &mut World, cells: &[CellKey; 4], sick: Ways, fine: Ways) -> u32 {
    let mut sent = 0;
    for _ in 0..400 {
        world.run(4 * SECOND, SECOND, &[(&cells[0], sick), (&cells[1], fine), (&cells[2], fine), (&cells[3], fine)]);
        sent += 1;
        if world.state(&cells[0]) == State::Blocked {
            return sent;
        }
    }
    panic!("not blocked after {sent} messages: {}", world.radar.explain(&cells[0], world.now));
}

#[test]
fn a_block_is_seen_whatever_the_receipts_say_and_only_there() {
    for receipts in [Receipts::Honest, Receipts::Lying, Receipts::None, Receipts::Filtered] {
        let fine = Ways { receipts, ..FINE };
        let (mut world, cells) = World::settled(7, fine);
        let changes = world.moves();
        assert!(changes.iter().all(|(_, _, to)| *to != State::Blocked), "{changes:?}");
        // 45 s of messages are under way until the first is due: 11 at one each 4 s.
        let sent = judged_until_blocked(&mut world, &cells, blocked(fine), fine);
        assert!(sent < 40, "{sent}");
        assert!(cells[1..].iter().all(|cell| world.state(cell) != State::Blocked));
    }
}

#[test]
fn probes_bring_a_lifted_cell_back_over_a_ramp() {
    for receipts in [Receipts::Honest, Receipts::Lying] {
        let fine = Ways { receipts, ..FINE };
        let (mut world, cells) = World::settled(3, fine);
        judged_until_blocked(&mut world, &cells, blocked(fine), fine);
        let with = |ways| [(&cells[0], ways), (&cells[1], fine), (&cells[2], fine), (&cells[3], fine)];
        world.moves();
        world.run(30 * MINUTE, 5 * SECOND, &with(blocked(fine)));
        assert_eq!(world.state(&cells[0]), State::Blocked);
        assert!(world.radar.outlook(&cells[0], world.now).mean < 0.15);
        world.run(40 * MINUTE, 5 * SECOND, &with(fine));
        let moves: Vec<_> = world.moves().into_iter().filter(|(cell, ..)| *cell == cells[0]).collect();
        let way: Vec<_> = moves.iter().map(|(_, _, to)| *to).collect();
        assert!(way.starts_with(&[State::Ramp, State::Healthy]), "{receipts:?} {way:?}");
    }
}

impl std::fmt::Debug for Receipts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Receipts::Honest => "honest",
            Receipts::Lying => "lying",
            Receipts::None => "none",
            Receipts::Filtered => "filtered",
        })
    }
}

#[test]
fn a_network_that_is_down_raises_one_alarm_an_hour_and_blocks_nobody() {
    let (mut world, cells) = World::settled(5, FINE);
    world.radar.take_changes();
    let down = blocked(FINE);
    world.run(50 * MINUTE, SECOND, &[(&cells[0], down), (&cells[1], down), (&cells[2], FINE), (&cells[3], FINE)]);
    let changes = world.radar.take_changes();
    let alarms: Vec<_> = changes.iter().filter(|change| change.what == What::Alarm).collect();
    assert_eq!(alarms.len(), 1, "{changes:?}");
    assert_eq!((alarms[0].cell.network.as_str(), alarms[0].label), ("IN/1", Some(Label::Network)));
    assert!(!changes.iter().any(|change| matches!(change.what, What::State { to: State::Blocked, .. })));
}

#[test]
fn a_networks_trouble_ends_when_codes_are_typed_again() {
    let (mut world, cells) = World::settled(5, FINE);
    let with = |ways| [(&cells[0], ways), (&cells[1], ways), (&cells[2], FINE), (&cells[3], FINE)];
    world.run(50 * MINUTE, SECOND, &with(blocked(FINE)));
    assert_eq!(world.state(&cells[0]), State::Suspect);
    world.radar.take_changes();
    world.run(10 * MINUTE, SECOND, &with(FINE));
    assert!(cells.iter().all(|cell| world.state(cell) == State::Healthy));
    world.run(2 * HOUR, 10 * SECOND, &with(FINE));
    let changes = world.radar.take_changes();
    assert!(!changes.iter().any(|change| change.what == What::Alarm), "{changes:?}");
}

#[test]
fn probes_grow_rarer_with_age_and_follow_up_a_first_success() {
    let (mut world, cells) = World::settled(3, FINE);
    judged_until_blocked(&mut world, &cells, blocked(FINE), FINE);
    let id = world.radar.table.find(&cells[0]).unwrap();
    let over = |channel, world: &World, lasted: u64, waited: u64, lift: f32| {
        let mut cell = world.radar.table.cell(id).clone();
        let now = world.now + lasted;
        let case = cell.case.as_mut().unwrap();
        (case.probed, case.passed, case.lift) = (now - waited, 3, lift);
        world.radar.probe_due(&cell, channel, now)
    };
    let due = |world: &World, lasted, waited, lift| over(Channel::Sms, world, lasted, waited, lift);
    assert!(due(&world, HOUR, 150 * SECOND, 0.0) && !due(&world, HOUR, 149 * SECOND, 0.0));
    assert!(!due(&world, 24 * HOUR, 10 * MINUTE, 0.0) && due(&world, 24 * HOUR, 15 * MINUTE, 0.0));
    assert!(due(&world, 24 * HOUR, 60 * SECOND, 2.0) && !due(&world, 24 * HOUR, 59 * SECOND, 2.0));
    // Who is called in vain has to ask again: such a probe is rare.
    let call = |world: &World, waited, lift| over(Channel::Voice, world, HOUR, waited, lift);
    assert!(call(&world, 30 * MINUTE, 0.0) && !call(&world, 29 * MINUTE, 0.0) && call(&world, MINUTE, 2.0));
}

#[test]
fn a_single_carrier_is_not_blocked_without_contrast_but_is_with_rescues() {
    for rescues in [false, true] {
        let cell = key("a", "JP/1");
        let mut world = World::new(11);
        world.run(3 * HOUR, 10 * SECOND, &[(&cell, FINE)]);
        world.radar.take_changes();
        for _ in 0..120 {
            // The choice draws as long as somebody is suspect.
            let m = world.send(&cell, Lot::Drawn, blocked(Ways { receipts: Receipts::None, ..FINE }));
            if rescues && m.is_multiple_of(2) {
                world.later(70 * SECOND, Event::Rescued { m });
            }
            world.wait(10 * SECOND);
        }
        let changes = world.radar.take_changes();
        let alarms = changes.iter().filter(|change| change.what == What::Alarm).count();
        let is_blocked = world.state(&cell) == State::Blocked;
        assert_eq!(is_blocked, rescues, "{changes:#?}");
        assert!(rescues || alarms == 1, "{changes:#?}");
        assert!(rescues || world.radar.explain(&cell, world.now).contains("no other carrier"));
    }
}

#[test]
fn slowness_gets_its_name_after_the_action() {
    let fine = Ways { receipts: Receipts::Honest, ..FINE };
    let (mut world, cells) = World::settled(13, fine);
    let slow = Ways { slow: 20.0, ..fine };
    judged_until_blocked(&mut world, &cells, slow, fine);
    world.run(10 * MINUTE, 2 * SECOND, &[(&cells[0], slow), (&cells[1], fine)]);
    assert_eq!(world.radar.outlook(&cells[0], world.now).label, Some(Label::Slow));
}

#[test]
fn a_carrier_that_is_down_everywhere_is_called_so() {
    let (mut world, cells) = World::settled(17, FINE);
    let down = blocked(FINE);
    world.run(10 * MINUTE, SECOND, &[(&cells[0], down), (&cells[1], FINE), (&cells[2], down), (&cells[3], FINE)]);
    for cell in [&cells[0], &cells[2]] {
        let outlook = world.radar.outlook(cell, world.now);
        assert_eq!((outlook.state, outlook.label), (State::Blocked, Some(Label::CarrierDown)));
    }
}

#[test]
fn nothing_is_judged_in_a_cold_start() {
    let mut world = World::new(23);
    let (a, b) = (key("a", "IN/1"), key("b", "IN/1"));
    world.run(8 * MINUTE, 300, &[(&a, blocked(FINE)), (&b, blocked(FINE))]);
    assert!(world.radar.take_changes().is_empty());
}

#[test]
fn vanished_receipts_never_block_while_codes_are_typed() {
    let (mut world, cells) = World::settled(29, FINE);
    world.radar.take_changes();
    let silent = Ways { receipts: Receipts::None, ..FINE };
    world.run(HOUR, 4 * SECOND, &[(&cells[0], silent), (&cells[1], FINE), (&cells[2], FINE), (&cells[3], FINE)]);
    assert!(world.moves().iter().all(|(_, _, to)| *to != State::Blocked));
}

#[test]
fn a_rescue_and_its_absence_count_only_for_messages_of_the_present_stretch() {
    let (mut world, cells) = World::settled(9, FINE);
    let m = world.send(&cells[0], Lot::Usual, blocked(FINE));
    let mut pending = world.radar.book.get(world.radar.book.find(m).unwrap());
    let mut says = |same: bool, rescued: bool| {
        let id = pending.cell;
        pending.stretch = world.radar.table.cell(id).tally.stretch.wrapping_sub(u16::from(!same));
        pending.rescued = rescued;
        world.radar.complain(&mut pending, world.now + 5 * MINUTE);
        pending.complaint
    };
    assert!(says(true, true) > 0.0 && says(true, false) < says(false, false));
    assert_eq!(says(false, true), says(false, false), "only that nobody clicked");
}
