//! `tenon solve`.

use std::{fs, path::Path};

use serde_json::Value;

use super::{POD, refuses_in, stdout, tenon};

const TEXT: &str = "\
tenon-problem 1
dims 2
class offerings=0-1
group count=5 priority=0 class=0 request=500,1024
offering price=96000 tier=0 capacity=1900,5500
offering price=50000 tier=0 capacity=900,2500
";
const VBP: &str = "2\n10 10\n3\n6 1 1\n4 9 2\n1 1 1\n";
const PODS: &str = "\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
a,12000,16384,1,1000,
b,6000,12288,1,460,T4
c,6000,12288,1,460,T4
d,4000,8192,0,0,
";
const NODES: &str = "\
sn,cpu_milli,memory_mib,gpu,model
n1,32000,131072,2,T4
n2,32000,131072,0,
";
const SIZES: &str = "\
name,price,cpu_milli,memory_mib,pods,gpu,gpu_model
small,0.1,3900,7000,30,0,
large,2.5,31000,120000,110,4,t4
";
const APPLICATION: &str = r#"{"application": "two", "components": [
{"id": 1, "name": "web", "Compute": {"CPU": 2, "Memory": 1000}, "Storage": {"StorageSize": 10}},
{"id": 2, "name": "db", "Compute": {"CPU": 2, "Memory": 1000}, "Storage": {"StorageSize": 10}}],
"restrictions": [{"type": "EqualBound", "compsIdList": [1], "bound": 2}]}"#;
const OFFERS: &str = r#"{"s": {"cpu": 2, "memory": 2000, "storage": 20, "price": 100},
"m": {"cpu": 4, "memory": 4000, "storage": 40, "price": 150}}"#;

/// A folder with one good file of each kind.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("problem.txt", TEXT),
        ("tiny.vbp", VBP),
        ("pods.csv", PODS),
        ("nodes.csv", NODES),
        ("sizes.csv", SIZES),
        ("app.json", APPLICATION),
        ("offers.json", OFFERS),
        ("stream.txt", "300 a,|,b,b,|\n"),
        ("flavours.txt", "1,2 a\n2,3.5 b\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn answer(folder: &Path, args: &[&str], stdin: &str) -> Value {
    let args = [&["solve"], args, &["-o", "json"]].concat();
    let output = tenon(folder, &args, stdin);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_format_is_solved() {
    let folder = folder();
    let cases: [(&[&str], &str, i64, u64); 9] = [
        (&["problem.txt"], "micro-dollars/h", 192_000, 5),
        (&["tiny.vbp"], "bins", 2, 4),
        (&["pods.csv", "--catalog", "nodes.csv"], "nodes", 1, 4),
        (&["pods.csv", "--catalog", "sizes.csv"], "micro-dollars/h", 2_500_000, 4),
        (&["app.json", "--catalog", "offers.json"], "micro-dollars/h", 250_000, 3),
        (
            &["stream.txt", "--flavours", "flavours.txt", "--catalog", "sizes.csv"],
            "micro-dollars/h",
            200_000,
            3,
        ),
        (&["tiny.vbp", "--engine", "greedy", "--time", "5s", "--gap", "1%"], "bins", 2, 4),
        (&["tiny.vbp", "--threads", "2", "--seed", "7", "--effort", "9"], "bins", 2, 4),
        (&["tiny.vbp", "--format", "vbp", "--engine", "exact"], "bins", 2, 4),
    ];
    for (args, unit, cost, pods) in cases {
        let found = answer(folder.path(), args, "");
        assert_eq!(found["unit"], unit, "{args:?}");
        assert_eq!(found["cost"], cost, "{args:?}");
        assert_eq!(found["pods"], pods, "{args:?}");
        assert_eq!(found["unplaced"].as_array().unwrap().len(), 0, "{args:?}");
        assert!(found["bound"].as_i64().unwrap() <= cost, "{args:?}");
    }
}

#[test]
fn the_examples_are_solved() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/packing"));
    let boxes = answer(examples, &["boxes.vbp"], "");
    assert_eq!((&boxes["pods"], &boxes["unit"]), (&39.into(), &"bins".into()));
    let pods = answer(examples, &["pods.csv", "--region", "eastus", "--spot"], "");
    assert_eq!((&pods["pods"], &pods["groups"]), (&262.into(), &7.into()));
    assert_eq!(pods["unplaced"].as_array().unwrap().len(), 0);
}

#[test]
fn json_has_its_keys() {
    let found = answer(folder().path(), &["-"], VBP);
    let keys: Vec<&str> = found.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "version",
            "unit",
            "status",
            "cost",
            "bound",
            "gap",
            "penalty",
            "bins",
            "seconds",
            "pods",
            "groups",
            "offerings",
            "dimensions",
            "effort",
            "launches",
            "placements",
            "unplaced"
        ]
    );
    assert_eq!(found["launches"][0]["name"], "bin");
    assert_eq!(found["launches"][0]["price"], 1);
}

