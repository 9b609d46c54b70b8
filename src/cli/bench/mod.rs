//! `bench`: a load test against a running gateway, and the comparison with what
//! the machine could do at all. Owns the arguments and what is printed.
//!
//! ```text
//! load ──────► connection, numbers      people at a given rate: start, wait, check
//!   └─ phone                            one reader of the sandbox's list for all of them
//! ceilings ──► arms, drive, compare     rounds of the gateway and of bare servers
//!                └─ server ── calls     such a server: a child process (`bench-ceiling`)
//! measure, progress                     tables, JSON, the line that moves
//! ```

mod arms;
mod calls;
mod ceilings;
mod compare;
mod connection;
mod drive;
mod load;
mod measure;
mod numbers;
mod phone;
mod progress;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use self::ceilings::Plan;
use self::connection::Target;
use self::load::Pace;
use self::measure::Step;
use self::numbers::Numbers;
use self::phone::Reader;
use self::progress::Progress;
use super::client::Client;
use super::{Failure, GatewayArgs, runtime};
use crate::clock::Clock;

/// The environment variable of `store.url`, by which the gateway knows its store too.
const STORE_VARIABLE: &str = "OTP_STORE__URL";

#[derive(Args)]
#[command(after_help = "\
Each person starts a verification by SMS, waits until its code is on the sandbox phone, and checks
it. People begin at the given rate whatever the answers are, and times count from the instant at
which a person was to begin: a gateway that stalls hides nobody who could not even ask. The
sandbox's list is read every 25 ms, which is how exactly `delivered` can be told.

With --ceilings the gateway is driven in turn with bare servers over the same Redis, which this
command starts: same-calls makes the same store calls, one-call only the one that makes the record,
parse none. That gateway needs wide limits that refuse nobody, and a Redis of its own: hundreds of
thousands of records that cannot be opened stay in it for a day.

Exit code 1 if anything went wrong, with the numbers all the same.

Example:
  otp-gateway demo --relaxed-limits &
  OTP_API_KEY=demo-key otp-gateway bench --rate 200 --seconds 30

Example with --ceilings:
  export OTP_API_KEY=demo-key OTP_STORE__URL=redis://127.0.0.1:6379
  export OTP_LIMITS__WIDE__PREFIX=1000000000/h,1000000000/d
  export OTP_LIMITS__WIDE__COUNTRY=1000000000/h,1000000000/d
  export OTP_LIMITS__WIDE__TENANT=1000000000/h,1000000000/d
  otp-gateway demo &
  otp-gateway bench --ceilings")]
pub struct BenchArgs {
    /// People who begin in a second [default: 100, with --ceilings 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// For how long people begin; with --ceilings of each part of a round [default: 10, with --ceilings 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// Connections that they share
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    connections: u32,
    /// Only start; for a gateway without a sandbox phone's list
    #[arg(long)]
    starts_only: bool,
    /// Compare the gateway with bare servers over the same store
    #[arg(long, requires = "store", conflicts_with = "starts_only")]
    ceilings: bool,
    /// The gateway's store, for --ceilings
    #[arg(long, value_name = "URL", env = STORE_VARIABLE, hide_env_values = true)]
    store: Option<String>,
    /// Rounds of --ceilings; medians are printed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// The gateway runs with --relaxed-limits: the bare servers ask no wide limit either
    #[arg(long, requires = "ceilings")]
    relaxed_limits: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// A bare server beside the gateway; `bench` starts it.
#[derive(Args)]
pub struct CeilingArgs {
    /// What it does
    #[arg(long)]
    kind: CeilingKind,
    /// Its store, if it calls one
    #[arg(long, value_name = "URL", env = STORE_VARIABLE, hide_env_values = true)]
    store: Option<String>,
    /// Address and port; the address is printed when it listens
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Ask no wide limit
    #[arg(long)]
    relaxed_limits: bool,
}

/// What a ceiling does for each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CeilingKind {
    /// The gateway's store calls, those of the delivery too
    SameCalls,
    /// The one that makes the record
    OneCall,
    /// None
    Parse,
}

