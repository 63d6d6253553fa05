//! Every input that is refused, with the line that the user sees.

use std::{fs, io::Write};

use provisioner::snapshot::read::{ReadOptions, Reader};

use super::read;

fn refused(text: &str) -> String {
    match read(text) {
        Ok(snapshot) => panic!("accepted: {text}\n{:?}", snapshot.skipped),
        Err(line) => line,
    }
}

/// A pod `shop/web` with this spec.
fn web(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n")
}

fn check(cases: &[(&str, &str)]) {
    for (text, line) in cases {
        assert_eq!(refused(text), *line, "{text}");
    }
}

const YAML: &str = "correct the YAML there";
const JSON: &str = "correct the JSON there";

#[test]
fn inputs_without_objects() {
    let line = "in.yaml: there are no Kubernetes objects in it; \
                give manifests or the output of `kubectl get … -o json`";
    let cases = [
        "",
        " \n\t\n",
        "---\n---\n",
        "# nothing\n",
        "null",
        "replicas: 3\n",
        "{}",
        "[]",
        "\u{feff}",
    ];
    check(&cases.map(|text| (text, line)));
}

#[test]
fn broken_documents() {
    let good = web("{containers: [{name: c}]}");
    let cases = [
        (
            "hello",
            "in.yaml, document 1, line 1: invalid type: string \"hello\", expected a Kubernetes \
             object (a map with apiVersion and kind)",
            YAML,
        ),
        ("a: [1, 2", "in.yaml, document 1, line 1: unclosed bracket '['", YAML),
        ("{\"a\": }", "in.yaml, document 1, line 1: expected value", JSON),
        (
            "{\"kind\": \"Pod\",\n\"apiVersion\": \"v1\",",
            "in.yaml, document 1, line 2: EOF while parsing a value",
            JSON,
        ),
        ("{}\n{}\n]", "in.yaml, document 3, line 3: expected value", JSON),
        ("{{ .Values.x }}", "in.yaml, document 1, line 1: key must be a string", JSON),
        (
            &format!("---\n# x\n---\n{good}---\na: b\n  c: d\n"),
            "in.yaml, document 2, line 10: mapping values are not allowed in this context",
            YAML,
        ),
        (
            "a: 1\na: 2\n",
            "in.yaml, document 1, line 2: duplicate mapping key: a not allowed here",
            YAML,
        ),
    ];
    for (text, line, help) in cases {
        assert_eq!(refused(text), format!("{line}; {help}"), "{text}");
    }
}

#[test]
fn objects_of_the_wrong_form() {
    let at = "in.yaml, document 1, line 1: Pod shop/web: ";
    let help = "correct the field or take the object out";
    let cases = [
        (
            "3",
            format!("{at}spec.containers: is missing or empty; a pod needs at least one container"),
        ),
        (
            "{containers: 3}",
            format!("{at}spec.containers: is missing or empty; a pod needs at least one container"),
        ),
        (
            "{nodeSelector: {a: true}, containers: [{name: c}]}",
            format!(
                "{at}spec.nodeSelector.a: invalid type: boolean `true`, expected a string; {help}"
            ),
        ),
        (
            "{priority: high, containers: [{name: c}]}",
            format!("{at}spec.priority: invalid type: string \"high\", expected i32; {help}"),
        ),
        (
            "{nodeName: true, containers: [{name: c}]}",
            format!("{at}spec.nodeName: true is not a text; put it in quotes"),
        ),
    ];
    for (spec, line) in cases {
        assert_eq!(refused(&web(spec)), line, "{spec}");
    }
    let item = r#"{"kind": "PodList", "apiVersion": "v1", "items": [
        {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}, {"metadata": {}}]}"#;
    check(&[
        (
            "apiVersion: v1\nkind: Pod\n",
            "in.yaml, document 1, line 1: Pod without a name: metadata.name: is missing; \
             give it a name",
        ),
        (
            item,
            "in.yaml, document 1, item 2: Pod without a name: metadata.name: is missing; \
             give it a name",
        ),
        (
            "kind: List\napiVersion: v1\nitems: [3]\n",
            "in.yaml, document 1, line 1, item 1: the item is not a Kubernetes object; \
             every item must be a map with apiVersion and kind",
        ),
    ]);
}

