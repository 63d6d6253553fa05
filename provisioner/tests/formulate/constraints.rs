//! Spreads, affinities, anti-affinities, host ports and preferences.

use serde_json::{Value, json};
use solver::problem::NODE_KEY;

use crate::builders::*;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

fn spread(key: &str, extra: Value) -> Value {
    let mut constraint = json!({"maxSkew": 2, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}});
    for (key, value) in extra.as_object().unwrap() {
        constraint[key] = value.clone();
    }
    json!({"topologySpreadConstraints": [constraint]})
}

fn web() -> [(&'static str, &'static str); 2] {
    [("app", "web"), ("pod-template-hash", "v1")]
}

#[test]
fn a_zone_spread_counts_and_names_its_domains() {
    let found = Cluster::new()
        .nodes(&["a", "d"])
        .bound("node-1", &[("app", "web")], json!({}))
        .bound("node-1", &[("app", "db")], json!({}))
        .pending(3, &web(), spread(ZONE, json!({"minDomains": 2})))
        .formulate();
    let problem = &found.problem;
    let [spread] = &problem.spreads[..] else { panic!("one spread") };
    assert_eq!((spread.key, spread.max_skew, spread.min_domains, spread.cost), (0, 2, 2, None));
    assert_eq!(problem.keys, [4], "zones a, b, c and d");
    assert_eq!(spread.domains.len(), 3, "no node can be launched in zone d");
    assert_eq!(spread.counted_nodes.count(), 2);
    assert_eq!(spread.counted_offerings.count(), 12);
    let set = &problem.sets[spread.set as usize];
    assert_eq!(set.bound, [(1, 1)]);
    assert_eq!(set.groups.count(), 1);
    assert_eq!(&*found.index.keys[0], ZONE);
}

#[test]
fn fields_of_a_spread_are_honoured() {
    let selector = json!({"nodeSelector": {"size.example/cpu": "2"}});
    let with_selector = |extra| {
        let mut spec = spread(ZONE, extra);
        spec["nodeSelector"] = selector["nodeSelector"].clone();
        spec
    };
    // (case, spec, counted offerings, cost, key)
    let cases = [
        ("affinity honoured by default", with_selector(json!({})), 6, None, 0),
        ("affinity ignored", with_selector(json!({"nodeAffinityPolicy": "Ignore"})), 12, None, 0),
        ("taints ignored by default", spread(ZONE, json!({})), 12, None, 0),
        ("taints honoured", spread(ZONE, json!({"nodeTaintsPolicy": "Honor"})), 0, None, 0),
        ("soft", spread(ZONE, json!({"whenUnsatisfiable": "ScheduleAnyway"})), 12, Some(200), 0),
        ("host", spread(HOST, json!({})), 12, None, NODE_KEY),
    ];
    for (case, spec, counted, cost, key) in cases {
        let found = Cluster::new()
            .pool(|pool| pool.taints = vec![taint("x", "NoSchedule")])
            .pending(1, &web(), spec)
            .formulate();
        let spread = &found.problem.spreads[0];
        assert_eq!(spread.counted_offerings.count(), counted, "{case}");
        assert_eq!((spread.cost, spread.key), (cost, key), "{case}");
    }
}

#[test]
fn match_label_keys_tell_revisions_apart() {
    let spec = spread(ZONE, json!({"matchLabelKeys": ["pod-template-hash", "absent"]}));
    let found = Cluster::new()
        .pending(1, &web(), spec.clone())
        .pending(1, &[("app", "web"), ("pod-template-hash", "v2")], spec)
        .formulate();
    assert_eq!(found.problem.spreads.len(), 2);
    let sets: Vec<Vec<usize>> =
        found.problem.sets.iter().map(|set| set.groups.iter().collect()).collect();
    assert_eq!(sets, [[0], [1]]);
}

