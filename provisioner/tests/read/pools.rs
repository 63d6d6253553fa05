//! NodePools, NodeClaims and AKSNodeClasses: accepted as Karpenter does, refused by its rules.

use provisioner::{api::node_pool::NodeClassRef, snapshot::SkipReason};

use super::{read, snapshot};

const POOL: &str = r#"
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: general}
spec:
  template:
    metadata:
      labels: {team: shop}
      annotations: {a: b}
    spec:
      taints: [{key: dedicated, value: shop, effect: NoSchedule}]
      startupTaints: [{key: cilium, effect: NoExecute}]
      expireAfter: 720h
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements:
      - {key: karpenter.azure.com/sku-family, operator: In, values: [D, E], minValues: 2}
      - {key: karpenter.azure.com/sku-cpu, operator: Gt, values: ["7"]}
      - {key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}
      - {key: kubernetes.io/arch, operator: NotIn, values: [arm64]}
  limits: {cpu: 1k, memory: 1000Gi, nodes: 10}
  weight: 50
  disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: 30s}
"#;

#[test]
fn a_pool_is_read_whole() {
    let snapshot = snapshot(POOL);
    let pool = &snapshot.node_pools[0];
    assert_eq!((pool.name.as_str(), pool.weight, pool.replicas), ("general", 50, None));
    assert_eq!(pool.labels["team"], "shop");
    assert_eq!((pool.taints.len(), pool.startup_taints.len()), (1, 1));
    assert_eq!((pool.limits.get("cpu"), pool.limits.get("memory")), (1_000_000, 1000 << 30));
    assert_eq!((pool.node_limit, pool.limits.get("nodes")), (Some(10), 0));
    assert_eq!(pool.requirements.0.len(), 3);
    assert_eq!(pool.requirements.0["karpenter.azure.com/sku-family"].min_values, Some(2));
    assert_eq!(pool.requirements.0["karpenter.azure.com/sku-cpu"].gte, Some(8));
    let arch: Vec<_> = pool.requirements.0["kubernetes.io/arch"].values.iter().collect();
    assert_eq!(arch, [&"amd64".into()]);
    let class = NodeClassRef {
        group: "karpenter.azure.com".to_owned(),
        kind: "AKSNodeClass".to_owned(),
        name: "default".to_owned(),
    };
    assert_eq!(pool.node_class, class);
}

#[test]
fn the_older_version_is_accepted_where_fields_agree() {
    let older = POOL
        .replace("karpenter.sh/v1", "karpenter.sh/v1beta1")
        .replace("group: karpenter.azure.com", "apiVersion: karpenter.azure.com/v1alpha2");
    assert_eq!(snapshot(&older).node_pools, snapshot(POOL).node_pools);
}

#[test]
fn a_static_pool_has_replicas() {
    let text = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: s}\n\
                spec: {replicas: 3, limits: {nodes: 5}}\n";
    let snapshot = snapshot(text);
    assert_eq!(snapshot.node_pools[0].replicas, Some(3));
    assert_eq!(snapshot.node_pools[0].node_limit, Some(5));
}

#[test]
fn annotations_say_of_how_many_sizes_a_pool_may_be() {
    let pool = |annotations: &str| {
        let metadata = format!("metadata: {{name: general, annotations: {{{annotations}}}}}");
        snapshot(&POOL.replace("metadata: {name: general}", &metadata)).node_pools[0].clone()
    };
    let none = pool("");
    assert_eq!((none.max_instance_types, none.max_families), (None, None));
    let both = pool("tenon.sh/max-instance-types: \"5\", tenon.sh/max-families: \"1\"");
    assert_eq!((both.max_instance_types, both.max_families), (Some(5), Some(1)));
}

#[test]
fn annotations_that_are_no_number_are_named() {
    let cases = [
        ("tenon.sh/max-instance-types", "five", "\"five\" is no number of sizes"),
        ("tenon.sh/max-instance-types", "0", "\"0\" is no number of sizes"),
        ("tenon.sh/max-families", "-1", "\"-1\" is no number of families"),
        ("tenon.sh/max-nodes", "some", "\"some\" is no number of nodes"),
    ];
    for (key, value, expected) in cases {
        let metadata = format!("metadata: {{name: general, annotations: {{{key}: {value:?}}}}}");
        let error = read(&POOL.replace("metadata: {name: general}", &metadata));
        let error = error.expect_err(key);
        let expected = format!("metadata.annotations[{key}]: {expected}");
        assert!(error.contains("NodePool general") && error.contains(&expected), "{error}");
        assert!(error.contains("give a number from "), "{error}");
    }
}