#[test]
fn quantities() {
    let form = "write a number and one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei, for \
                example 500m or 2Gi";
    let requests = "spec.containers[0].resources.requests";
    let cases = [
        ("{cpu: 1x}", format!("{requests}.cpu: \"1x\" is not a quantity: {form}")),
        ("{cpu: \"\"}", format!("{requests}.cpu: \"\" is not a quantity: {form}")),
        ("{cpu: \"1 \"}", format!("{requests}.cpu: \"1 \" is not a quantity: {form}")),
        ("{cpu: -1}", format!("{requests}.cpu: \"-1\" is negative; give an amount of 0 or more")),
        (
            "{memory: -0.1}",
            format!("{requests}.memory: \"-0.1\" is negative; give an amount of 0 or more"),
        ),
        (
            "{memory: 9223372036854775808}",
            format!(
                "{requests}.memory: \"9223372036854775808\" is too large: the largest quantity is \
                 9223372036854775807"
            ),
        ),
        (
            "{cpu: 9223372036854775807}",
            format!(
                "{requests}.cpu: \"9223372036854775807\" is too large: the largest quantity is \
                 9223372036854775807"
            ),
        ),
        (
            "{cpu: [1]}",
            format!(
                "{requests}.cpu: invalid type: sequence, expected Quantity; correct the field or \
                 take the object out"
            ),
        ),
    ];
    for (requests, line) in cases {
        let text =
            web(&format!("{{containers: [{{name: c, resources: {{requests: {requests}}}}}]}}"));
        let line = format!("in.yaml, document 1, line 1: Pod shop/web: {line}");
        assert_eq!(refused(&text), line, "{requests}");
    }
}

#[test]
fn quantities_everywhere_else() {
    let pod = "containers: [{name: c}]";
    let wrong = "\"1x\" is not a quantity: write a number and one of n, u, m, k, M, G, T, P, E, Ki, \
                 Mi, Gi, Ti, Pi, Ei, for example 500m or 2Gi";
    let cases = [
        (
            "Pod",
            "v1",
            "{spec: {containers: [{name: c, resources: {limits: {cpu: 1x}}}]}}".to_owned(),
            "spec.containers[0].resources.limits.cpu",
        ),
        (
            "Pod",
            "v1",
            format!("{{spec: {{initContainers: [{{name: i, resources: {{requests: {{cpu: 1x}}}}}}], {pod}}}}}"),
            "spec.initContainers[0].resources.requests.cpu",
        ),
        (
            "Pod",
            "v1",
            format!("{{spec: {{overhead: {{cpu: 1x}}, {pod}}}}}"),
            "spec.overhead.cpu",
        ),
        (
            "Pod",
            "v1",
            format!("{{spec: {{resources: {{requests: {{cpu: 1x}}}}, {pod}}}}}"),
            "spec.resources.requests.cpu",
        ),
        (
            "Deployment",
            "apps/v1",
            "{spec: {template: {spec: {containers: [{name: c, resources: {requests: {cpu: 1x}}}]}}}}"
                .to_owned(),
            "spec.template.spec.containers[0].resources.requests.cpu",
        ),
        (
            "CronJob",
            "batch/v1",
            "{spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, resources: \
             {requests: {cpu: 1x}}}]}}}}}}"
                .to_owned(),
            "spec.jobTemplate.spec.template.spec.containers[0].resources.requests.cpu",
        ),
        ("Node", "v1", "{status: {capacity: {cpu: 1x}}}".to_owned(), "status.capacity.cpu"),
        ("NodePool", "karpenter.sh/v1", "{spec: {limits: {cpu: 1x}}}".to_owned(), "spec.limits.cpu"),
        (
            "NodeClaim",
            "karpenter.sh/v1",
            "{status: {allocatable: {cpu: 1x}}}".to_owned(),
            "status.allocatable.cpu",
        ),
        (
            "RuntimeClass",
            "node.k8s.io/v1",
            "{handler: h, overhead: {podFixed: {cpu: 1x}}}".to_owned(),
            "overhead.podFixed.cpu",
        ),
    ];
    for (kind, version, body, field) in cases {
        let body = body.strip_prefix('{').unwrap();
        let text = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: x}}, {body}");
        // A first byte `{` would mean JSON.
        let line = refused(&format!("--- {text}\n"));
        assert!(line.ends_with(&format!("x: {field}: {wrong}")), "{line}");
    }
}

