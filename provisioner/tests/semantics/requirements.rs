//! Requirements of pods against what pools and sizes say about the labels of their nodes.

use serde_json::{Value, json};

use crate::{
    objects::pod,
    runner::{ZONE, asks, launches, places, pool, required, row, run, sharing_nodes, zones},
};

fn says(key: &str, operator: &str, values: Value) -> Value {
    json!({"key": key, "operator": operator, "values": values})
}

/// A pod with one requirement.
fn wants(key: &str, operator: &str, values: Value) -> Value {
    pod("p", required(&[json!([says(key, operator, values)])]))
}

/// The pool with these requirements.
fn of(requirements: Value) -> Value {
    pool("main", json!({"requirements": requirements}))
}

#[test]
fn keys_that_nobody_defines() {
    let key = "karpenter.sh/capacity-type";
    run(
        places,
        vec![
            row("In", [wants("team", "In", json!(["red"]))], "p Incompatible"),
            row("Exists", [wants("team", "Exists", json!([]))], "p Incompatible"),
            row("Gt", [wants("team", "Gt", json!(["1"]))], "p Incompatible"),
            row("NotIn", [wants("team", "NotIn", json!(["red"]))], "p new"),
            row("DoesNotExist", [wants("team", "DoesNotExist", json!([]))], "p new"),
            row("a well-known key is open", [wants(key, "In", json!(["on-demand"]))], "p new"),
            row(
                "but for what is on sale",
                [wants(key, "In", json!(["reserved"]))],
                "p Incompatible",
            ),
            row(
                "a host name is there",
                [wants("kubernetes.io/hostname", "Exists", json!([]))],
                "p new",
            ),
            row(
                "but nobody knows which",
                [wants("kubernetes.io/hostname", "In", json!(["main-1"]))],
                "p Incompatible",
            ),
            row(
                "a label that a size lacks for good",
                [
                    wants("size.example/gpu", "Exists", json!([])),
                    of(json!([says("node.kubernetes.io/instance-type", "In", json!(["s2"]))])),
                ],
                "p Incompatible",
            ),
            row(
                "the old name of a label",
                [pod("p", json!({"nodeSelector": {"beta.kubernetes.io/arch": "amd64"}}))],
                "p new",
            ),
            row(
                "the operating system",
                [pod("p", json!({"os": {"name": "windows"}}))],
                "p Incompatible",
            ),
        ],
    );
}

#[test]
fn keys_that_the_pool_defines() {
    let team = |operator: &str, values: Value| of(json!([says("team", operator, values)]));
    let red_or_blue = || team("In", json!(["red", "blue"]));
    run(
        places,
        vec![
            row(
                "In meets In",
                [wants("team", "In", json!(["blue", "green"])), red_or_blue()],
                "p new",
            ),
            row(
                "In misses In",
                [wants("team", "In", json!(["green"])), red_or_blue()],
                "p Incompatible",
            ),
            row(
                "NotIn leaves a value",
                [wants("team", "NotIn", json!(["red"])), red_or_blue()],
                "p new",
            ),
            row(
                "NotIn leaves none",
                [wants("team", "NotIn", json!(["red", "blue"])), red_or_blue()],
                "p Incompatible",
            ),
            row("Exists", [wants("team", "Exists", json!([])), red_or_blue()], "p new"),
            row(
                "DoesNotExist",
                [wants("team", "DoesNotExist", json!([])), red_or_blue()],
                "p Incompatible",
            ),
            row(
                "the pool wants any value, the pod one",
                [wants("team", "In", json!(["red"])), team("Exists", json!([]))],
                "p new",
            ),
            row(
                "the pool wants any value but the pod's",
                [wants("team", "In", json!(["red"])), team("NotIn", json!(["red"]))],
                "p Incompatible",
            ),
            row(
                "the pool wants any other, the pod another",
                [wants("team", "In", json!(["blue"])), team("NotIn", json!(["red"]))],
                "p new",
            ),
            row(
                "a bound of the pool holds the pod's value",
                [wants("tier", "In", json!(["5"])), of(json!([says("tier", "Gt", json!(["4"]))]))],
                "p new",
            ),
            row(
                "it does not",
                [wants("tier", "In", json!(["4"])), of(json!([says("tier", "Gt", json!(["4"]))]))],
                "p Incompatible",
            ),
            row(
                "no word is within a bound",
                [
                    wants("tier", "In", json!(["many"])),
                    of(json!([says("tier", "Gt", json!(["4"]))])),
                ],
                "p Incompatible",
            ),
        ],
    );
    let team_of = |name: &str, team: &str| pod(name, json!({"nodeSelector": {"team": team}}));
    run(
        sharing_nodes,
        vec![
            row(
                "unlike Karpenter: a label that the pool leaves open gets the values that pods ask for",
                [team_of("p", "red"), team_of("q", "blue"), team("Exists", json!([]))],
                "p | q",
            ),
            row(
                "a pod that does not care goes along",
                [team_of("p", "red"), pod("q", json!({})), team("Exists", json!([]))],
                "p q",
            ),
        ],
    );
}