impl CeilingKind {
    fn as_str(self) -> &'static str {
        match self {
            CeilingKind::SameCalls => "same-calls",
            CeilingKind::OneCall => "one-call",
            CeilingKind::Parse => "parse",
        }
    }
}

/// `bench`.
pub fn run(args: BenchArgs) -> Result<bool, Failure> {
    runtime()?.block_on(async {
        match (args.ceilings, args.store.clone()) {
            (true, Some(store)) => beside_ceilings(&args, &store).await,
            (true, None) => Err("give the gateway's store with --store URL".into()),
            (false, _) => under_load(&args).await,
        }
    })
}

/// `bench-ceiling`, until standard input is closed.
pub fn ceiling(args: CeilingArgs) -> Result<bool, Failure> {
    runtime()?.block_on(server::serve(args))
}

impl BenchArgs {
    fn target(&self) -> Result<Arc<Target>, Failure> {
        Target::new(&self.gateway.url, self.gateway.key()?).map(Arc::new)
    }

    fn pace(&self, rate: u32, seconds: u32) -> Pace {
        Pace {
            rate: self.rate.unwrap_or(rate),
            seconds: self.seconds.unwrap_or(seconds),
            connections: self.connections as usize,
        }
    }
}

fn fresh_numbers() -> Arc<Numbers> {
    Arc::new(Numbers::starting_at(Clock::System.now()))
}

async fn under_load(args: &BenchArgs) -> Result<bool, Failure> {
    let (target, pace, json) = (args.target()?, args.pace(100, 10), args.gateway.json);
    let reader = if args.starts_only { None } else { Some(open_reader(args, &target).await?) };
    let tally = load::run(target, fresh_numbers(), reader, pace, Progress::suited(json)).await;
    if json {
        let mut report = tally.json();
        for (name, value) in [("rate", pace.rate), ("seconds", pace.seconds), ("connections", args.connections)] {
            report[name] = value.into();
        }
        report["starts_only"] = args.starts_only.into();
        println!("{report}");
    } else {
        let Pace { rate, seconds, connections } = pace;
        println!("{} people, {rate} a second for {seconds} s over {connections} connections\n\n{tally}", tally.begun);
    }
    let nobody_reached = !args.starts_only && tally.of(Step::Delivered).count() == 0;
    match tally.errors.hint(tally.begun) {
        // None at all came: more likely there is no list than that all were lost.
        Some(_) if nobody_reached && tally.of(Step::Start).count() > 0 => {
            Err("no message came on this gateway's sandbox phone; if its list is off, give --starts-only".into())
        }
        Some(hint) => Err(Failure(hint)),
        None => Ok(true),
    }
}

/// A reader of the sandbox phone's list, if this gateway has one.
async fn open_reader(args: &BenchArgs, target: &Arc<Target>) -> Result<Reader, Failure> {
    let probe = Client::new(&args.gateway)?.get("/sandbox/messages?limit=1").await?;
    if probe.body["type"] == "/problems/not_found" {
        return Err("this gateway has no sandbox phone to read codes from; use `demo`, or give --starts-only".into());
    }
    probe.success()?;
    let unread = |kind| Failure(format!("the sandbox phone's list cannot be read ({kind}); see the gateway's log"));
    Reader::open(target.clone()).await.map_err(unread)
}

async fn beside_ceilings(args: &BenchArgs, store: &str) -> Result<bool, Failure> {
    let (target, json) = (args.target()?, args.gateway.json);
    let plan = Plan { rounds: args.rounds, pace: args.pace(1_000, 5) };
    let progress = Progress::suited(json);
    let comparison = ceilings::compare(target, store, args.relaxed_limits, fresh_numbers(), plan, progress).await?;
    if json {
        let mut report = comparison.json();
        report["seconds"] = json!(plan.pace.seconds);
        report["connections"] = json!(plan.pace.connections);
        println!("{report}");
    } else {
        print!("{comparison}");
    }
    match comparison.errors.hint(comparison.tried()) {
        Some(hint) => Err(Failure(hint)),
        None => Ok(true),
    }
}
