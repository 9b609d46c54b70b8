use super::*;

/// A day's worth of trouble, as events.
fn history() -> Vec<(Ms, Event)> {
    let (mut world, cells) = World::settled(41, FINE);
    let sick = Ways { delivered: 0.05, ..FINE };
    let lying = Ways { delivered: 0.4, receipts: Receipts::Lying, ..FINE };
    world.run(20 * MINUTE, 2 * SECOND, &[(&cells[0], sick), (&cells[1], FINE), (&cells[2], lying), (&cells[3], FINE)]);
    let m = world.send(&cells[1], Lot::Usual, FINE);
    world.tell(Event::Withdrawn { m });
    world.run(20 * MINUTE, 3 * SECOND, &[(&cells[0], FINE), (&cells[1], FINE), (&cells[2], FINE), (&cells[3], sick)]);
    world.told
}

fn replayed(history: &[(Ms, Event)]) -> Radar {
    let mut radar = Radar::new(Rules::default());
    history.iter().for_each(|(at, event)| radar.apply(*at, event));
    radar
}

fn restored(radar: &Radar) -> Radar {
    rmp_serde::from_slice(&rmp_serde::to_vec(radar).unwrap()).unwrap()
}

#[test]
fn the_same_events_give_the_same_radar_to_the_bit() {
    let history = history();
    let (one, mut other) = (replayed(&history), replayed(&history));
    assert!(one == other);
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
    assert!(one.cells().any(|(_, view)| view.state != State::Healthy) || !other.take_changes().is_empty());
}

#[test]
fn a_snapshot_at_any_point_changes_nothing() {
    let history = history();
    let whole = replayed(&history);
    for cut in (0..history.len()).step_by(history.len() / 7 + 1).chain([history.len()]) {
        let mut radar = restored(&replayed(&history[..cut]));
        history[cut..].iter().for_each(|(at, event)| radar.apply(*at, event));
        assert!(radar == whole, "cut at {cut}");
    }
}

#[test]
fn how_often_time_is_told_makes_no_difference() {
    let history = history();
    let mut radar = Radar::new(Rules::default());
    let mut before = START;
    for (at, event) in &history {
        for part in 1..4 {
            radar.advance(before + (at - before) * part / 4);
        }
        if at % 7 == 0 {
            radar.apply(*at, &Event::Tick);
        }
        radar.apply(*at, event);
        before = *at;
    }
    assert!(radar == replayed(&history));
}

#[test]
fn what_comes_twice_counts_once() {
    let history = history();
    let mut radar = Radar::new(Rules::default());
    for (at, event) in &history {
        radar.apply(*at, event);
        radar.apply(*at, event);
    }
    // What repeats after its message is closed waits in vain, and changes nothing.
    assert!(radar.cells().eq(replayed(&history).cells()));
}

#[test]
fn a_receipt_again_much_later_or_a_lesser_one_changes_nothing() {
    let (mut world, cells) = World::settled(43, FINE);
    let m = world.send(&cells[0], Lot::Usual, FINE);
    world.tell(Event::Receipt { m, outcome: Outcome::Delivered });
    let once = world.radar.clone();
    for outcome in [Outcome::Delivered, Outcome::Lost, Outcome::Filtered, Outcome::Number] {
        world.tell(Event::Receipt { m, outcome });
        assert!(world.radar == once, "{outcome:?}");
    }
}

#[test]
fn the_order_of_different_messages_signs_at_one_time_does_not_matter() {
    let (mut world, cells) = World::settled(47, FINE);
    let sent: Vec<Message> = cells.iter().map(|cell| world.send(cell, Lot::Usual, FINE)).collect();
    world.now += 3 * SECOND;
    let (mut one, mut other) = (world.radar.clone(), world.radar.clone());
    let events: Vec<Event> = sent.iter().map(|m| Event::Typed { m: *m }).collect();
    events.iter().for_each(|event| one.apply(world.now, event));
    events.iter().rev().for_each(|event| other.apply(world.now, event));
    assert!(one == other);
}

#[test]
fn a_withdrawn_message_leaves_no_accusation() {
    let (mut world, cells) = World::settled(53, FINE);
    world.wait(10 * MINUTE);
    let lost = Ways { delivered: 0.0, receipts: Receipts::None, ..FINE };
    let score = |world: &World| world.radar.cells().find(|(key, _)| **key == cells[0]).unwrap().1.score;
    let before = score(&world);
    let m = world.send(&cells[0], Lot::Usual, lost);
    world.wait(60 * SECOND);
    assert!(score(&world) > before + 0.5);
    world.tell(Event::Withdrawn { m });
    assert!((score(&world) - before).abs() < 1e-3);
}