#[test]
fn keys_that_sizes_define() {
    let cpu = "size.example/cpu";
    let without_gpu = || says("size.example/gpu", "DoesNotExist", json!([]));
    run(
        launches,
        vec![
            row("Gt", [wants(cpu, "Gt", json!(["4"]))], "s8 spot"),
            row("Gt itself", [wants(cpu, "Gt", json!(["8"]))], ""),
            row("Lt", [wants(cpu, "Lt", json!(["3"]))], "s2 spot"),
            row(
                "a window",
                [pod(
                    "p",
                    required(&[json!([
                        says(cpu, "Gt", json!(["2"])),
                        says(cpu, "Lt", json!(["8"]))
                    ])]),
                )],
                "g4 spot",
            ),
            row(
                "a window that the pool closes",
                [
                    pod(
                        "p",
                        required(&[json!([
                            says(cpu, "Gt", json!(["2"])),
                            says(cpu, "Lt", json!(["8"]))
                        ])]),
                    ),
                    of(json!([without_gpu()])),
                ],
                "",
            ),
            row("a bound on words", [wants(ZONE, "Gt", json!(["1"]))], ""),
            row(
                "a bound of the pool",
                [pod("p", json!({})), of(json!([says(cpu, "Gte", json!(["8"]))]))],
                "s8 spot",
            ),
        ],
    );
}

#[test]
fn selector_and_terms_hold_together() {
    let both = |selected: &str, terms: &[Value]| {
        let mut spec = required(terms);
        spec["nodeSelector"] = json!({ZONE: selected});
        pod("p", spec)
    };
    let zone = |values: Value| json!([says(ZONE, "In", values)]);
    let by_name = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["old"]}]}]}}}});
    run(
        zones,
        vec![
            row("both", [both("a", &[zone(json!(["a", "b"]))])], "p a"),
            row("not both", [both("a", &[zone(json!(["b"]))])], ""),
            row("all but some", [wants(ZONE, "NotIn", json!(["a", "b"]))], "p c"),
            row("a later term", [both("a", &[zone(json!(["b"])), zone(json!(["a"]))])], "p a"),
            row("an empty term matches nothing", [pod("p", required(&[json!([])]))], ""),
            row("a node by name is no new node", [pod("p", by_name)], ""),
        ],
    );
}

#[test]
fn min_values() {
    let flexible = |min: u32| {
        let mut types = says("node.kubernetes.io/instance-type", "Exists", json!([]));
        types["minValues"] = json!(min);
        of(json!([types]))
    };
    let p = |cpu: &str| pod("p", asks(json!({"cpu": cpu})));
    run(
        places,
        vec![
            row("as many sizes as on sale", [p("1"), flexible(3)], "p new"),
            row("more than are on sale", [p("1"), flexible(4)], "p Flexibility"),
            row("only sizes that hold the pods count", [p("2"), flexible(3)], "p Flexibility"),
            row("fewer are enough", [p("2"), flexible(2)], "p new"),
        ],
    );
}
