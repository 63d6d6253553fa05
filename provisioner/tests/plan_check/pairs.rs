//! Filters between pods: spread, affinity, anti-affinity.

use Filter::*;

use super::super::*;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

fn spread(name: &str, key: &str, extra: Value) -> Value {
    let mut constraint = json!({
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}
    });
    merge(&mut constraint, extra);
    pod(name, json!({"topologySpreadConstraints": [constraint]}))
}

#[test]
fn spreads() {
    let two =
        |extra: Value| vec![spread("web-1", ZONE, extra.clone()), spread("web-2", ZONE, extra)];
    let with_old = |extra: Value, labels: Value| {
        let mut all = two(extra);
        all.push(node("old", "b", json!({"metadata": {"labels": labels}})));
        all
    };
    let in_a = [("web-1", "new-a-1"), ("web-2", "new-a-2")];
    let apart = [("web-1", "new-a-1"), ("web-2", "new-b-1")];
    let mut other_rev = spread("web-2", ZONE, json!({"matchLabelKeys": ["rev"]}));
    merge(&mut other_rev, json!({"metadata": {"labels": {"rev": "2"}}}));
    let tainted = |policy: &str| {
        let mut all = two(json!({"nodeTaintsPolicy": policy}));
        let taints = json!([{"key": "k", "effect": "NoSchedule"}]);
        all.push(node("old", "b", json!({"spec": {"taints": taints}})));
        all
    };
    let selecting = |policy: &str| {
        let mut all = two(json!({"nodeAffinityPolicy": policy}));
        all.iter_mut().for_each(|pod| merge(pod, json!({"spec": {"nodeSelector": {ZONE: "a"}}})));
        all.push(node("old", "b", json!({})));
        all
    };
    let leaving = deleting(bound("web-3", "old", json!({})));
    let mut three_and_leaving = two(json!({}));
    three_and_leaving.extend([leaving, node("old", "b", json!({}))]);
    run(vec![
        case("one zone is all there is", two(json!({})), in_a, &[]),
        case("a second zone is empty", with_old(json!({}), json!({})), in_a, &[PodTopologySpread]),
        case("one each", two(json!({})), apart, &[]),
        case("skew 2", with_old(json!({"maxSkew": 2}), json!({})), in_a, &[]),
        case(
            "ScheduleAnyway",
            with_old(json!({"whenUnsatisfiable": "ScheduleAnyway"}), json!({})),
            in_a,
            &[],
        ),
        case("too few domains", two(json!({"minDomains": 2})), in_a, &[PodTopologySpread]),
        case("enough domains", two(json!({"minDomains": 2})), apart, &[]),
        case("taints are ignored", tainted("Ignore"), in_a, &[PodTopologySpread]),
        case("taints are honoured", tainted("Honor"), in_a, &[]),
        case("selector is honoured", selecting("Honor"), in_a, &[]),
        case("selector is ignored", selecting("Ignore"), in_a, &[PodTopologySpread]),
        case(
            "revisions apart",
            vec![
                spread("web-1", ZONE, json!({"matchLabelKeys": ["rev"]})),
                other_rev,
                node("old", "b", json!({})),
            ],
            in_a,
            &[],
        ),
        case("no label", two(json!({"topologyKey": "rack"})), in_a, &[PodTopologySpread]),
        case("pods that leave do not count", three_and_leaving, in_a, &[PodTopologySpread]),
        case(
            "by host",
            vec![spread("web-1", HOST, json!({})), spread("web-2", HOST, json!({}))],
            [("web-1", "new-a-1"), ("web-2", "new-a-1")],
            &[],
        ),
        case(
            "by host, another is empty",
            vec![
                spread("web-1", HOST, json!({})),
                spread("web-2", HOST, json!({})),
                node("old", "a", json!({})),
            ],
            [("web-1", "new-a-1"), ("web-2", "new-a-1")],
            &[PodTopologySpread],
        ),
    ]);
}

fn related(name: &str, kind: &str, key: &str, extra: Value) -> Value {
    let mut term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": "db"}}});
    merge(&mut term, extra);
    pod(
        name,
        json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}),
    )
}

