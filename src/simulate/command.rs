//! `otp-gateway simulate`: arguments, and what is printed.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::compare::{Asked, compare};
use super::report::expect::{Verdict, verdicts};
use super::report::summary::{Summary, WORTH_A_RATIO};
use super::report::text::{Table, dash, report, whole};
use super::report::{svg, to_json};
use super::scenario::written::{Kind, Settings};
use super::scenario::{self, Plan, Problem};
use super::{judge, random};

/// What ours may lose more than the oracle, as a part of what the best plain policy does.
const RATIO: f64 = 0.35;
/// The same where delivery creeps.
const RATIO_OF_CREEP: f64 = 0.5;
/// Codes that ours may lose more than the oracle where the plain policies do well too.
const ABOVE: f64 = 15.0;

/// Try policies and settings on worlds in virtual time, where carriers are blocked, slow or fine
#[derive(Args)]
#[command(after_help = "\
Worlds run in virtual time: carriers are blocked, slow or fine, people type, click or leave, and each
policy meets the same people. `ours` is what the gateway does; `fixed` takes the cheapest, `shift`
moves by errors and slow receipts, `bandit` samples by success, `oracle` knows the truth. LOST are
codes not there within 60 s unless the person asked again. docs/simulator.md describes scenarios.

Exit code 1 if something that a scenario expects of `ours` does not hold.

Example:
  otp-gateway simulate scenarios/block-lying.toml --seeds 20 --svg block.svg

