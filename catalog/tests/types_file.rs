//! The instance-types file: what it means, what it refuses, and that writing and reading agree.

use catalog::{CapacityType, Requirement, kwok, synthetic, types_file, well_known};

const FILE: &str = r#"[{
  "name": "m5.large", "architecture": "amd64", "operatingSystems": ["linux", "windows"],
  "resources": {"cpu": "2", "memory": "8G", "nvidia.com/gpu": 1},
  "offerings": [
    {"Price": 0.096, "Available": true, "Requirements": [
      {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand", "spot"]},
      {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]},
      {"key": "example.com/rack", "operator": "NotIn", "values": ["7"]},
      {"key": "example.com/speed", "operator": "Gt", "values": ["3"]}]},
    {"Available": false, "CapacityType": "reserved", "Zone": "c"}]}]"#;

#[test]
fn reads_every_field() {
    let types = types_file::parse(FILE.as_bytes()).unwrap();
    let [one] = &types[..] else { panic!("one type") };
    assert_eq!(&*one.name, "m5.large");
    let amounts = ["cpu", "memory", "pods", "nvidia.com/gpu"].map(|name| one.capacity.get(name));
    assert_eq!(amounts, [2000, 8_000_000_000, 110, 1]);
    assert_eq!(one.allocatable().get("cpu"), 1900);
    for (key, values) in [
        (well_known::KWOK_SIZE, &["large"][..]),
        (well_known::KWOK_FAMILY, &["m5"]),
        (well_known::KWOK_MEMORY, &["8G"]),
        (well_known::OS, &["linux", "windows"]),
    ] {
        let want = Requirement::one_of(key, values.iter().copied());
        assert_eq!(one.requirements.get(key), Some(&want));
    }
    let places: Vec<_> = one.offerings.iter().map(|o| (&*o.zone, o.capacity_type)).collect();
    use CapacityType::{OnDemand, Reserved, Spot};
    let want = [("a", OnDemand), ("a", Spot), ("b", OnDemand), ("b", Spot), ("c", Reserved)];
    assert_eq!(places, want);
    assert_eq!(one.offerings[0].price, Some(96_000));
    assert!(one.offerings[0].available);
    let rack = one.offerings[3].requirements.get("example.com/rack").unwrap();
    assert!(rack.has("8") && !rack.has("7"));
    assert_eq!((one.offerings[4].price, one.offerings[4].available), (None, false));
}

#[test]
fn written_and_read_again_is_the_same() {
    let mut types = kwok::instance_types();
    types.extend(types_file::parse(FILE.as_bytes()).unwrap());
    let again = types_file::parse(types_file::render(&types).as_bytes()).unwrap();
    assert_eq!(again, types);
}

#[test]
fn labels_outside_the_form_are_lost_but_amounts_are_not() {
    let types = synthetic::benchmark_types(5);
    let again = types_file::parse(types_file::render(&types).as_bytes()).unwrap();
    for (one, again) in types.iter().zip(&again) {
        assert_eq!((&one.capacity, &one.offerings), (&again.capacity, &again.offerings));
    }
}

#[test]
fn refuses_with_the_field_named() {
    let good = |field: &str, value: &str| {
        let mut list: serde_json::Value = serde_json::from_str(FILE).unwrap();
        *list.pointer_mut(&format!("/0{field}")).unwrap() = serde_json::from_str(value).unwrap();
        list.to_string()
    };
    let zone = "/offerings/0/Requirements/1";
    for (text, part) in [
        (String::new(), "not a list of instance types"),
        ("{}".into(), "not a list of instance types"),
        ("[1]".into(), "instance type 1 (\"\"), the entry: is not an object"),
        (format!("[{{\"resources\": {{\"cpu\": {}", "[".repeat(10_000)), "recursion limit"),
        ("[{}]".into(), "instance type 1 (\"\"), name: is missing"),
        (good("/name", "\"a b\""), "name: \"a b\" is not a label value"),
        (good("/architecture", "\"\""), "architecture: is missing"),
        (good("/operatingSystems", "[]"), "operatingSystems: is missing"),
        (good("/resources/cpu", "\"two\""), "resources.cpu: \"two\" is not a quantity"),
        (good("/resources/cpu", "\"1E\""), "resources.cpu: \"1E\" is too large"),
        (good("/resources/memory", "-1"), "resources.memory: \"-1\" is below zero"),
        (good("/resources", "{\"cpu\": \"1\"}"), "resources.memory: is missing"),
        (good("/resources/cpu", "null"), "resources.cpu: a quantity is a string or a number"),
        (good("/name", "7"), "instance type 1 (\"\"), name: invalid type: integer `7`"),
        (good("/offerings/0/Price", "\"low\""), "offerings[0].Price: invalid type: string \"low\""),
        (good("/offerings/0/Price", "-0.1"), "offerings[0].Price: -0.1 is not a price"),
        (good("/offerings/0/Price", "1e300"), "offerings[0].Price"),
        (good("/offerings/1/Zone", "null"), "offerings[1].Requirements: must say topology"),
        (good("/offerings/1/CapacityType", "\"cheap\""), "\"cheap\" is no capacity type"),
        (
            good(&format!("{zone}/operator"), "\"Near\""),
            "(\"m5.large\"), offerings[0].Requirements[1].operator: unknown variant `Near`",
        ),
        (good(&format!("{zone}/operator"), "\"NotIn\""), "must say topology.kubernetes.io/zone"),
        (good(&format!("{zone}/values"), "[]"), "offerings[0].Requirements[1]: topology"),
    ] {
        let error = types_file::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}\nlacks {part}");
    }
    let entry = FILE.trim_start_matches('[').strip_suffix(']').unwrap();
    let twice = format!("[{entry}, {entry}]");
    let error = types_file::parse(twice.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("instance type 2 (\"m5.large\"), name: an earlier entry"), "{error}");
}
