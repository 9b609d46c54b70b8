use super::*;

/// The numbers of a sentence.
fn numbers(sentence: &str) -> Vec<f64> {
    let kept = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    sentence.split(|c| !kept(c)).filter_map(|part| part.trim_end_matches('.').parse().ok()).collect()
}

/// A world in which the first cell is suspect.
fn suspicious() -> (World, [CellKey; 4]) {
    let (mut world, cells) = World::settled(83, FINE);
    let sick = Ways { delivered: 0.0, ..FINE };
    while world.state(&cells[0]) != State::Suspect {
        world.run(4 * SECOND, SECOND, &[(&cells[0], sick), (&cells[1], FINE), (&cells[2], FINE), (&cells[3], FINE)]);
    }
    (world, cells)
}

#[test]
fn the_numbers_are_the_cells_and_change_with_one_receipt() {
    let (mut world, cells) = suspicious();
    let cell = &cells[0];
    let count = |world: &World, wanted: fn(&Event) -> bool| {
        let own: Vec<Message> = world
            .told
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Sent { m, cell: of, .. } if of == cell => Some(*m),
                _ => None,
            })
            .collect();
        let of = |event: &Event| match event {
            Event::Receipt { m, .. } | Event::Typed { m } => own.contains(m),
            _ => false,
        };
        world.told.iter().filter(|(_, event)| wanted(event) && of(event)).count()
    };
    world.wait(45 * SECOND);
    let m = world.send(cell, Lot::Drawn, Ways { delivered: 0.0, ..FINE });
    let before = world.radar.explain(cell, world.now);
    let [sent, due, typed, expected, receipts, score] = numbers(&before)[..6] else { panic!("{before}") };
    assert!(before.starts_with("suspect: of ") && before.contains("contrast"), "{before}");
    assert!(sent >= due && due >= typed && expected > typed && score >= 4.0, "{before}");
    assert!(typed as usize <= count(&world, |event| matches!(event, Event::Typed { .. })));
    world.tell(Event::Receipt { m, outcome: Outcome::Delivered });
    let after = world.radar.explain(cell, world.now);
    let changed = numbers(&after);
    assert_eq!(changed[..4], [sent, due, typed, expected]);
    assert_eq!(changed[4], receipts + 1.0, "{after}");
}

#[test]
fn each_state_says_what_would_change_it() {
    let (mut world, cells) = World::settled(89, FINE);
    let healthy = world.radar.explain(&cells[0], world.now);
    assert!(healthy.starts_with("healthy: of ") && healthy.contains("suspect from 4.5 nats on"), "{healthy}");
    let sick = Ways { delivered: 0.0, ..FINE };
    let cells_of = |ways| [(&cells[0], ways), (&cells[1], FINE), (&cells[2], FINE), (&cells[3], FINE)];
    world.run(15 * MINUTE, 2 * SECOND, &cells_of(sick));
    let blocked = world.radar.explain(&cells[0], world.now);
    assert!(blocked.starts_with("blocked for ") && blocked.contains("3.4 nats for a lift"), "{blocked}");
    while world.state(&cells[0]) == State::Blocked {
        world.run(8 * SECOND, 2 * SECOND, &cells_of(FINE));
    }
    let ramp = world.radar.explain(&cells[0], world.now);
    assert!(ramp.starts_with("on its way back: ") && ramp.contains("healthy after 20 judged"), "{ramp}");
    for sentence in [healthy, blocked, ramp, world.radar.explain(&key("x", "IN/1"), world.now)] {
        assert!(sentence.ends_with('.') && !sentence.trim_end_matches('.').contains(". "), "{sentence}");
    }
}

#[test]
fn a_change_carries_the_sentence_of_its_moment() {
    let (mut world, cells) = suspicious();
    let change = world.radar.take_changes().pop().unwrap();
    assert_eq!((&change.cell, change.what), (&cells[0], What::State { from: State::Healthy, to: State::Suspect }));
    assert!(change.reason.starts_with("suspect: of "), "{}", change.reason);
}

#[test]
fn who_was_never_good_is_called_weak_beside_who_is() {
    let (weak, good, texts) = (key("a", "IN/1"), key("b", "IN/1"), key("a", "IN/1").of_texts());
    let mut world = World::new(97);
    let (never, untyped) = (Ways { delivered: 0.05, ..FINE }, Ways { typed: 0.0, ..FINE });
    world.run(3 * HOUR, 4 * SECOND, &[(&weak, never), (&good, FINE), (&texts, untyped)]);
    assert_eq!(world.state(&weak), State::Healthy, "it has nothing to fall from");
    let sentence = world.radar.explain(&weak, world.now);
    assert!(sentence.starts_with("healthy, but weak: b has "), "{sentence}");
    let best = world.radar.explain(&good, world.now);
    assert!(best.starts_with("healthy: of "), "{best}");
    // Foreign texts have nothing to type, and are not worse for it.
    let of_texts = world.radar.explain(&texts, world.now);
    assert!(of_texts.starts_with("healthy: of "), "{of_texts}");
    // The share it is told of is the other's own.
    let share =
        |sentence: &str| sentence.split(" %").next().and_then(|part| part.rsplit(' ').next()).map(str::to_owned);
    assert_eq!(share(&sentence), share(&best), "{sentence} {best}");
}
