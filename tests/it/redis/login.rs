//! A user of Redis that may do what the gateway needs and nothing else.

use std::collections::BTreeSet;

use otp_gateway::clock::Clock;
use otp_gateway::model::{Cause, Channel};
use otp_gateway::seal::token;
use otp_gateway::store::{Batch, Kept, LogEntry, Store, Switch};
use serde_json::json;

use super::made::{Maker, open};
use super::servers::{Cluster, Sentinels, Server};
use super::{master_key, refused};
use crate::gateway::{Gateway, tells};

/// What the gateway sends itself. `docs/operations.md` lists the same.
const PLAIN: [&str; 8] = ["EVAL", "EVALSHA", "GET", "HGETALL", "INFO", "SET", "XRANGE", "ZRANGE"];
/// What the way to the master needs beside it: nothing is worse without, INFO says the same.
const SENTINEL: [&str; 1] = ["+role"];
/// Without PING connections are made again whenever the slots are looked up.
const CLUSTER: [&str; 2] = ["+cluster|slots", "+ping"];
/// Everything in it has a meaning in a URL.
const PASSWORD: &str = "p@ss:w/rd#?%&=+é";
const ENCODED: &str = "p%40ss%3Aw%2Frd%23%3F%25%26%3D%2B%C3%A9";

/// The commands of every script, and the plain ones.
fn commands() -> BTreeSet<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/redis/scripts");
    let mut commands: BTreeSet<String> = PLAIN.into_iter().map(str::to_owned).collect();
    for file in std::fs::read_dir(folder).expect("the scripts are there").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a script");
        let called = text.split("redis.call('").skip(1).map(|rest| rest.split('\'').next().expect("a name").to_owned());
        commands.extend(called);
    }
    commands
}

/// The user's rules, but for its password and name.
fn rules(commands: &BTreeSet<String>, more: &[&str]) -> Vec<String> {
    let own = ["on", "resetkeys", "~otp:*", "resetchannels", "-@all"].into_iter().chain(more.iter().copied());
    own.map(str::to_owned).chain(commands.iter().map(|command| format!("+{}", command.to_lowercase()))).collect()
}

fn add_user(server: &Server, rules: &[String]) {
    let password = format!(">{PASSWORD}");
    let rules = rules.iter().map(String::as_str);
    let words = ["ACL", "SETUSER", "gateway", "reset", &password].into_iter();
    server.command(&words.chain(rules).collect::<Vec<_>>());
}

fn with_login(url: &str) -> String {
    url.replacen("://", &format!("://gateway:{ENCODED}@"), 1)
}

/// What is asked of a store for carriers that the sandbox is not.
async fn carriers_need(store: &Store) {
    let (maker, archive) = (Maker::new(), &store.archive);
    let to = maker.number();
    let sent = maker.logged(maker.verification(&to, 1_000).id, &to, Clock::System.now());
    let (id, name) = (sent.id, token());
    archive.log(vec![LogEntry::Submitted(sent)], 1_000).await.expect("log");
    assert_eq!(archive.attempts(to.partition, to.hash, 9).await.expect("attempts").len(), 1);
    assert_eq!(archive.find(name, Some((vec![1], 1_000))).await.expect("find"), None);
    assert_eq!(archive.index(name, id, 1_000).await.expect("index").len(), 1);
    archive.tally(vec![("sent".into(), 1)]).await.expect("tally");
    // A gateway that ran there before has its own.
    assert!(archive.tallies(0).await.expect("tallies").iter().any(|(name, _)| name == "sent"));
    let (consents, fleet) = (&store.consents, &store.fleet);
    consents.opt_out(to.partition, to.hash, vec![maker.tenant.clone()], Channel::Sms).await.expect("opt_out");
    assert_eq!(consents.opted_out(to.partition, to.hash).await.expect("opted_out").len(), 1);
    assert_eq!(consents.opt_in(to.partition, to.hash, None, Channel::Sms).await.expect("opt_in"), 1);
    let open = Switch { until: 1, strikes: 1, cause: Cause::AuthFailed };
    fleet.switch("acme", Some(open)).await.expect("switch");
    assert_eq!(fleet.switches().await.expect("switches").len(), 1);
    assert!(fleet.only_one("report", 1_000).await.expect("only_one"));
    let batch = |sequence| Batch { replica: "a".into(), epoch: 1, sequence, events: vec!["{}".into()] };
    for sequence in 1..=2 {
        store.evidence.append(batch(sequence)).await.expect("append");
    }
    let place = store.evidence.since(0, 9).await.expect("since").last().expect("a batch").place;
    let kept = Kept { place, state: vec![1], cells: vec![("cell".into(), "{}".into())] };
    assert!(store.evidence.keep(kept, place).await.expect("keep"));
    assert_eq!(store.evidence.kept().await.expect("kept"), Some((place, vec![1])));
}