#[test]
fn anti_affinity_in_both_directions() {
    let away = |extra: Value| related("web-1", "podAntiAffinity", ZONE, extra);
    let db = || pod("db-1", json!({}));
    let old_web = |kind: &str| {
        let mut web = related("web-1", kind, ZONE, json!({}));
        merge(&mut web, json!({"spec": {"nodeName": "old"}}));
        web
    };
    let same = [("web-1", "new-a-1"), ("db-1", "new-a-2")];
    run(vec![
        case("same zone", vec![away(json!({})), db()], same, &[InterPodAffinity]),
        case(
            "two zones",
            vec![away(json!({})), db()],
            [("web-1", "new-a-1"), ("db-1", "new-b-1")],
            &[],
        ),
        case("another namespace", vec![away(json!({})), pod("x/db-1", json!({}))], same, &[]),
        case(
            "a named namespace",
            vec![away(json!({"namespaces": ["x"]})), pod("x/db-1", json!({}))],
            same,
            &[InterPodAffinity],
        ),
        case(
            "any namespace",
            vec![away(json!({"namespaceSelector": {}})), pod("x/db-1", json!({}))],
            same,
            &[InterPodAffinity],
        ),
        case(
            "a selected namespace",
            vec![
                away(json!({"namespaceSelector": {"matchLabels": {"team": "t"}}})),
                pod("x/db-1", json!({})),
                json!({"kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "t"}}}),
            ],
            same,
            &[InterPodAffinity],
        ),
        case(
            "a namespace not selected",
            vec![
                away(json!({"namespaceSelector": {"matchLabels": {"team": "t"}}})),
                pod("x/db-1", json!({})),
            ],
            same,
            &[],
        ),
        case(
            "mismatchLabelKeys",
            vec![away(json!({"mismatchLabelKeys": ["rev"]})), db()],
            same,
            &[],
        ),
        case(
            "matchLabelKeys",
            vec![away(json!({"matchLabelKeys": ["rev"]})), db()],
            same,
            &[InterPodAffinity],
        ),
        case(
            "the bound pod minds",
            vec![old_web("podAntiAffinity"), db(), node("old", "a", json!({}))],
            [("db-1", "new-a-1")],
            &[InterPodAffinity],
        ),
        case(
            "the bound pod is far",
            vec![old_web("podAntiAffinity"), db(), node("old", "b", json!({}))],
            [("db-1", "new-a-1")],
            &[],
        ),
        case(
            "the bound pod minds while it is being deleted",
            vec![deleting(old_web("podAntiAffinity")), db(), node("old", "a", json!({}))],
            [("db-1", "new-a-1")],
            &[InterPodAffinity],
        ),
        case(
            "a pod that is being deleted is still there",
            vec![
                away(json!({})),
                deleting(bound("db-1", "old", json!({}))),
                node("old", "a", json!({})),
            ],
            [("web-1", "new-a-1")],
            &[InterPodAffinity],
        ),
        case(
            "a key that nobody has",
            vec![related("web-1", "podAntiAffinity", "rack", json!({})), db()],
            same,
            &[],
        ),
    ]);
}

#[test]
fn affinity_and_its_order() {
    let near = |name: &str| related(name, "podAffinity", ZONE, json!({}));
    let old = |pod: &str| vec![bound(pod, "old", json!({})), node("old", "a", json!({}))];
    let with = |mut objects: Vec<Value>, more: Vec<Value>| {
        objects.extend(more);
        objects
    };
    let circle = |name: &str, app: &str| {
        let selector = json!({"labelSelector": {"matchLabels": {"app": app}}});
        related(name, "podAffinity", ZONE, selector)
    };
    run(vec![
        case(
            "near a bound pod",
            with(old("db-0"), vec![near("web-1")]),
            [("web-1", "new-a-1")],
            &[],
        ),
        case(
            "near a pod that is being deleted",
            vec![
                near("web-1"),
                deleting(bound("db-0", "old", json!({}))),
                node("old", "a", json!({})),
            ],
            [("web-1", "new-a-1")],
            &[InterPodAffinity, AffinityOrder],
        ),
        case(
            "far from it",
            with(old("db-0"), vec![near("web-1")]),
            [("web-1", "new-b-1")],
            &[InterPodAffinity, AffinityOrder],
        ),
        case(
            "near a planned pod",
            vec![near("web-1"), pod("db-1", json!({}))],
            [("web-1", "new-a-1"), ("db-1", "new-a-2")],
            &[],
        ),
        case(
            "nobody there",
            vec![near("web-1")],
            [("web-1", "new-a-1")],
            &[InterPodAffinity, AffinityOrder],
        ),
        case("the first of its kind", vec![near("db-1")], [("db-1", "new-a-1")], &[]),
        case(
            "the first and its followers",
            vec![near("db-1"), near("db-2"), near("web-1")],
            [("db-1", "new-a-1"), ("db-2", "new-a-2"), ("web-1", "new-a-1")],
            &[],
        ),
        case(
            "two firsts",
            vec![near("db-1"), near("db-2")],
            [("db-1", "new-a-1"), ("db-2", "new-b-1")],
            &[InterPodAffinity, AffinityOrder],
        ),
        case(
            "two firsts with company",
            vec![near("db-1"), near("db-2"), near("db-3"), near("db-4")],
            [("db-1", "new-a-1"), ("db-2", "new-b-1"), ("db-3", "new-a-1"), ("db-4", "new-b-1")],
            &[AffinityOrder],
        ),
        case(
            "a circle",
            vec![circle("x-1", "y"), circle("y-1", "x")],
            [("x-1", "new-a-1"), ("y-1", "new-a-1")],
            &[AffinityOrder],
        ),
        case(
            "a chain",
            vec![circle("x-1", "y"), circle("y-1", "z"), pod("z-1", json!({}))],
            [("x-1", "new-a-1"), ("y-1", "new-a-1"), ("z-1", "new-a-1")],
            &[],
        ),
        case(
            "a key that the node lacks",
            vec![related("db-1", "podAffinity", "rack", json!({}))],
            [("db-1", "new-a-1")],
            &[InterPodAffinity, AffinityOrder],
        ),
    ]);
}
