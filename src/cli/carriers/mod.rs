//! `carriers`: watch them, try them, understand what they say, add one.

mod folders;
mod live;
mod tried;

use std::path::PathBuf;

use clap::Subcommand;

use super::{Failure, GatewayArgs};
use crate::model::Channel;

#[derive(Subcommand)]
pub enum CarriersCommand {
    /// Show the configured carriers of a running gateway, and where each must post to
    #[command(
        after_help = "Example:\n  OTP_API_KEY=… otp-gateway carriers list\n  otp-gateway carriers list --profiles"
    )]
    List {
        /// Instead the profiles that can be configured, and what each asks for; needs no gateway
        #[arg(long)]
        profiles: bool,
        /// The configuration file, for profiles of your own
        #[arg(long, value_name = "FILE", requires = "profiles")]
        config: Option<PathBuf>,
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Show how the carriers do: rates, times, breaker, pace, spending
    #[command(
        after_help = "Example:\n  OTP_API_KEY=… otp-gateway carriers status --country JP\n  otp-gateway carriers status --channel voice --hours 1 --watch"
    )]
    Status {
        /// One country only, two letters
        #[arg(long, value_name = "CC")]
        country: Option<String>,
        /// sms or voice only
        #[arg(long)]
        channel: Option<Channel>,
        /// How far back, 1 to 48
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=48))]
        hours: u64,
        /// Show it again every two seconds
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Say in one sentence each what is believed of the carriers on a network, and why
    #[command(
        after_help = "Without --network it shows what is not as usual, with --all everything.\n\nExample:\n  OTP_API_KEY=… otp-gateway carriers explain --country IN --network IN/Airtel\n  otp-gateway carriers explain --country IN --network 404-45 --json"
    )]
    Explain {
        /// One country only, two letters
        #[arg(long, value_name = "CC")]
        country: Option<String>,
        /// One network: IN/Airtel, or with --country its MCC-MNC
        #[arg(long, value_name = "NETWORK")]
        network: Option<String>,
        /// sms or voice only
        #[arg(long)]
        channel: Option<Channel>,
        /// Also what is as usual
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Check a carrier's credentials and balance; sends nothing and needs no gateway
    #[command(after_help = "Example:\n  otp-gateway carriers probe main --config otp.toml")]
    Probe {
        /// The carrier's name in the configuration
        name: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Send one real SMS over a carrier; needs no gateway
    #[command(
        after_help = "It costs what an SMS costs. Try a call with `otp-gateway send --channel voice`.\n\nExample:\n  otp-gateway carriers test main --to +14155550100 --config otp.toml"
    )]
    Test {
        /// The carrier's name in the configuration
        name: String,
        /// The number
        #[arg(long, value_name = "NUMBER")]
        to: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Explain a carrier's error code
    #[command(after_help = "Example:\n  otp-gateway carriers errors twilio 30007")]
    Errors {
        /// A profile, or a carrier of the configuration
        name: String,
        /// The code as the carrier tells it
        code: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Check profiles with their samples, and the carriers of a configuration: every problem at once
    #[command(
        after_help = "Example:\n  otp-gateway carriers validate my-profiles/acme\n  otp-gateway carriers validate --config otp.toml"
    )]
    Validate {
        /// Folders of profiles; without any, those that the configuration uses
        folders: Vec<PathBuf>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Write the skeleton of a profile, with a comment on every part
    #[command(after_help = "Example:\n  otp-gateway carriers new acme --dir my-profiles")]
    New {
        /// The profile's name: letters, digits, - and _
        name: String,
        /// The folder of your profiles; carrier_profiles.dir must name it
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
}

#[derive(clap::Args)]
pub struct ConfigArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For scripts
    #[arg(long)]
    json: bool,
}

pub fn run(command: CarriersCommand) -> Result<bool, Failure> {
    match command {
        CarriersCommand::List { profiles: true, config, gateway } => folders::profiles(config, gateway.json),
        CarriersCommand::List { gateway, .. } => live::list(&gateway),
        CarriersCommand::Status { country, channel, hours, watch, gateway } => {
            live::status(country, channel, hours, watch, &gateway)
        }
        CarriersCommand::Explain { country, network, channel, all, gateway } => {
            live::explain(country, network, channel, all, &gateway)
        }
        CarriersCommand::Probe { name, config } => tried::probe(&name, config),
        CarriersCommand::Test { name, to, config } => tried::test(&name, &to, config),
        CarriersCommand::Errors { name, code, config } => folders::errors(&name, &code, config),
        CarriersCommand::Validate { folders, config } => folders::validate(folders, config),
        CarriersCommand::New { name, dir } => folders::new(&name, &dir),
    }
}
