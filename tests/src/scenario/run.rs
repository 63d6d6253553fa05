//! A scenario from its first step to its last.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};
use provisioner::api::v1::NodeClaim;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    Error, Expect, Scenario, Step, objects,
    report::{self, State},
};
use crate::{
    cluster::{self, Cluster},
    engine,
    objects::NODE_CLASS,
};

/// Far more than is needed on the slowest day.
const SOON: Duration = Duration::from_secs(180);
/// What has not changed for so long counts as settled.
const SETTLED: Duration = Duration::from_millis(1_500);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Plays a scenario on a cluster where the product's controllers run, and gives its reports. Those
/// that differ from `golden` are waited for, since things may still be on their way.
///
/// # Errors
/// When a step cannot be done, or something does not come true in time.
pub async fn run(
    scenario: &Scenario,
    cluster: &Cluster,
    golden: Option<&str>,
) -> Result<String, Error> {
    let before = report::events(&cluster.client()).await;
    let before = before
        .map_err(|error| Error::Cluster { step: "start".to_owned(), source: error.into() })?;
    let play = Play { scenario, cluster, golden, before };
    play.apply("objects", NODE_CLASS).await?;
    for pool in &scenario.pools {
        play.apply(&format!("pool {}", pool.name), &objects::pool(pool).to_string()).await?;
    }
    for one in &scenario.workloads {
        let deployment = objects::deployment(one).to_string();
        play.apply(&format!("workload {}", one.name), &deployment).await?;
    }
    if !scenario.objects.is_empty() {
        play.apply("objects", &scenario.objects).await?;
    }
    let mut text = format!("{}\n", scenario.about.trim());
    for (number, step) in (1..).zip(&scenario.steps) {
        play.step(&format!("step {number}"), step, &mut text).await?;
    }
    Ok(text)
}

impl Scenario {
    /// How the product's controllers are set up for it.
    ///
    /// # Errors
    /// When a rule or a time cannot be read.
    pub fn options(&self) -> Result<engine::Options, Error> {
        fn read<T: std::str::FromStr<Err: ToString>>(
            what: &str,
            rules: &[String],
        ) -> Result<Vec<T>, Error> {
            let wrong = |error: T::Err| Error::Content {
                what: format!("cloud.{what}"),
                problem: error.to_string(),
            };
            rules.iter().map(|rule| rule.parse().map_err(wrong)).collect()
        }
        let mut options = engine::Options::default();
        // All pods of a step make one round, on slow machines too.
        options.window.idle = Duration::from_secs(2);
        options.cloud.faults.refuse = read("refuse", &self.cloud.refuse)?;
        options.cloud.faults.slow = read("slow", &self.cloud.slow)?;
        if let Some(text) = &self.registration_timeout {
            let time = provisioner::api::duration::parse(text).ok_or_else(|| Error::Content {
                what: "registrationTimeout".to_owned(),
                problem: format!("{text:?} is no duration"),
            })?;
            options.lifecycle.registration_timeout = time;
        }
        Ok(options)
    }
}

struct Play<'a> {
    scenario: &'a Scenario,
    cluster: &'a Cluster,
    golden: Option<&'a str>,
    /// Events of those who used the cluster before.
    before: BTreeSet<String>,
}