#[test]
fn a_node_without_the_key_of_a_hard_spread_is_no_place() {
    let cluster = |policy: &str| {
        Cluster::new()
            .nodes(&["a", "b"])
            .with(|c| {
                let labels = c.node_mut(1).metadata.labels.get_or_insert_default();
                labels.remove(ZONE);
            })
            .pending(1, &web(), spread(ZONE, json!({"whenUnsatisfiable": policy})))
            .formulate()
    };
    for (policy, nodes) in [("DoNotSchedule", 1), ("ScheduleAnyway", 2)] {
        let found = cluster(policy);
        assert_eq!(accepted_nodes(&found, 0).len(), nodes, "{policy}");
        assert_eq!(found.problem.spreads[0].counted_nodes.count(), 1, "{policy}");
    }
}

#[test]
fn a_selector_that_is_missing_selects_nobody_and_an_empty_one_everybody() {
    let base = json!({"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"});
    for (selector, members) in [(Value::Null, 0), (json!({}), 2)] {
        let mut constraint = base.clone();
        constraint["labelSelector"] = selector;
        let found = Cluster::new()
            .pending(1, &[("app", "db")], json!({}))
            .pending(1, &web(), json!({"topologySpreadConstraints": [constraint]}))
            .formulate();
        assert_eq!(found.problem.sets[0].groups.count(), members);
    }
}

fn term(key: &str, labels: Value) -> Value {
    json!({"topologyKey": key, "labelSelector": {"matchLabels": labels}})
}

fn near(terms: Value) -> Value {
    json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn apart(terms: Value) -> Value {
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

#[test]
fn several_affinity_terms_are_met_by_pods_that_match_all() {
    let found = Cluster::new()
        .pending(1, &[("app", "db"), ("tier", "gold")], json!({}))
        .pending(1, &[("app", "db")], json!({}))
        .pending(
            1,
            &[],
            near(json!([term(ZONE, json!({"app": "db"})), term(HOST, json!({"tier": "gold"}))])),
        )
        .formulate();
    let [affinity] = &found.problem.affinities[..] else { panic!("one affinity") };
    assert_eq!(affinity.keys, [0, NODE_KEY]);
    assert_eq!(affinity.groups, [2]);
    let members: Vec<usize> = found.problem.sets[affinity.set as usize].groups.iter().collect();
    assert_eq!(members, [0]);
}

#[test]
fn namespaces_limit_whom_a_term_sees() {
    let with = |extra: Value| {
        let mut one = term(ZONE, json!({"app": "db"}));
        for (key, value) in extra.as_object().unwrap() {
            one[key] = value.clone();
        }
        one
    };
    let cases = [
        ("own namespace", with(json!({})), vec![0]),
        ("listed", with(json!({"namespaces": ["other"]})), vec![1]),
        ("all", with(json!({"namespaceSelector": {}})), vec![0, 1]),
        ("selected", with(json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}})), vec![1]),
        (
            "by name label",
            with(
                json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}, "namespaces": ["default"]}),
            ),
            vec![0, 1],
        ),
        ("mismatch", with(json!({"mismatchLabelKeys": ["rev"]})), vec![0]),
    ];
    for (case, term, expected) in cases {
        let found = Cluster::new()
            .pending(1, &[("app", "db")], json!({}))
            .pending(1, &[("app", "db")], json!({}))
            .pending(1, &[("rev", "1")], near(json!([term])))
            .with(|c| {
                c.pod_mut(1).namespace = "other".into();
                let other = json!({"metadata": {"name": "other", "labels": {"env": "prod"}}});
                c.snapshot
                    .namespaces
                    .insert("other".into(), serde_json::from_value(other).unwrap());
            })
            .formulate();
        let set = &found.problem.sets[found.problem.affinities[0].set as usize];
        let mut pods: Vec<u32> =
            set.groups.iter().flat_map(|group| found.index.groups[group].clone()).collect();
        pods.sort_unstable();
        assert_eq!(pods, expected, "{case}");
    }
}

