//! No bytes make the reader of instance-types files panic, every refusal says where, and what is
//! accepted can be written and read again.

use catalog::types_file::{self, TypesFileError};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

fn good() -> Value {
    json!([
        {
            "name": "m5.large", "architecture": "amd64", "operatingSystems": ["linux"],
            "resources": {"cpu": "2", "memory": "8Gi", "pods": "29"},
            "offerings": [{"Price": 0.096, "Available": true, "Requirements": [
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]},
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]},
                {"key": "example.com/speed", "operator": "Gt", "values": ["3"]}
            ]}]
        },
        {
            "name": "c5.xlarge", "architecture": "arm64", "operatingSystems": ["linux", "windows"],
            "resources": {"cpu": 4, "memory": "8G", "example.com/disk": "3"},
            "offerings": [{"Available": false, "CapacityType": "reserved", "Zone": "c"}]
        }
    ])
}

/// What may stand in the place of any value.
const VALUES: [&str; 22] = [
    "null",
    "true",
    "0",
    "-1",
    "1e300",
    "9223372036854775808",
    "0.0000001",
    "\"\"",
    "\"-1\"",
    "\"1Ei\"",
    "\"9e99\"",
    "\"0.5\"",
    "\"a\\nb\"",
    "\"m5.large\"",
    "\"In\"",
    "\"Exists\"",
    "\"DoesNotExist\"",
    "\"Lte\"",
    "\"topology.kubernetes.io/zone\"",
    "[]",
    "{}",
    "[[{\"key\": 1}]]",
];

/// Reads; a refusal says in which entry and field, or that the whole is no list.
fn reads(bytes: &[u8]) {
    match types_file::parse(bytes) {
        Ok(types) => {
            let text = types_file::render(&types);
            let again = types_file::parse(text.as_bytes());
            assert_eq!(again.map_err(|error| error.to_string()), Ok(types));
        }
        Err(TypesFileError::Entry { position, field, problem, .. }) => {
            assert!(position > 0 && !field.is_empty() && !problem.is_empty());
        }
        Err(error @ TypesFileError::Json(_)) => {
            assert!(serde_json::from_slice::<Vec<Value>>(bytes).is_err(), "{error}");
        }
    }
}

/// The paths of all values inside.
fn paths(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                paths(inner, format!("{at}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (position, inner) in list.iter().enumerate() {
                paths(inner, format!("{at}/{position}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

/// Puts a value in the place of one inside `file`, or takes that out of its map.
fn change(file: &mut Value, at: Index, with: Option<&str>) {
    let mut all = Vec::new();
    paths(file, String::new(), &mut all);
    let path = at.get(&all);
    match (with, path.rsplit_once('/')) {
        (None, Some((parent, key))) => {
            if let Some(Value::Object(map)) = file.pointer_mut(parent) {
                map.remove(key);
            }
        }
        (with, _) => {
            if let Some(place) = file.pointer_mut(path) {
                *place = serde_json::from_str(with.unwrap_or("null")).expect("the table is JSON");
            }
        }
    }
}

#[test]
fn the_seed_is_good() {
    let types = types_file::parse(good().to_string().as_bytes()).expect("the seed is well-formed");
    assert_eq!(types.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        reads(&bytes);
    }

    #[test]
    fn any_syntax(text in "[-\\[\\]{}:,\"\\\\a-c0-9.eE+ ntul]{0,200}") {
        reads(text.as_bytes());
    }

    #[test]
    fn cut_short_and_changed(cut: Index, changes in vec((any::<Index>(), any::<u8>()), 0..6)) {
        let mut bytes = good().to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        reads(&bytes);
        reads(&bytes[..cut.index(bytes.len())]);
    }

    /// Other values in the place of good ones keep the syntax whole and try the meaning.
    #[test]
    fn other_values(
        changes in vec((any::<Index>(), proptest::option::weighted(0.9, 0..VALUES.len())), 1..5),
    ) {
        let mut file = good();
        for (at, value) in changes {
            change(&mut file, at, value.map(|number| VALUES[number]));
        }
        reads(file.to_string().as_bytes());
    }
}
