//! Scenarios out of stated ranges. Each is written as a file would be, so that it can be
//! kept, read and run alone. `docs/simulator.md` states the ranges.

use std::fmt::Write;

use rand_pcg::Pcg64Mcg;

use super::draws::{Purpose, between, even, stream};

/// The text of a world's scenario; always the same for a seed and number.
pub fn world(seed: u64, number: u64) -> String {
    let mut draw = Draw(stream(seed, Purpose::World, number, 0));
    let mut text = String::new();
    let (carriers, networks) = (draw.whole(2, 4), draw.whole(2, 6));
    // Codes an hour on the network that something happens to.
    let rate = draw.steps(20.0, 3_600.0);
    let warm_up = (200.0 / rate).clamp(3.0, 24.0);
    let begins = warm_up + draw.between(0.5, 4.0);
    let after = (draw.steps(300.0, 3_000.0) / rate).clamp(0.5, 72.0);
    let (kind, events) = events(&mut draw, minutes(begins), minutes(after), carriers);

    let _ = writeln!(text, "about = \"World {number} of seed {seed}: {kind}\"");
    let _ = writeln!(text, "length = \"{}m\"", minutes(begins) + minutes(after));
    let _ = writeln!(text, "warm_up = \"{}m\"", minutes(warm_up));
    let _ = writeln!(text, "starts_at = \"{:02}:00\"", draw.whole(0, 23));
    let _ = writeln!(
        text,
        "\n[people]\ntyped = {:.3}\nclick = {:.2}\nleave = {:.2}",
        draw.between(0.70, 0.90),
        draw.between(0.3, 0.6),
        draw.between(0.1, 0.3)
    );
    if draw.one_in(2.0) {
        let _ =
            writeln!(text, "\n[night]\ntyped = {:.2}\nrate = {:.2}", draw.between(0.7, 0.95), draw.between(0.2, 0.7));
    }
    let mut price = 1.0;
    for carrier in 1..=carriers {
        let _ = writeln!(
            text,
            "\n[carriers.c{carrier}]\nprice = {price:.2}\ndelay = \"{:.0}ms\"",
            draw.between(2_000.0, 8_000.0)
        );
        if draw.one_in(5.0) {
            let _ = writeln!(text, "senders = [\"A\", \"B\"]");
        }
        price *= draw.between(1.1, 1.6);
    }
    let weak = draw.one_in(5.0);
    for network in 1..=networks {
        let rate = if network == 1 { rate } else { draw.steps(20.0, 1_200.0) };
        let middle = if weak { draw.between(0.68, 0.85) } else { draw.between(0.88, 0.96) };
        let receipts = draw.pick(&[("honest", 5.0), ("lying", 3.0), ("missing", 2.0)]);
        let _ = writeln!(text, "\n[networks.n{network}]\nrate = \"{rate:.0}/h\"\nreceipts = \"{receipts}\"");
        let _ = writeln!(text, "delivery = [{:.3}, {:.3}]", middle - 0.03, middle + 0.03);
    }
    if draw.one_in(3.0) {
        let _ = writeln!(
            text,
            "\n[[event]]\nat = \"0s\"\nkind = \"drift\"\nsize = {:.3}\nperiod = \"{:.0}h\"",
            draw.between(0.01, 0.04),
            draw.between(48.0, 240.0)
        );
    }
    text + &events
}

fn minutes(hours: f64) -> u64 {
    (hours * 60.0).round() as u64
}

/// What happens, in a word and as the file says it.
fn events(draw: &mut Draw, at: u64, after: u64, carriers: u64) -> (&'static str, String) {
    let kind = draw.pick(&[
        ("block", 25.0),
        ("half block", 10.0),
        ("slow", 10.0),
        ("creep", 10.0),
        ("outage", 10.0),
        ("block and lift", 10.0),
        ("down", 7.0),
        ("pumping", 7.0),
        ("app fault", 5.0),
        ("nothing", 6.0),
    ]);
    let carrier = if draw.one_in(5.0) { draw.whole(1, carriers) } else { 1 };
    let scope = if draw.one_in(4.0) { "" } else { "network = \"n1\"\n" };
    let of = format!("carrier = \"c{carrier}\"\n");
    let part = |part: u64| (after / part).max(5);
    let event = |kind: &str, keys: String| format!("\n[[event]]\nat = \"{at}m\"\nkind = \"{kind}\"\n{keys}");
    let events = match kind {
        "block" => event("block", of + scope),
        "half block" => event("block", format!("{of}{scope}to = {:.2}\n", draw.between(0.4, 0.55))),
        "slow" => event("slow", format!("{of}{scope}factor = {:.0}\n", draw.between(10.0, 40.0))),
        "creep" => event("creep", format!("{of}{scope}to = {:.2}\nover = \"{}m\"\n", draw.between(0.4, 0.65), part(2))),
        "outage" => event("outage", of),
        "block and lift" => event("block", format!("{of}{scope}for = \"{}m\"\n", part(2))),
        "down" => event("down", format!("network = \"n1\"\nfor = \"{}m\"\n", part(2).min(120))),
        "pumping" => event(
            "pumping",
            format!("network = \"n1\"\nfactor = {:.1}\nfor = \"{}m\"\n", draw.between(1.0, 5.0), part(3).min(60)),
        ),
        "app fault" => {
            event("app_fault", format!("for = \"{}m\"\nto = {:.2}\n", part(3).min(60), draw.between(0.1, 0.4)))
        }
        _ => String::new(),
    };
    (kind, events)
}

struct Draw(Pcg64Mcg);

impl Draw {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        between(&mut self.0, low, high)
    }

    /// Even in its logarithm.
    fn steps(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    fn whole(&mut self, low: u64, high: u64) -> u64 {
        // `even` is never 0, so the number is rounded up.
        low + (even(&mut self.0) * (high - low + 1) as f64).ceil() as u64 - 1
    }

    fn one_in(&mut self, many: f64) -> bool {
        even(&mut self.0) * many <= 1.0
    }

    fn pick(&mut self, of: &[(&'static str, f64)]) -> &'static str {
        let total: f64 = of.iter().map(|(_, weight)| weight).sum();
        let mut left = even(&mut self.0) * total;
        let found = of.iter().find(|(_, weight)| {
            left -= weight;
            left <= 0.0
        });
        found.unwrap_or(&of[0]).0
    }
}