#[test]
fn anti_affinity_of_bound_pods_closes_domains() {
    let cases = [
        ("zone", apart(json!([term(ZONE, json!({"app": "web"}))])), "bc", vec!["node-1"]),
        (
            "host",
            apart(json!([term(HOST, json!({"app": "web"}))])),
            "abc",
            vec!["node-1", "node-2"],
        ),
        (
            "others",
            apart(json!([term(ZONE, json!({"app": "db"}))])),
            "abc",
            vec!["node-0", "node-1", "node-2"],
        ),
    ];
    for (case, spec, expected_zones, nodes) in cases {
        let found = Cluster::new()
            .nodes(&["a", "b", "a"])
            .bound("node-0", &[("app", "guard")], spec)
            .pending(1, &web(), json!({}))
            .formulate();
        assert_eq!(zones(&found, 0), expected_zones, "{case}");
        let expected: Vec<&str> = match case {
            "zone" => vec!["node-1"],
            _ => nodes,
        };
        assert_eq!(accepted_nodes(&found, 0), expected, "{case}");
    }
}

#[test]
fn own_anti_affinity_keeps_away_from_bound_pods() {
    let found = Cluster::new()
        .nodes(&["a", "b"])
        .bound("node-0", &[("app", "web")], json!({}))
        .pending(2, &web(), apart(json!([term(ZONE, json!({"app": "web"}))])))
        .formulate();
    assert_eq!(zones(&found, 0), "bc");
    assert_eq!(accepted_nodes(&found, 0), ["node-1"]);
    let [exclusion] = &found.problem.exclusions[..] else { panic!("one exclusion") };
    assert_eq!((exclusion.key, exclusion.cost, &exclusion.groups[..]), (0, None, &[0][..]));
}

#[test]
fn host_ports_conflict() {
    let ports = |port: Value| json!({"containers": [{"name": "main", "ports": [port]}]});
    let found = Cluster::new()
        .nodes(&["a", "b"])
        .bound("node-0", &[], ports(json!({"containerPort": 1, "hostPort": 80})))
        .pending(1, &[], ports(json!({"containerPort": 1, "hostPort": 80})))
        .pending(1, &[], ports(json!({"containerPort": 1, "hostPort": 80, "hostIP": "10.0.0.1"})))
        .pending(1, &[], ports(json!({"containerPort": 1, "hostPort": 80, "protocol": "UDP"})))
        .pending(1, &[], ports(json!({"containerPort": 80})))
        .formulate();
    assert_eq!(found.problem.conflicts, [(0, 0), (0, 1), (1, 1), (2, 2)]);
    assert_eq!(accepted_nodes(&found, 0), ["node-1"]);
    assert_eq!(accepted_nodes(&found, 2).len(), 2);
}

#[test]
fn preferences_are_costs_and_never_walls() {
    let preferred = |key: &str, values: Value| json!({"weight": 30, "preference": {"matchExpressions": [{"key": key, "operator": "In", "values": values}]}});
    let weighted = |weight, key| json!([{"weight": weight, "podAffinityTerm": term(key, json!({"app": "web"}))}]);
    let found = Cluster::new()
        .pool(|pool| pool.taints = vec![taint("soft", "PreferNoSchedule")])
        .nodes(&["a"])
        .pending(1, &web(), json!({"affinity": {
            "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred(ZONE, json!(["b"]))]},
            "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighted(7, ZONE)},
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighted(9, HOST)},
        }}))
        .formulate();
    let problem = &found.problem;
    assert_eq!(zones(&found, 0), "abc");
    let mut preferences: Vec<(i64, usize, usize)> = problem
        .preferences
        .iter()
        .map(|one| {
            let class = &problem.classes[one.class as usize];
            (one.cost, class.offerings.count(), class.nodes.count())
        })
        .collect();
    preferences.sort_unstable();
    assert_eq!(preferences, [(300, 4, 0), (500, 0, 1)]);
    assert_eq!((problem.affinities[0].cost, &problem.affinities[0].keys[..]), (Some(70), &[0][..]));
    assert_eq!((problem.exclusions[0].cost, problem.exclusions[0].key), (Some(90), NODE_KEY));
}
