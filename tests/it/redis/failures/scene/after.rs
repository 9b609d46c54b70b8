//! What must hold after every fault.

use super::*;

impl Scene {
    /// Sends the people home, then looks at everything that was asked and answered.
    pub async fn settles(mut self, what: &str, server: &Server) {
        self.people_go_home();
        while let Some(ended) = self.living.join_next().await {
            ended.expect("nobody panics");
        }
        self.no_job_waits(server).await;
        let book = std::mem::take(&mut *self.people.book.lock().unwrap());
        let starts = book.starts;
        *self.people.book.lock().unwrap() = Book { starts: Vec::new(), checks: book.checks };
        let accepted: BTreeMap<String, Asked> =
            starts.iter().filter_map(|asked| Some((asked.id.clone()?, asked.clone()))).collect();
        let lost = self.delivered_or_failed(&accepted).await;
        let approved_again = self.approved_once(&accepted, &lost).await;
        let (twice, all_the_same) = self.within_the_number_limits(&starts, &accepted, &lost).await;
        let over = self.within_the_wide_limit(server, &accepted).await;
        let in_flight = starts
            .iter()
            .filter(|asked| self.faults.iter().any(|fault| asked.begun <= fault.end && asked.ended >= fault.start));
        let (in_flight, unknown) = (in_flight.count(), starts.len() - accepted.len());
        tell(&format!(
            "{what}: {} starts, {} accepted, {} lost, {approved_again} approved twice, {unknown} answered 503 or not \
             at all ({all_the_same} of them sent all the same), {twice} messages came twice, the wide limit counts \
             {over} too many of {in_flight} in flight",
            starts.len(),
            accepted.len(),
            lost.len(),
        ));
        assert!(self.may_lose || (lost.is_empty() && over >= 0), "{what}: lost {lost:?}, over-counted by {over}");
        assert!(over <= in_flight as i64, "{what}: {over} too many of {in_flight} in flight");
    }

    /// Waits until no schedule holds anything that is due before the codes expire.
    async fn no_job_waits(&self, server: &Server) {
        let script = "local n, soon = 0, redis.call('TIME')[1] * 1000 + 45000 \
                      for p = 0, 127 do n = n + redis.call('ZCOUNT', 'otp:{p' .. p .. '}:jobs', '-inf', soon) end \
                      return n";
        let most = LEASE + Duration::from_secs(14);
        until(most, "the end of all jobs", || {
            std::future::ready((server.command(&["EVAL", script, "0"]) == "0").then_some(()))
        })
        .await;
    }

    /// Every accepted start is on a list, or its delivery failed and says so; those that the
    /// store does not know any more.
    async fn delivered_or_failed(&self, accepted: &BTreeMap<String, Asked>) -> BTreeSet<String> {
        let arrived = self.people.arrived();
        let on_list: BTreeSet<&str> = arrived.iter().map(Item::record).collect();
        let mut lost = BTreeSet::new();
        for id in accepted.keys() {
            let verification = self.people.get(0, id).await;
            match verification {
                None => drop(lost.insert(id.clone())),
                Some(verification) => {
                    let failed = verification["deliveries"][0]["state"] == "failed";
                    assert!(failed || on_list.contains(&id["ver_".len()..]), "{id} is nowhere: {verification}");
                }
            }
        }
        lost
    }

    /// Every code works once: now, or it did before; how many worked twice.
    async fn approved_once(&self, accepted: &BTreeMap<String, Asked>, lost: &BTreeSet<String>) -> usize {
        let mut again = 0;
        let mut codes = BTreeMap::<String, BTreeSet<String>>::new();
        for item in self.people.arrived() {
            codes.entry(format!("ver_{}", item.record())).or_default().insert(code_in(&item.body));
        }
        for id in accepted.keys().filter(|id| !lost.contains(*id)) {
            let Some(known) = codes.get(id) else { continue };
            assert_eq!(known.len(), 1, "{id} got different codes");
            let code = known.first().expect("one");
            self.gateways.iter().for_each(|gateway| gateway.secret(code));
            let before = self.people.checks(id);
            let (first, second) = tokio::join!(self.people.check(0, id, code), self.people.check(1, id, code));
            let after = self.people.checks(id);
            // A check that was answered 503 may have been the one that counted.
            let is_right = after.approved == 1 || (after.approved == 0 && before.unknown > 0);
            assert!(is_right || self.may_lose, "{id}: {before:?}, {after:?}, {first:?}, {second:?}");
            again += usize::from(after.approved > 1);
        }
        again
    }