/// Every script is called, and nothing is refused to the user.
async fn works(url: &str, servers: &[&Server]) {
    for server in servers {
        server.command(&["CONFIG", "RESETSTAT"]);
    }
    // With its wide limits and a pace. Without `--relaxed-limits`, or nothing is taken.
    let gateway = Gateway::setup()
        .argument("--store")
        .argument(&with_login(url))
        .option("OTP_MASTER_KEY", &master_key())
        .config("[carriers.sandbox-a]\nprofile = \"sandbox\"\nthroughput = \"100/1s\"\n")
        .start();
    gateway.secret(PASSWORD);
    gateway.secret(ENCODED);
    let to = gateway.number();
    let body = json!({ "to": to });
    let id = gateway.post_with_key("/v1/verifications", "once", &body).await.id();
    assert_eq!(gateway.post_with_key("/v1/verifications", "once", &body).await.id(), id);
    // Gives back what it took of the wide limits, all that an address had.
    let again = json!({ "to": to, "client": { "ip": "203.0.113.7" } });
    assert_eq!(gateway.post("/v1/verifications", again).await.status, 429);
    gateway.ring(&id, &to).await;
    let code = gateway.code(&to).await;
    assert_eq!(gateway.check(&id, &code).await.expect(200)["status"], "approved");
    let second = gateway.start(&gateway.number()).await;
    gateway.delete(&format!("/v1/verifications/{second}")).await;
    assert_eq!(gateway.get("/readyz").await.status, 200);
    carriers_need(&open(&with_login(url)).await).await;
    for server in servers {
        assert_eq!(server.command(&["ACL", "LOG"]), "", "something was refused to the user");
    }
    let stats: String = servers.iter().map(|server| server.command(&["INFO", "commandstats"])).collect();
    for command in commands() {
        let name = format!("cmdstat_{}:calls=", command.to_lowercase());
        assert!(stats.contains(&name), "{command} is not needed:\n{stats}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_listed_commands_is_enough_and_each_is_needed() {
    let server = Server::start(&[]).await;
    let rules = rules(&commands(), &[]);
    println!("single: {}", rules.join(" "));
    add_user(&server, &rules);
    works(&server.url(), &[&server]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_the_same_is_enough() {
    let servers = Sentinels::start(&[]).await;
    add_user(&servers.master, &rules(&commands(), &SENTINEL));
    works(&servers.url(), &[&servers.master]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_it_needs_the_slots_too() {
    let cluster = Cluster::start(false).await;
    let nodes: Vec<&Server> = cluster.masters.iter().collect();
    nodes.iter().for_each(|node| add_user(node, &rules(&commands(), &[])));
    let line = refused(&with_login(&cluster.url()), &[("OTP_MASTER_KEY", &master_key())]).await;
    println!("cluster without {CLUSTER:?}: {line}");
    assert!(line.contains("'cluster|slots'"), "{line}");
    for node in &nodes {
        node.command(&["ACL", "LOG", "RESET"]);
        add_user(node, &rules(&commands(), &CLUSTER));
    }
    works(&cluster.url(), &nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_not_printed() {
    let (server, sentinels, cluster) =
        (Server::start(&[]).await, Sentinels::start(&[]).await, Cluster::start(false).await);
    for url in [server.url(), sentinels.url(), cluster.url()] {
        let url = url.replacen("://", "://gateway:Wr0ng%21Secret@", 1);
        // At trace level the last line is the error all the same.
        let line = refused(&url, &[("OTP_MASTER_KEY", &master_key()), ("OTP_LOG__LEVEL", "trace")]).await;
        println!("wrong password: {}", line.lines().last().unwrap_or_default());
        assert!(line.contains("AuthenticationFailed") || line.to_lowercase().contains("password"), "{line}");
        assert!(!tells(&line, "Wr0ng!Secret") && !tells(&line, "Wr0ng%21Secret"), "{line}");
    }
}
