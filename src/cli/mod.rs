//! The command line. Owns arguments, what is printed and exit codes: 0 it
//! worked, 1 it did not, 2 the call was wrong. Errors are one line with a hint.

mod bench;
mod carriers;
mod client;
mod config;
mod doctor;
mod health;
mod run;
mod store;
mod table;
mod talk;
mod words;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Scope;
use crate::model::{Channel, TenantId};
use crate::simulate::SimulateArgs;

/// Gets one-time login codes to phones, by SMS and by voice.
#[derive(Parser)]
#[command(name = "otp-gateway", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a gateway with a sandbox phone: nothing to configure, nothing is sent anywhere
    #[command(after_help = "Example:\n  otp-gateway demo --listen 127.0.0.1:8080 --data otp-data")]
    Demo(DemoArgs),
    /// Run a gateway
    #[command(after_help = "Example:\n  OTP_MASTER_KEY=… otp-gateway serve --config otp.toml")]
    Serve {
        /// The configuration file; every option and its default: `otp-gateway config defaults`
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Try policies and settings on worlds in virtual time, where carriers are blocked, slow or fine
    Simulate(SimulateArgs),
    /// Check a configuration, or print every option with its default
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Start a verification, and show its progress
    #[command(after_help = "Example:\n  OTP_API_KEY=demo-key otp-gateway send +819012345678 --channel voice")]
    Send(SendArgs),
    /// Check a code
    #[command(after_help = "Example:\n  OTP_API_KEY=demo-key otp-gateway check ver_00… 482917")]
    Check {
        /// The verification, `ver_…`
        id: String,
        /// What the person typed
        code: String,
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Show a verification or message with its deliveries
    #[command(after_help = "Example:\n  OTP_API_KEY=demo-key otp-gateway status ver_00…")]
    Status {
        /// `ver_…` or `msg_…`
        id: String,
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Ask a gateway whether it can take requests, for health checks
    #[command(
        after_help = "Exit code 0 if it can, 1 if not.\n\nExample:\n  otp-gateway health --url http://127.0.0.1:8080"
    )]
    Health {
        /// The gateway
        #[arg(long, env = "OTP_URL", default_value = "http://127.0.0.1:8080")]
        url: String,
    },
    /// Watch the carriers, try them, understand what they say, add one
    #[command(subcommand)]
    Carriers(carriers::CarriersCommand),
    /// Check everything that a gateway needs, and say what to fix
    #[command(
        after_help = "Looks at configuration, store, clock, carriers and, if a gateway runs, its public URL. Sends nothing.\n\nExample:\n  otp-gateway doctor --config otp.toml"
    )]
    Doctor {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
    /// Look after the store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Test a running gateway under load, and against what this machine can do at all
    Bench(bench::BenchArgs),
    #[command(hide = true)]
    BenchCeiling(bench::CeilingArgs),
    /// Look at the words of messages and calls
    #[command(subcommand)]
    Templates(TemplatesCommand),
    /// Look at the sound of calls
    #[command(subcommand)]
    Voice(VoiceCommand),
}