Example, your own settings in CI:
  otp-gateway simulate scenarios/*.toml --seeds 5 --settings ours.toml --json")]
pub struct SimulateArgs {
    /// What happens, as TOML files
    #[arg(value_name = "SCENARIO", required_unless_present_any = ["random", "show"])]
    scenarios: Vec<PathBuf>,
    /// Only these policies; may be given several times [default: all, and those of the scenario]
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// The first seed; the same seed is the same world
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many seeds; medians are printed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: u32,
    /// Draw so many scenarios instead of reading them
    #[arg(long, value_name = "N", conflicts_with = "scenarios", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    random: Option<u32>,
    /// Print this drawn scenario as a file, and run nothing
    #[arg(long, value_name = "K")]
    show: Option<u64>,
    /// Other settings for `ours`: `value` and [rules]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// For scripts
    #[arg(long)]
    json: bool,
    /// Draw codes in time over time, one line per policy
    #[arg(long, value_name = "FILE", conflicts_with = "random")]
    svg: Option<PathBuf>,
    /// Say on standard error what `ours` finds, with its reasons
    #[arg(long)]
    trace: bool,
}

/// `simulate`. Whether everything that was expected holds.
///
/// # Errors
/// If a file cannot be read or run; one line with the way out.
pub fn run(args: &SimulateArgs) -> Result<bool, Problem> {
    if args.show.is_some() && args.random.is_none() {
        return Err(Problem("--show prints a drawn scenario; give --random N with it".into()));
    }
    let settings = match &args.settings {
        Some(file) => Some(read_settings(file)?),
        None => None,
    };
    let seeds: Vec<u64> = (0..u64::from(args.seeds)).map(|nth| args.seed.wrapping_add(nth)).collect();
    let asked = Asked { policies: &args.policies, settings: settings.as_ref(), seeds: &seeds, trace: args.trace };
    match args.random {
        Some(count) => drawn(args, &asked, u64::from(count)),
        None => written(args, &asked),
    }
}

fn read_settings(file: &std::path::Path) -> Result<Settings, Problem> {
    let wrong = |Problem(problem)| Problem(format!("{}: {problem}", file.display()));
    scenario::settings(&scenario::read(file)?).map_err(wrong)
}

/// Scenarios from files.
fn written(args: &SimulateArgs, asked: &Asked<'_>) -> Result<bool, Problem> {
    if args.svg.is_some() && args.scenarios.len() > 1 {
        return Err(Problem("one picture for several scenarios; give --svg with one".into()));
    }
    // All files are checked before the first one runs.
    let plans = args.scenarios.iter().map(|file| scenario::load(file)).collect::<Result<Vec<Plan>, Problem>>()?;
    for plan in &plans {
        asked.check(plan)?;
    }
    let (mut reports, mut broken, mut all) = (Vec::new(), Vec::new(), Alarms::default());
    for (nth, plan) in plans.iter().enumerate() {
        let summaries = compare(plan, asked)?;
        let verdicts = verdicts(&plan.expect, asked.seeds.len(), &summaries);
        broken.extend(verdicts.iter().filter(|verdict| !verdict.holds).map(|verdict| verdict.line(&plan.name)));
        all.add(&summaries);
        if let Some(file) = &args.svg {
            let picture = svg::draw(plan, asked.seeds.len(), &summaries);
            std::fs::write(file, picture).map_err(|error| {
                Problem(format!("{}: {error}; give --svg a file that can be written", file.display()))
            })?;
        }
        if args.json {
            reports.push(to_json(plan, asked.seeds, &summaries, &verdicts));
        } else {
            let gap = if nth > 0 { "\n" } else { "" };
            println!("{gap}{}{}", report(plan, asked.seeds.len(), &summaries), kept(&verdicts));
        }
    }
    if args.json {
        println!("{}", json!({ "ok": broken.is_empty(), "scenarios": reports }));
    } else if plans.len() > 1 {
        println!("\n{all}");
    }
    broken.iter().for_each(|line| eprintln!("{line}"));
    Ok(broken.is_empty())
}

/// How many expectations hold.
fn kept(verdicts: &[Verdict]) -> String {
    let held = verdicts.iter().filter(|verdict| verdict.holds).count();
    if verdicts.is_empty() { String::new() } else { format!("{held} of {} expectations hold", verdicts.len()) }
}

/// False alarms of `ours` over several scenarios.
#[derive(Default, Serialize)]
struct Alarms {
    false_blocks: u64,
    false_network_alarms: u64,
    first_tries: u64,
}

impl Alarms {
    fn add(&mut self, summaries: &[Summary]) {
        let Some(ours) = summaries.iter().find(|summary| summary.policy == "ours") else { return };
        let Some(radar) = &ours.radar else { return };
        self.false_blocks += radar.false_blocks;
        self.false_network_alarms += radar.false_network_alarms;
        self.first_tries += ours.first_tries;
    }
}

impl fmt::Display for Alarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Alarms { false_blocks, false_network_alarms, first_tries } = self;
        let million = *first_tries as f64 / 1e6;
        write!(
            f,
            "in all: {false_blocks} false blocks, {false_network_alarms} false network alarms in {million:.2} million first tries"
        )
    }
}

/// Scenarios out of ranges.
fn drawn(args: &SimulateArgs, asked: &Asked<'_>, count: u64) -> Result<bool, Problem> {
    if let Some(number) = args.show {
        if !(1..=count).contains(&number) {
            return Err(Problem(format!("there is no world {number}; give --show 1 to {count}")));
        }
        print!("{}", random::world(args.seed, number));
        return Ok(true);
    }
    let mut table = Table::new([
        "WORLD",
        "WHAT HAPPENS",
        "CODES",
        "FIXED",
        "SHIFT",
        "BANDIT",
        "ORACLE",
        "OURS",
        "OVER ORACLE",
        "RATIO",
        "FALSE",
        "",
    ]);
    let (mut reports, mut kept, mut judged, mut all) = (Vec::new(), 0, 0, Alarms::default());
    for number in 1..=count {
        let text = random::world(args.seed, number);
        let plan = scenario::parse(&format!("world-{number}"), &text)?;
        asked.check(&plan)?;
        let summaries = compare(&plan, asked)?;
        let ours = summaries.iter().find(|summary| summary.is_ours);
        let verdict = ours.and_then(|ours| within(&plan, ours));
        judged += usize::from(verdict.is_some());
        kept += usize::from(verdict == Some(true));
        all.add(&summaries);
        if args.json {
            let mut report = to_json(&plan, asked.seeds, &summaries, &[]);
            report["world"] = json!(number);
            report["ok"] = json!(verdict);
            reports.push(report);
        } else {
            row(&mut table, number, &plan, &summaries, verdict);
        }
    }
    let ok = kept == judged;
    if args.json {
        println!("{}", json!({ "ok": ok, "kept": kept, "judged": judged, "alarms": all, "worlds": reports }));
    } else {
        println!("{table}");
        println!(
            "{kept} of {judged} worlds within {RATIO} ({RATIO_OF_CREEP} where delivery creeps) of the best plain policy's loss over the oracle, or within {ABOVE} codes where that is below {WORTH_A_RATIO}"
        );
        println!("{all}");
    }
    Ok(ok)
}

/// Whether ours lost little enough in a drawn world, if that can be told.
fn within(plan: &Plan, ours: &Summary) -> Option<bool> {
    let creeps = plan.happenings.iter().any(|happening| happening.kind == Kind::Creep);
    let above = ours.above_oracle?.median?;
    Some(match ours.excess_ratio {
        Some(ratio) => ratio <= if creeps { RATIO_OF_CREEP } else { RATIO },
        None => above <= ABOVE,
    })
}

fn row(table: &mut Table, number: u64, plan: &Plan, summaries: &[Summary], verdict: Option<bool>) {
    let lost = |name: &str| {
        let summary = summaries.iter().find(|summary| summary.policy == name);
        whole(summary.and_then(|summary| summary.lost.median))
    };
    let ours = summaries.iter().find(|summary| summary.is_ours);
    let above = ours.and_then(|ours| ours.above_oracle).and_then(|above| above.median);
    let ratio = ours.and_then(|ours| ours.excess_ratio);
    let alarms = ours.and_then(|ours| ours.radar.as_ref());
    table.row([
        number.to_string(),
        plan.about.split_once(": ").map_or("", |(_, kind)| kind).to_owned(),
        whole(summaries.first().and_then(|summary| summary.codes)),
        lost("fixed"),
        lost("shift"),
        lost("bandit"),
        lost("oracle"),
        ours.map_or_else(dash, |ours| whole(ours.lost.median)),
        whole(above),
        ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
        alarms.map_or_else(dash, |radar| (radar.false_blocks + radar.false_network_alarms).to_string()),
        match verdict {
            Some(false) => "missed".into(),
            Some(true) | None => String::new(),
        },
    ]);
    // The picture's points are for one scenario only.
    debug_assert!(summaries.iter().all(|summary| summary.delivered_over_time.len() == judge::BUCKETS));
}
