//! A carrier's pace is kept by all gateways together while they come and go.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use otp_gateway::carrier::sandbox::Item;
use otp_gateway::model::Ms;
use rustix::process::Signal;

use super::crew::{Site, given, see_each_other, signal};
use crate::gateway::{Gateway, until};

/// Of these a gateway is killed, told to stop, and stays. Their work is spread unevenly.
type Backlog = [usize; 3];

/// What the carrier saw.
struct Seen {
    /// When each message was submitted, in order.
    at: Vec<Ms>,
    /// Messages that came again.
    copies: usize,
}

impl Seen {
    /// Most submits in any span of a second, its ends included.
    fn fullest_second(&self) -> usize {
        let within = |from: usize| self.at[from..].iter().take_while(|at| **at - self.at[from] <= 1_000).count();
        (0..self.at.len()).map(within).max().unwrap_or(0)
    }

    /// How many of all such spans, each beginning with a submit, hold more than so many.
    fn fuller_than(&self, many: usize) -> usize {
        let is_fuller = |from: &usize| self.at.get(from + many).is_some_and(|at| at - self.at[*from] <= 1_000);
        (0..self.at.len()).filter(is_fuller).count()
    }

    /// Submits a second from the first to the last.
    fn average(&self) -> f64 {
        (self.at.len() - 1) as f64 * 1_000.0 / (self.at[self.at.len() - 1] - self.at[0]) as f64
    }

    /// The longest time without any submit.
    fn longest_gap(&self) -> Ms {
        self.at.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }
}

async fn start_all(gateway: &Gateway, many: usize) -> Vec<String> {
    stream::iter(0..many)
        .map(|_| async {
            let to = gateway.number();
            gateway.start(&to).await;
            to
        })
        .buffer_unordered(16)
        .collect()
        .await
}

/// Three gateways with a backlog; one is killed, one told to stop, one comes.
async fn come_and_go(rate: u32, backlog: Backlog) -> Seen {
    let site = Site::new().await;
    let config = format!(
        "[carriers.sandbox-a]\nprofile = \"sandbox\"\nthroughput = \"{rate}/1s\"\n\
         [carriers.sandbox-b]\nprofile = \"sandbox\"\nchannels = [\"voice\"]\n"
    );
    let gateway = || {
        let setup = site.gateway().config(&config).option("OTP_DELIVERY__LEASE_SECONDS", "6");
        setup.option("OTP_SERVER__SHUTDOWN_GRACE_SECONDS", "2").start()
    };
    let mut gateways = [gateway(), gateway(), gateway()];
    see_each_other(&gateways).await;
    let [a, b, c] = &gateways;
    let started = tokio::join!(start_all(a, backlog[0]), start_all(b, backlog[1]), start_all(c, backlog[2]));
    let wanted: HashSet<String> = [started.0, started.1, started.2].into_iter().flatten().collect();
    let mut folders: Vec<PathBuf> = gateways.iter().map(|gateway| gateway.folder().to_owned()).collect();
    let items = |folders: &[PathBuf]| folders.iter().flat_map(|folder| given(folder)).collect::<Vec<Item>>();
    let accepted = items(&folders).len();
    assert!(accepted < wanted.len() * 2 / 3, "{accepted} of {} were sent before anything happened", wanted.len());

    gateways[0].kill();
    let step = |more: u32| accepted + (rate * more) as usize;
    until(Duration::from_secs(20), "some more", || std::future::ready((items(&folders).len() > step(1)).then_some(())))
        .await;
    let comes = gateway();
    folders.push(comes.folder().to_owned());
    until(Duration::from_secs(20), "some more", || std::future::ready((items(&folders).len() > step(2)).then_some(())))
        .await;
    signal(&gateways[1], Signal::TERM);

    let most = Duration::from_secs(60 + 3 * wanted.len() as u64 / u64::from(rate));
    let items = until(most, "the arrival of everything accepted", || {
        let items = items(&folders);
        let come: HashSet<_> = items.iter().map(|item| &item.to).collect();
        let all = wanted.iter().all(|to| come.contains(to));
        std::future::ready(all.then_some(items))
    })
    .await;
    let copies = items.len() - wanted.len();
    let mut at: Vec<Ms> = items.iter().map(|item| item.at).collect();
    at.sort_unstable();
    Seen { at, copies }
}

async fn keeps(rate: u32, backlog: Backlog) {
    let seen = come_and_go(rate, backlog).await;
    let most = (f64::from(rate) * 1.1).ceil() as usize;
    println!(
        "{rate}/1s, {} submits ({} again) by gateways that come and go: fullest second {} (at most {most}), \
         {} above {rate}, average {:.1}/s, longest pause {} ms",
        seen.at.len(),
        seen.copies,
        seen.fullest_second(),
        seen.fuller_than(rate as usize),
        seen.average(),
        seen.longest_gap()
    );
    assert!(seen.fullest_second() <= most, "{} in a second", seen.fullest_second());
    assert!(seen.average() >= 0.85 * f64::from(rate), "{:.1} a second", seen.average());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_a_second_are_kept_while_gateways_come_and_go() {
    keeps(40, [150, 100, 500]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_a_second_are_kept_while_gateways_come_and_go() {
    keeps(5, [30, 20, 150]).await;
}