    /// No number got a second delivery, and each that had one must wait as long as it
    /// would have without a fault. How many messages came twice, and how many came although
    /// their start was answered 503 or not at all.
    async fn within_the_number_limits(
        &self,
        starts: &[Asked],
        accepted: &BTreeMap<String, Asked>,
        lost: &BTreeSet<String>,
    ) -> (usize, usize) {
        let mut deliveries = BTreeMap::<String, BTreeMap<String, usize>>::new();
        for item in self.people.arrived() {
            let (delivery, _) = item.attempt.rsplit_once('-').expect("an attempt's id");
            *deliveries.entry(item.to.clone()).or_default().entry(delivery.to_owned()).or_default() += 1;
        }
        let mut all_the_same = 0;
        for asked in starts {
            self.gateways.iter().for_each(|gateway| gateway.secret(&asked.to[1..]));
            let had = deliveries.get(&asked.to).map_or(0, BTreeMap::len);
            all_the_same += usize::from(had == 1 && asked.id.is_none());
            assert!(had <= 1, "{had} deliveries to one number");
            let known = asked.id.as_ref().is_some_and(|id| accepted.contains_key(id) && !lost.contains(id));
            if !(known || had == 1 && !self.may_lose) {
                continue;
            }
            let reply = self.people.post(0, "/v1/verifications", json!({ "to": asked.to })).await;
            let (status, _, body) = reply.expect("an answer");
            let least = INTERVAL - asked.begun.elapsed().as_secs() - 1;
            let seconds = body["retry_after_seconds"].as_u64().unwrap_or_default();
            assert_eq!((status, &body["limit"]), (429, &json!("sms_interval")), "after a send: {body}");
            assert!((least..=INTERVAL).contains(&seconds), "{seconds} s, at least {least}");
        }
        let twice = deliveries.values().flat_map(BTreeMap::values).filter(|times| **times > 1).count();
        (twice, all_the_same)
    }

    /// Uses the tenant's limit up: how many sends it lacks.
    async fn within_the_wide_limit(&self, server: &Server, accepted: &BTreeMap<String, Asked>) -> i64 {
        let refused = Arc::new(AtomicBool::new(false));
        let mut starters = JoinSet::new();
        for door in 0..8 {
            let (people, refused) = (self.people.clone(), refused.clone());
            starters.spawn(async move {
                let mut more = 0;
                while !refused.load(Ordering::SeqCst) {
                    let (id, reply) = people.start(door).await;
                    more += usize::from(id.is_some());
                    if let Some((429, _, body)) = reply {
                        assert_eq!(body["limit"], "tenant", "{body}");
                        let seconds = body["retry_after_seconds"].as_u64().expect("a number");
                        // A slice more than the span at most.
                        assert!((1..=3_900).contains(&seconds), "{body}");
                        refused.store(true, Ordering::SeqCst);
                    }
                }
                more
            });
        }
        let more: usize = starters.join_all().await.into_iter().sum();
        self.no_job_waits(server).await;
        let arrived = self.people.arrived();
        let before: BTreeSet<&str> = accepted.keys().map(|id| &id["ver_".len()..]).collect();
        // What was answered 503 and sent all the same counts, too.
        let sent: BTreeSet<&str> = arrived.iter().map(Item::record).chain(before.iter().copied()).collect();
        assert!(sent.len() >= before.len() + more, "all that was accepted at last arrived");
        SENDS as i64 - sent.len() as i64
    }
}

impl Item {
    /// The record's id, without its prefix.
    fn record(&self) -> &str {
        self.attempt.split('-').next().unwrap_or_default()
    }
}

impl People {
    /// A verification; `None` if there is none.
    pub async fn get(&self, door: usize, id: &str) -> Option<Value> {
        let url = {
            let doors = self.doors.lock().unwrap();
            format!("{}/v1/verifications/{id}", doors[door % doors.len()])
        };
        let response = self.http.get(url).bearer_auth(KEY).send().await.expect("the gateway answers");
        match response.status().as_u16() {
            200 => Some(response.json().await.expect("JSON")),
            status => {
                assert_eq!(status, 404, "{id}");
                None
            }
        }
    }

    fn checks(&self, id: &str) -> Checks {
        self.book.lock().unwrap().checks.get(id).cloned().unwrap_or_default()
    }
}
