//! No input makes the reader panic, and every refusal is a single line.

use proptest::prelude::*;
use provisioner::snapshot::{
    read::{ReadOptions, Reader},
    save::{from_json, to_json},
};

/// Documents that between them hold every kind that is read.
const GOOD: &str = r#"---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, labels: {a: b}}
spec:
  replicas: 2
  volumeClaimTemplates: [{metadata: {name: d}, spec: {resources: {requests: {storage: 1Gi}}}}]
  template:
    metadata: {labels: &labels {app: db}}
    spec:
      nodeSelector: *labels
      containers:
      - {name: c, resources: {requests: {cpu: 1500m, memory: 1.5Gi}, limits: {cpu: 2}}}
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]
---
apiVersion: v1
kind: List
items:
- {apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {parallelism: 3, completionMode: Indexed, template: {spec: {containers: [{name: c}]}}}}
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {capacity: {cpu: "4"}, allocatable: {cpu: 3900m}}}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: p}
spec:
  weight: 10
  limits: {cpu: 1k, nodes: 3}
  template:
    spec:
      requirements: [{key: karpenter.azure.com/sku-cpu, operator: Gt, values: ["7"], minValues: 2}]
"#;

const GOOD_JSON: &str = r#"{"apiVersion": "v1", "items": [{"apiVersion": "v1", "kind": "Pod",
"metadata": {"name": "a", "uid": "u", "creationTimestamp": "2026-01-02T03:04:05Z"}, "spec": {"nodeName": "n1",
"containers": [{"name": "c", "resources": {"requests": {"cpu": "1", "memory": 9223372036854775807}}}]},
"status": {"phase": "Running", "containerStatuses": [{"name": "c", "allocatedResources": {"cpu": "2"}}]}}],
"kind": "List"}"#;

/// Reads; a refusal must be one line, and what was read must survive saving.
fn reads(bytes: &[u8]) {
    let mut reader = Reader::new(ReadOptions { cron_jobs: true, ..ReadOptions::default() });
    match reader.add_bytes("fuzz", bytes) {
        Err(error) => assert!(!error.to_string().contains('\n')),
        Ok(()) => {
            let snapshot = reader.finish();
            let text = to_json(&snapshot).expect("a snapshot can be saved");
            let again = from_json(&text).expect("and loaded");
            assert_eq!(to_json(&again).expect("again"), text);
        }
    }
}

#[test]
fn the_seeds_are_good() {
    for text in [GOOD, GOOD_JSON] {
        Reader::new(ReadOptions::default()).add_bytes("seed", text.as_bytes()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        reads(&bytes);
    }

    #[test]
    fn any_text(text in "[-{}\\[\\]:,'\"&*!|>%@`#?a-c0-9. \n\t~]{0,200}") {
        reads(text.as_bytes());
    }

    #[test]
    fn cut_short(json: bool, cut in 0.0..1.0) {
        let text = if json { GOOD_JSON } else { GOOD };
        reads(&text.as_bytes()[..(text.len() as f64 * cut) as usize]);
    }

    #[test]
    fn changed(
        json: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = if json { GOOD_JSON } else { GOOD }.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        reads(&bytes);
    }

    /// Words in the place of others keep the syntax whole and try the meaning.
    #[test]
    fn other_words(
        json: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..WORDS.len()), 1..6),
    ) {
        let text = if json { GOOD_JSON } else { GOOD };
        let ends: Vec<usize> = text.match_indices([' ', ',', '}']).map(|(at, _)| at).collect();
        let mut changed = text.to_owned();
        for (at, word) in changes {
            let start = ends[at.index(ends.len() - 1)];
            let end = text[start + 1..].find([' ', ',', '}', '\n']).map_or(text.len(), |it| start + 1 + it);
            if changed.is_char_boundary(start + 1) && changed.is_char_boundary(end) && end <= changed.len() {
                changed.replace_range(start + 1..end, WORDS[word]);
            }
        }
        reads(changed.as_bytes());
    }
}

const WORDS: [&str; 14] = [
    "null",
    "true",
    "-1",
    "9223372036854775808",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "Pod",
    "1Ei",
    "0.0001",
    "Infinity",
    "-9223372036854775808",
    "\"\\u0000\"",
];