#[test]
fn a_catalog_of_kubernetes_and_spot_prices_lower_the_cost() {
    let folder = folder();
    let pods = "cpu_milli,memory_mib,count\n500,1024,40\n2000,9000,7\n";
    let regular = answer(folder.path(), &["-", "--region", "eastus"], pods);
    let spot = answer(folder.path(), &["-", "--region", "eastus", "--spot"], pods);
    assert!(spot["cost"].as_i64() < regular["cost"].as_i64());
    let named = spot["launches"][0]["name"].as_str().unwrap();
    assert!(named.starts_with("Standard_") && named.ends_with(" (spot)"), "{named}");
    let kwok = answer(folder.path(), &["-", "--catalog", "kwok"], pods);
    assert_eq!(kwok["unplaced"].as_array().unwrap().len(), 0);
}

#[test]
fn problem_and_solution_are_written_and_read_back() {
    let folder = folder();
    let args = ["solve", "tiny.vbp", "--problem", "p.txt", "--solution", "s.txt"];
    let output = tenon(folder.path(), &args, "");
    assert!(output.status.success());
    assert!(stdout(&output).starts_with("Solution: 2 bins, 4 of 4 items placed.\n"));
    let solution = fs::read_to_string(folder.path().join("s.txt")).unwrap();
    let solution = solver::text::read_solution(&solution).unwrap();
    let problem = fs::read_to_string(folder.path().join("p.txt")).unwrap();
    let problem = solver::text::read_problem(&problem).unwrap();
    assert_eq!(solver::check(&problem, &solution), []);
    let again = answer(folder.path(), &["p.txt"], "");
    assert_eq!((&again["cost"], &again["unit"]), (&2.into(), &"micro-dollars/h".into()));
}

#[test]
fn packed_input_is_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, VBP.as_bytes()).unwrap();
    let folder = folder();
    fs::write(folder.path().join("tiny.gz"), packed.finish().unwrap()).unwrap();
    assert_eq!(answer(folder.path(), &["tiny.gz"], "")["cost"], 2);
    fs::write(folder.path().join("bad.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    refuses_in(folder.path(), "bad gzip", &["solve", "bad.gz"], "", 66, &["bad.gz"]);
}

#[test]
fn pods_without_a_place_are_part_of_the_answer() {
    let folder = folder();
    let text = "1 10 2 11 1 5 1";
    let found = answer(folder.path(), &["-"], text);
    assert_eq!(found["unplaced"][0]["reason"], "TooLarge");
    assert_eq!(tenon(folder.path(), &["solve", "-"], text).status.code(), Some(0));
    let strict = tenon(folder.path(), &["solve", "-", "--strict"], text);
    assert_eq!(strict.status.code(), Some(2));
    assert!(stdout(&strict).contains("Without a place: 1 item"), "{}", stdout(&strict));
}

#[test]
fn wrong_input_is_refused_in_one_line() {
    let folder = folder();
    fs::write(folder.path().join("nan.csv"), "price,cpu_milli,memory_mib\nNaN,1,1\n").unwrap();
    fs::write(folder.path().join("none.csv"), "price,cpu_milli,memory_mib\n").unwrap();
    fs::write(folder.path().join("bytes"), [0xff, 0xfe, 0x00]).unwrap();
    let cases: [(&[&str], &str, i32, &[&str]); 18] = [
        (&["-"], "", 65, &["standard input", "empty"]),
        (&["-"], POD, 65, &["standard input", "--format"]),
        (&["-"], "2\n10", 65, &["standard input", "line 2", "capacity"]),
        (&["-"], "1 9223372036854775808 0", 65, &["line 1", "capacity", "2^60"]),
        (&["-"], "tenon-problem 1\ndims x\n", 65, &["line 2", "column", "x"]),
        (&["gone.vbp"], "", 66, &["gone.vbp"]),
        (&["."], "", 66, &["."]),
        (&["bytes"], "", 65, &["bytes", "UTF-8"]),
        (&["pods.csv"], "", 64, &["--region", "--catalog"]),
        (&["pods.csv", "--catalog", "nan.csv"], "", 65, &["nan.csv", "line 2", "price", "NaN"]),
        (&["pods.csv", "--catalog", "none.csv"], "", 65, &["no sizes to buy"]),
        (&["pods.csv", "--catalog", "offers.json"], "", 65, &["offers.json"]),
        (&["pods.csv", "--region", "estus"], "", 65, &["estus", "eastus"]),
        (&["stream.txt", "--catalog", "kwok"], "", 64, &["stream.txt", "--flavours"]),
        (&["app.json"], "", 64, &["app.json", "--catalog"]),
        (&["app.json", "--catalog", "sizes.csv"], "", 65, &["sizes.csv", "offers"]),
        (&["tiny.vbp", "--time", "soon"], "", 64, &["--time", "soon"]),
        (&["tiny.vbp", "--gap", "120%"], "", 64, &["--gap", "120%"]),
    ];
    for (args, stdin, code, words) in cases {
        let args = [&["solve"], args].concat();
        refuses_in(folder.path(), &format!("{args:?}"), &args, stdin, code, words);
    }
}