impl Play<'_> {
    async fn apply(&self, step: &str, yaml: &str) -> Result<(), Error> {
        let failed = |source| Error::Cluster { step: step.to_owned(), source };
        self.cluster.apply(yaml).await.map_err(failed)
    }

    async fn step(&self, name: &str, step: &Step, text: &mut String) -> Result<(), Error> {
        let done: Result<(), kube::Error> = match step {
            Step::Apply(yaml) => return self.apply(name, yaml).await,
            Step::Scale(workloads) => self.scale(workloads).await,
            Step::Delete(object) => self.delete(object).await,
            Step::Drain(number) => self.drain(*number).await,
            Step::Cordon(number) => self.cordon(*number).await,
            Step::Expect(expect) => return self.expect(name, expect).await,
            Step::Report(title) => return self.report(name, title, text).await,
        };
        done.map_err(|error| Error::Cluster { step: name.to_owned(), source: error.into() })
    }

    async fn state(&self) -> Result<State, kube::Error> {
        State::read(&self.cluster.client(), self.cluster.namespace(), &self.before).await
    }

    async fn scale(&self, workloads: &BTreeMap<String, usize>) -> Result<(), kube::Error> {
        for (workload, pods) in workloads {
            self.cluster.scale(workload, *pods).await?;
        }
        Ok(())
    }

    async fn expect(&self, name: &str, expect: &Expect) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            let state = self.state().await;
            let holds = state.as_ref().is_ok_and(|state| holds(state, expect));
            if holds {
                return Ok(());
            }
            if start.elapsed() > SOON {
                let found = state.map_or_else(|error| error.to_string(), |state| state.text());
                let what = format!("{expect:?}; instead:\n{found}");
                let source = cluster::Error::Deadline { what, waited: start.elapsed() };
                return Err(Error::Cluster { step: name.to_owned(), source });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Adds the report when it is the golden one or, if it never is, when time is up.
    async fn report(&self, name: &str, title: &str, text: &mut String) -> Result<(), Error> {
        let start = Instant::now();
        let (mut last, mut since) = (String::new(), start);
        loop {
            let failed =
                |error: kube::Error| Error::Cluster { step: name.to_owned(), source: error.into() };
            let now = self.state().await.map_err(failed)?.text();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            let whole = format!("{text}\n# {title}\n{last}");
            let as_before = self.golden.is_none_or(|golden| report::continues(golden, &whole));
            let settled = since.elapsed() >= SETTLED;
            if settled && (as_before || start.elapsed() > SOON / 6) {
                *text = whole;
                return Ok(());
            }
            if start.elapsed() > SOON {
                let what = format!("{} settles; last:\n{last}", self.scenario.about);
                let source = cluster::Error::Deadline { what, waited: start.elapsed() };
                return Err(Error::Cluster { step: name.to_owned(), source });
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// `Kind/name`, of the kinds that scenarios delete.
    async fn delete(&self, object: &str) -> Result<(), kube::Error> {
        let (kind, name) = object.split_once('/').unwrap_or((object, ""));
        let (group, namespaced) = match kind {
            "PodDisruptionBudget" => ("policy", true),
            "NodePool" => ("karpenter.sh", false),
            "Deployment" => ("apps", true),
            _ => ("", false),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let client = self.cluster.client();
        let api: Api<DynamicObject> = if namespaced {
            Api::namespaced_with(client, self.cluster.namespace(), &resource)
        } else {
            Api::all_with(client, &resource)
        };
        api.delete(name, &DeleteParams::default()).await.map(|_| ())
    }

    async fn drain(&self, number: usize) -> Result<(), kube::Error> {
        let state = self.state().await?;
        let node = state.nodes.get(number).map(ResourceExt::name_any).unwrap_or_default();
        let of_node = |claim: &&NodeClaim| {
            claim.status.as_ref().and_then(|status| status.node_name.as_deref()) == Some(&node)
        };
        let claim = state.claims.iter().find(of_node);
        let api = Api::<NodeClaim>::all(self.cluster.client());
        let claim = claim.map(ResourceExt::name_any).unwrap_or_default();
        api.delete(&claim, &DeleteParams::default()).await.map(|_| ())
    }

    async fn cordon(&self, number: usize) -> Result<(), kube::Error> {
        let state = self.state().await?;
        let node = state.nodes.get(number).map(ResourceExt::name_any).unwrap_or_default();
        let api = Api::<k8s_openapi::api::core::v1::Node>::all(self.cluster.client());
        let patch: Patch<Value> = Patch::Merge(json!({ "spec": { "unschedulable": true } }));
        api.patch(&node, &PatchParams::default(), &patch).await.map(|_| ())
    }
}

fn holds(state: &State, expect: &Expect) -> bool {
    let counts = state.counts();
    let count = |workload: &str, at: usize| counts.get(workload).map_or(0, |counts| counts[at]);
    let events = state.events();
    let told = |reason: &str| {
        events.iter().filter(|((one, _), _)| one == reason).map(|(_, count)| count).sum::<usize>()
    };
    expect.running.iter().all(|(workload, pods)| count(workload, 0) == *pods)
        && expect.waiting.iter().all(|(workload, pods)| count(workload, 1) == *pods)
        && expect.nodes.is_none_or(|nodes| state.nodes.len() == nodes)
        && expect.events.iter().all(|(reason, objects)| told(reason) >= *objects)
        && expect.conditions.iter().all(|(object, it)| state.has_condition(object, it))
}
