//! Profiles as folders: what is known, what codes mean, whether they hold, a new one.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::ConfigArgs;
use crate::carrier::http::profile::{Library, Profile, check_samples};
use crate::cli::table::Table;
use crate::cli::{Failure, run};

pub fn profiles(config: Option<PathBuf>, as_json: bool) -> Result<bool, Failure> {
    let library = crate::app::library(&run::load(config.as_deref())?.config)?;
    if as_json {
        let profile = |profile: &std::sync::Arc<Profile>| {
            let upstream = &profile.upstream;
            let options = upstream.options.iter().map(|(name, option)| {
                json!({ "name": name, "about": option.about, "secret": option.secret, "optional": option.optional })
            });
            json!({
                "name": profile.name, "title": upstream.title, "docs": upstream.docs, "sms": upstream.sms.is_some(),
                "voice": upstream.voice.is_some(), "regions": upstream.regions.keys().collect::<Vec<_>>(),
                "options": options.collect::<Vec<_>>(),
            })
        };
        println!("{}", json!(library.profiles().map(profile).collect::<Vec<_>>()));
        return Ok(true);
    }
    for profile in library.profiles() {
        let upstream = &profile.upstream;
        let channels = [("sms", upstream.sms.is_some()), ("voice", upstream.voice.is_some())];
        let channels: Vec<_> = channels.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect();
        println!("{}: {} ({})", profile.name, upstream.title, channels.join(", "));
        if !upstream.regions.is_empty() {
            println!("  region: {}", upstream.regions.keys().cloned().collect::<Vec<_>>().join(", "));
        }
        for (name, option) in &upstream.options {
            let optional = if option.optional || option.default.is_some() { ", may be left out" } else { "" };
            println!("  options.{name}: {}{optional}", option.about);
        }
        println!();
    }
    Ok(true)
}

pub fn errors(name: &str, code: &str, ConfigArgs { config, json }: ConfigArgs) -> Result<bool, Failure> {
    let config = run::load(config.as_deref())?.config;
    let library = crate::app::library(&config)?;
    let profile = config.carriers.get(name).map_or(name, |options| options.profile.as_str());
    let Some(profile) = library.get(profile) else {
        return Err(Failure(format!("no carrier or profile {name:?}; profiles: {}", library.names())));
    };
    let known = profile.errors.explain(code);
    if json {
        println!("{}", json!({ "profile": profile.name, "code": code, "meanings": known }));
        return Ok(!known.is_empty());
    }
    for meaning in &known {
        let means = meaning.cause.meaning();
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        println!("{} {} ({}): {}", profile.name, meaning.code, meaning.table, meaning.note);
        println!("  cause                  {}", meaning.cause);
        println!("  another carrier helps  {}", yes(means.other_carrier_helps));
        println!("  another channel helps  {}", yes(means.other_channel_helps));
        if !meaning.page.is_empty() {
            println!("  page                   {}", meaning.page);
        }
    }
    if known.is_empty() {
        println!(
            "{} lists no code {code:?}; it counts by its HTTP status, else as permanent_other. Add it to errors.toml in a folder of your own, see docs/carriers.md",
            profile.name
        );
    }
    Ok(!known.is_empty())
}

pub fn validate(folders: Vec<PathBuf>, ConfigArgs { config, json }: ConfigArgs) -> Result<bool, Failure> {
    let (mut problems, mut checked) = (Vec::new(), Vec::new());
    let mut check = |folder: &Path| match Library::folder(folder) {
        Ok(profile) => {
            let (wrong, samples) = check_samples(&profile, folder);
            problems.extend(wrong);
            checked.push((profile.name.clone(), profile.errors.all().count(), samples));
        }
        Err(wrong) => problems.extend(wrong),
    };
    folders.iter().for_each(|folder| check(folder));
    if folders.is_empty() {
        let config = run::load(config.as_deref())?.config;
        let dir = &config.carrier_profiles.dir;
        if !dir.as_os_str().is_empty() {
            let own = Library::folders(dir).map_err(|error| Failure(format!("{}: {error}", dir.display())))?;
            own.iter().for_each(|folder| check(folder));
        }
        if problems.is_empty()
            && let Err(error) = crate::app::check_carriers(&config)
        {
            problems.extend(error.to_string().lines().map(str::to_owned));
        }
        if checked.is_empty() {
            let library = crate::app::library(&config).unwrap_or_else(|_| Library::built_in());
            checked.extend(library.profiles().map(|profile| (profile.name.clone(), profile.errors.all().count(), 0)));
        }
    }
    if json {
        let checked =
            checked.iter().map(|(name, codes, samples)| json!({ "name": name, "codes": codes, "samples": samples }));
        let checked: Vec<_> = checked.collect();
        println!("{}", json!({ "ok": problems.is_empty(), "problems": problems, "profiles": checked }));
        return Ok(problems.is_empty());
    }
    let mut table = Table::new(["PROFILE", "CODES", "SAMPLES"]);
    for (name, codes, samples) in checked {
        table.row([name, codes.to_string(), if samples == 0 { "-".into() } else { samples.to_string() }]);
    }
    print!("{table}");
    for problem in &problems {
        println!("problem: {problem}");
    }
    println!("{}", if problems.is_empty() { "everything holds" } else { "there are problems" });
    Ok(problems.is_empty())
}

/// The files of a new profile.
const SKELETON: &[(&str, &str)] = &[
    ("carrier.toml", include_str!("skeleton/carrier.toml")),
    ("errors.toml", include_str!("skeleton/errors.toml")),
    ("samples/accepted.toml", include_str!("skeleton/samples/accepted.toml")),
    ("samples/refused.toml", include_str!("skeleton/samples/refused.toml")),
    ("samples/delivered.toml", include_str!("skeleton/samples/delivered.toml")),
];

pub fn new(name: &str, dir: &Path) -> Result<bool, Failure> {
    let folder = dir.join(name);
    if !Library::is_name(name) {
        return Err(Failure(format!("{name:?} is no profile name; use letters, digits, - and _, and not sandbox")));
    }
    if folder.exists() {
        return Err(Failure(format!("{} exists already; give another name or --dir", folder.display())));
    }
    for (file, text) in SKELETON {
        let path = folder.join(file);
        let write = || {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(&path, text)
        };
        write().map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        println!("wrote {}", path.display());
    }
    println!(
        "\nNow: change it to what the carrier's API is like (docs/carriers.md), then\n  otp-gateway carriers validate {}",
        folder.display()
    );
    Ok(true)
}