#[derive(Args)]
struct DemoArgs {
    /// Address and port
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder for the store and the sandbox's list; may hold other files
    #[arg(long, value_name = "DIR", default_value = "otp-data")]
    data: PathBuf,
    /// A store that several gateways share: redis://, redis-sentinel:// or redis-cluster://
    #[arg(
        long,
        value_name = "URL",
        hide_env_values = true,
        env = "OTP_STORE__URL",
        default_value = "",
        hide_default_value = true
    )]
    store: String,
    /// The API key
    #[arg(long, value_name = "KEY", default_value = "demo-key")]
    api_key: String,
    /// Lift the wide limits, for test suites; those per number stay
    #[arg(long)]
    relaxed_limits: bool,
    /// A configuration file over the demo's own options
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check a configuration without starting anything
    #[command(after_help = "Example:\n  otp-gateway config check --config otp.toml")]
    Check {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
    /// Print every option with its default
    #[command(after_help = "Example:\n  otp-gateway config defaults > otp.toml")]
    Defaults,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Print a new API key, and the lines for the configuration
    #[command(after_help = "Example:\n  otp-gateway keys new --tenant shop --owner \"back end\" --scope verify")]
    New {
        /// Whose it is
        #[arg(long)]
        tenant: String,
        /// Who will use it, for your own records
        #[arg(long)]
        owner: String,
        /// What it may do; may be given several times
        #[arg(long = "scope", value_parser = scope, default_values = ["verify", "deliver"])]
        scopes: Vec<Scope>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum StoreCommand {
    /// Copy the embedded store to a file, also while a gateway runs on it
    #[command(
        after_help = "The copy is whole, of one instant. Keep the master key elsewhere: without it the copy is worth nothing.\n\nExample:\n  otp-gateway store backup /backup/otp.db --config otp.toml"
    )]
    Backup {
        /// The new file; it must not exist
        file: PathBuf,
        /// The configuration file that names the store
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The store's file, instead of what the configuration names
        #[arg(long, value_name = "FILE", conflicts_with = "config")]
        path: Option<PathBuf>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum TemplatesCommand {
    /// Find texts that are too long, digits where none belong, missing recordings
    #[command(after_help = "Example:\n  otp-gateway templates lint --dir my-templates")]
    Lint {
        /// Your own templates
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// For scripts
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum VoiceCommand {
    /// Write what a call says to a WAV file
    #[command(after_help = "Example:\n  otp-gateway voice render 482917 --out call.wav")]
    Render {
        /// The digits
        code: String,
        /// The file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The language
        #[arg(long, default_value = "en")]
        locale: String,
        /// Your own templates
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Without "press a key"
        #[arg(long)]
        no_gate: bool,
    },
}

#[derive(Args)]
struct SendArgs {
    /// The number, for example +819012345678
    number: String,
    /// sms or voice; without it whichever suits the number
    #[arg(long)]
    channel: Option<Channel>,
    /// The language, for example en
    #[arg(long)]
    locale: Option<String>,
    /// The application's id of this login attempt
    #[arg(long)]
    subject: Option<String>,
    /// How long to wait for receipts, in seconds; 0 does not wait
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait: u64,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// How to reach a running gateway.
#[derive(Args)]
struct GatewayArgs {
    /// The gateway
    #[arg(long, env = "OTP_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The API key, best in the environment
    #[arg(long, env = "OTP_API_KEY", hide_env_values = true, default_value = "", hide_default_value = true)]
    api_key: String,
    /// For scripts
    #[arg(long)]
    json: bool,
}

impl GatewayArgs {
    /// The API key; without one nothing can be asked.
    fn key(&self) -> Result<&str, Failure> {
        let none = || "no API key; set OTP_API_KEY (the demo's is demo-key) or give --api-key".into();
        if self.api_key.is_empty() { Err(none()) } else { Ok(&self.api_key) }
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    [Scope::Verify, Scope::Deliver, Scope::Support, Scope::Ops]
        .into_iter()
        .find(|scope| scope.as_str() == text)
        .ok_or_else(|| "use verify, deliver, support or ops".into())
}

/// A command that did not work: one line with a hint.
#[derive(Debug)]
struct Failure(String);

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(error.to_string())
    }
}

/// Whoever reads our output may have seen enough (`| head`), and a disk may be full: no
/// bug, and no reason for a backtrace.
fn end_with_output() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        match info.payload_as_str().and_then(|text| text.strip_prefix("failed printing to stdout: ")) {
            None => usual(info),
            // As shells count a program that SIGPIPE ended.
            Some(error) if error.starts_with("Broken pipe") => std::process::exit(141),
            Some(error) => {
                eprintln!("otp-gateway: the answer cannot be written: {error}");
                std::process::exit(1);
            }
        }
    }));
}

/// The program.
pub fn main() -> ExitCode {
    end_with_output();
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Demo(args) => run::demo(args),
        Command::Serve { config } => run::serve(config),
        Command::Simulate(args) => crate::simulate::run(&args).map_err(Failure::from),
        Command::Config(ConfigCommand::Check { config, json }) => config::check(config, json),
        Command::Config(ConfigCommand::Defaults) => {
            print!("{}", crate::config::DEFAULTS);
            Ok(true)
        }
        Command::Keys(KeysCommand::New { tenant, owner, scopes, json }) => {
            config::new_key(&TenantId(tenant), &owner, &scopes, json)
        }
        Command::Send(args) => talk::send(args),
        Command::Check { id, code, gateway } => talk::check(&id, &code, &gateway),
        Command::Status { id, gateway } => talk::status(&id, &gateway),
        Command::Carriers(command) => carriers::run(command),
        Command::Doctor { config, json } => doctor::examine(config, json),
        Command::Health { url } => health::ask(&url),
        Command::Store(StoreCommand::Backup { file, config, path, json }) => {
            store::backup(&file, config.as_deref(), path, json)
        }
        Command::Bench(args) => bench::run(args),
        Command::BenchCeiling(args) => bench::ceiling(args),
        Command::Templates(TemplatesCommand::Lint { dir, json }) => words::lint(dir, json),
        Command::Voice(VoiceCommand::Render { code, out, locale, dir, no_gate }) => {
            words::render(&code, &out, &locale, dir, !no_gate)
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure(line)) => {
            eprintln!("otp-gateway: {line}");
            ExitCode::from(1)
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