#[test]
fn numbers_of_pods() {
    let deployment = |replicas: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{replicas: \
             {replicas}, template: {{spec: {{containers: [{{name: c}}]}}}}}}\n"
        )
    };
    let at = "in.yaml, document 1, line 1: Deployment default/web: spec";
    let range = "give a number from 0 to 2000000";
    assert_eq!(refused(&deployment("-1")), format!("{at}: -1 pods cannot be planned; {range}"));
    assert_eq!(
        refused(&deployment("2147483647")),
        format!("{at}: 2147483647 pods cannot be planned; {range}")
    );
    assert_eq!(
        refused(&deployment("three")),
        format!(
            "{at}.replicas: invalid type: string \"three\", expected i64; \
             correct the field or take the object out"
        )
    );
    let many = format!("{}---\n{}", deployment("2000000"), deployment("1"));
    assert_eq!(
        refused(&many),
        "in.yaml, document 2, line 5: Deployment default/web: spec: the workloads want more than \
         2000000 pods in all; lower the numbers"
    );
}

#[test]
fn depth_and_aliases() {
    let bomb: String = ('b'..='k')
        .zip('a'..='j')
        .map(|(this, last)| {
            let aliases = vec![format!("*{last}"); 9].join(", ");
            format!("{this}: &{this} [{aliases}]\n")
        })
        .collect();
    let stairs: String = (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let cases = [
        ("JSON", "[".repeat(100_000), "it nests deeper than 128 levels"),
        ("JSON objects", "{\"a\":".repeat(100_000), "it nests deeper than 128 levels"),
        ("flow", format!("a: {}", "[".repeat(100_000)), "it nests deeper than 128 levels"),
        ("lists", "- ".repeat(100_000), "it nests deeper than 128 levels"),
        ("maps", stairs, "it nests deeper than 128 levels"),
        (
            "aliases",
            format!("a: &a [x, x]\n{bomb}"),
            "its aliases stand for more than 200000 values",
        ),
        ("itself", "a: &a [*a]\n".to_owned(), ""),
    ];
    for (form, text, problem) in cases {
        let line = refused(&text);
        assert!(
            line.starts_with("in.yaml, document 1, line ") && line.contains(problem),
            "{form}: {line}"
        );
        assert!(!line.contains('\n') && line.len() < 700, "{form}: {line}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let cases: [(&[u8], &str); 3] = [
        (
            &[0x1f, 0x8b, 8],
            "x: the input is compressed; unpack it first, for instance with `gunzip -c`",
        ),
        (b"a: 1\n\xff\xff", "x, line 2: the input is not text (no valid UTF-8); give YAML or JSON"),
        (&[0xff, 0xfe, 0x00, 0xd8], "x: the text is not proper UTF-16; save it as UTF-8"),
    ];
    for (bytes, line) in cases {
        let error = Reader::new(ReadOptions::default()).add_bytes("x", bytes).unwrap_err();
        assert_eq!(error.to_string(), line);
    }
}

#[test]
fn large_and_missing_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.json");
    let name = path.display();
    let mut reader = Reader::new(ReadOptions { max_input: 1 << 20, ..ReadOptions::default() });
    let missing = reader.add_path(&path).unwrap_err().to_string();
    assert!(missing.starts_with(&format!("{name}: cannot be read: No such file")), "{missing}");
    // The file has holes instead of bytes, and is refused before it is read.
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let line = format!(
        "{name}: the input is larger than 1Mi; split it, or raise the limit, for instance \
         --max-input 4Mi"
    );
    assert_eq!(reader.add_path(&path).unwrap_err().to_string(), line);
    let mut exact = fs::File::create(&path).unwrap();
    exact.write_all(&vec![b' '; 1 << 20]).unwrap();
    let empty = reader.add_path(&path).unwrap_err().to_string();
    assert!(empty.contains("there are no Kubernetes objects in it"), "{empty}");
}

#[test]
fn names_cannot_break_the_line() {
    let text = "{\"kind\": \"Pod\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"a\\n\\u001b[31m\\u009b\"}}";
    let line = refused(text);
    assert!(!line.chars().any(char::is_control), "{line:?}");
}