#[test]
fn broken_rules_are_named() {
    let requirement = |entry: &str| format!("{{template: {{spec: {{requirements: [{entry}]}}}}}}");
    let in_requirement = "spec.template.spec.requirements[0]";
    let cases = [
        ("{weight: 101}".to_owned(), "spec.weight: 101 is out of range".to_owned()),
        ("{weight: 0}".to_owned(), "spec.weight: 0 is out of range".to_owned()),
        ("{replicas: -1}".to_owned(), "spec.replicas: is negative".to_owned()),
        (
            "{replicas: 1, weight: 3}".to_owned(),
            "spec.replicas: a pool with replicas has neither weight nor limits".to_owned(),
        ),
        ("{limits: {cpu: -1}}".to_owned(), "spec.limits.cpu: \"-1\" is negative".to_owned()),
        (
            requirement("{key: kubernetes.io/hostname, operator: Exists}"),
            format!("{in_requirement}.key: the label \"kubernetes.io/hostname\" is restricted"),
        ),
        (
            requirement("{key: karpenter.sh/nodepool, operator: In, values: [a]}"),
            format!("{in_requirement}.key: the label \"karpenter.sh/nodepool\" is restricted"),
        ),
        (
            requirement("{key: a, operator: Like, values: [a]}"),
            format!("{in_requirement}.operator: \"Like\" is no operator"),
        ),
        (
            requirement("{key: a, operator: Gt, values: ['1', '2']}"),
            format!("{in_requirement}: a: operator Gt needs exactly one non-negative integer"),
        ),
        (
            requirement("{key: a, operator: Lt, values: ['-1']}"),
            format!("{in_requirement}: a: operator Lt needs exactly one non-negative integer"),
        ),
        (
            requirement("{key: a, operator: In, values: []}"),
            format!("{in_requirement}: a: operator In needs at least one value"),
        ),
        (
            requirement("{key: a, operator: In, values: [b], minValues: 2}"),
            format!("{in_requirement}: a: minValues 2 asks for more than the 1 values listed"),
        ),
        (
            requirement("{key: a, operator: Exists, minValues: 51}"),
            format!("{in_requirement}: a: minValues must be from 1 to 50"),
        ),
        (
            requirement("{key: a, operator: Exists, minValues: -1}"),
            format!("{in_requirement}.minValues: is out of range"),
        ),
        (
            "{template: {metadata: {labels: {karpenter.sh/x: a}}}}".to_owned(),
            "spec.template.metadata.labels: the label \"karpenter.sh/x\" is restricted".to_owned(),
        ),
        (
            "{template: {metadata: {labels: {kubernetes.azure.com/cluster: a}}}}".to_owned(),
            "spec.template.metadata.labels: the label \"kubernetes.azure.com/cluster\" is \
             restricted"
                .to_owned(),
        ),
        (
            "{template: {metadata: {labels: {a: 'b c'}}}}".to_owned(),
            "spec.template.metadata.labels[a]: \"b c\" is not a label value".to_owned(),
        ),
        (
            "{template: {spec: {taints: [{key: a, effect: Never}]}}}".to_owned(),
            "spec.template.spec.taints[0].effect: \"Never\" is no taint effect".to_owned(),
        ),
        (
            "{template: {spec: {startupTaints: [{effect: NoExecute}]}}}".to_owned(),
            "spec.template.spec.startupTaints[0].key: is missing".to_owned(),
        ),
        (
            "{template: {spec: {nodeClassRef: {kind: AKSNodeClass}}}}".to_owned(),
            "spec.template.spec.nodeClassRef.name: is missing".to_owned(),
        ),
    ];
    for (spec, problem) in cases {
        let text = format!(
            "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {{name: p}}\nspec: {spec}\n"
        );
        let line = read(&text).expect_err(&spec);
        let start = format!("in.yaml, document 1, line 1: NodePool p: {problem}");
        assert!(line.starts_with(&start), "{line}\n{start}");
    }
}

#[test]
fn a_claim_is_read_whole() {
    let text = r#"
apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: general-x1, labels: {karpenter.sh/nodepool: general}}
spec:
  requirements: [{key: karpenter.sh/nodepool, operator: In, values: [general]}]
  resources: {requests: {cpu: 1500m}}
  startupTaints: [{key: cilium, effect: NoExecute}]
status:
  nodeName: aks-1
  providerID: azure:///vm
  capacity: {cpu: "4", memory: 16Gi}
  allocatable: {cpu: 3860m}
  conditions: [{type: Launched, status: "True"}, {type: Initialized, status: "True"}]
"#;
    let snapshot = snapshot(text);
    let claim = &snapshot.node_claims[0];
    assert_eq!(claim.name, "general-x1");
    assert_eq!(claim.labels["karpenter.sh/nodepool"], "general");
    assert_eq!(claim.node_name.as_deref(), Some("aks-1"));
    assert_eq!(claim.provider_id.as_deref(), Some("azure:///vm"));
    assert_eq!((claim.capacity.get("cpu"), claim.allocatable.get("cpu")), (4000, 3860));
    assert_eq!(claim.requests.get("cpu"), 1500);
    assert!(claim.initialized && !claim.deleting);
}

#[test]
fn a_node_class_is_read_whole() {
    let text = "
apiVersion: karpenter.azure.com/v1beta1
kind: AKSNodeClass
metadata: {name: default, annotations: {tenon.sh/os-disk-type: Managed}}
spec:
  osDiskSizeGB: 60
  imageFamily: AzureLinux
  maxPods: 50
  fipsMode: FIPS
  security: {encryptionAtHost: true, trustedLaunch: {vtpm: true}}
  artifactStreaming: {enabled: true}
  gpu: {mode: None}
";
    let snapshot = snapshot(text);
    let class = &snapshot.node_classes[0];
    assert_eq!((class.os_disk_gib, class.max_pods), (Some(60), Some(50)));
    assert_eq!(class.os_disk_type.as_deref(), Some("Managed"));
    assert_eq!(class.image_family.as_deref(), Some("AzureLinux"));
    assert!(class.fips && class.encryption_at_host && class.trusted_launch);
    assert!(class.artifact_streaming && class.gpu_driver_none);
    assert!(
        read(&text.replace("60", "20"))
            .unwrap_err()
            .contains("spec.osDiskSizeGB: 20 is out of range")
    );
    assert!(read(&text.replace("Managed", "Fast")).unwrap_err().contains("\"Fast\" is not known"));
    let other = text.replace("AKSNodeClass", "KWOKNodeClass");
    assert_eq!(super::snapshot(&other).skipped[0].reason, SkipReason::IrrelevantKind);
}
