//! Every refusal names the place, what is wrong, and what to do.

use provisioner::instance::{
    Demand, Market, ReadError, Shape, Size, maneuver, market, pods, sizes, vbp, vm_stream,
};
use serde_json::json;

use crate::applications::{application, offers};

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, ReadError>, expected: &str) {
    let message = result.unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    assert!(message.starts_with(expected), "{message:?} instead of {expected:?}");
}

#[test]
fn packing_problems() {
    for (text, expected) in [
        ("", "line 1: number of dimensions is missing; the file ends too early"),
        ("0\n", "line 1: number of dimensions is `0`, expected a whole number from 1 to 1000"),
        ("99999999999999999999", "line 1: number of dimensions is `99999999999999999999`"),
        ("2\n10", "line 2: capacity is missing"),
        ("2\n10 -1\n", "line 2: capacity is `-1`, expected a whole number from 0 to 2^60"),
        ("1\n9223372036854775808\n1\n1 1", "line 2: capacity is `9223372036854775808`"),
        ("1\n10\n\n2\n5 1\n", "line 5: size of an item is missing"),
        ("1\n10\n1\n5\n", "line 4: number of copies of an item is missing"),
        ("1\n10\n1\nNaN 1\n", "line 4: size of an item is `NaN`"),
        ("1\n10\n1\n--5 1\n", "line 4: size of an item is `--5`"),
        ("1\n10\n1\n5 -1\n", "line 4: number of copies of an item is `-1`"),
        ("1\n10\n1\n5 1.5\n", "line 4: number of copies of an item is `1.5`"),
        ("1\n10\n1\n5 1\n7", "line 5: `7` is left over after the last item"),
        ("1\n10\n4294967296\n", "line 3: number of items is `4294967296`"),
        (
            "1\n10\n2\n5 4294967295\n5 1\n",
            "line 5: items of one size do not fit: 4294967295 at most",
        ),
    ] {
        refused(vbp::read(text), expected);
    }
}

#[test]
fn tables_of_pods() {
    let long = "9".repeat(60);
    for (text, expected) in [
        ("", "no header; expected a line with the names of the columns first"),
        ("name,cpu_milli\n", "line 1: column memory_mib is missing"),
        ("cpu_milli,memory_mib\n1\n", "line 2: column memory_mib is missing"),
        ("cpu_milli,memory_mib\n\n1,2,3\n", "line 3: `3` is left over after the last column"),
        ("cpu_milli,memory_mib\n1,x\n", "line 2: memory_mib is `x`"),
        ("cpu_milli,memory_mib\n-1,1\n", "line 2: cpu_milli is `-1`"),
        ("cpu_milli,memory_mib\n,1\n", "line 2: cpu_milli is ``"),
        ("cpu_milli,memory_mib\n9223372036854775808,1\n", "line 2: cpu_milli is `9223"),
        ("cpu_milli,memory_mib,count\n1,1,-1\n", "line 2: count is `-1`"),
        ("cpu_milli,memory_mib,count\n1,1,4294967295\n1,1,1\n", "line 3: pods of one shape do"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,2,460\n", "line 2: num_gpu and gpu_milli"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,0,460\n", "line 2: num_gpu and gpu_milli"),
        ("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,1,1,0\n", "line 2: num_gpu and gpu_milli"),
        (&format!("cpu_milli,memory_mib\n{long},1\n"), "line 2: cpu_milli is `9999999999"),
    ] {
        refused(pods::read(text), expected);
    }
}

#[test]
fn tables_of_sizes() {
    for (text, expected) in [
        ("", "no header"),
        ("name,cpu_milli,memory_mib\n", "line 1: column price is missing"),
        ("price,memory_mib\n", "line 1: column cpu_milli is missing"),
        ("price,cpu_milli,memory_mib\nNaN,1,1\n", "line 2: price is `NaN`, expected a number"),
        ("price,cpu_milli,memory_mib\n-0.1,1,1\n", "line 2: price is `-0.1`"),
        ("price,cpu_milli,memory_mib\ninf,1,1\n", "line 2: price is `inf`"),
        ("price,cpu_milli,memory_mib\n9223372036854.775808,1,1\n", "line 2: price is `9223372"),
        ("sn,cpu_milli,memory_mib,gpu\na,1,1,x\n", "line 2: gpu is `x`"),
    ] {
        refused(sizes::read(text), expected);
    }
}

#[test]
fn streams() {
    for (stream, flavours, expected) in [
        ("", "", "no flavours; give the table of flavours with --flavours"),
        ("", "1 a", "flavours, line 1: GiB is ``"),
        ("", "1,x a", "flavours, line 1: GiB is `x`"),
        ("", "1,2", "flavours, line 1: flavour is `1,2`, expected a line such as"),
        ("", "1,2 a\n2,2 a", "flavours, line 2: flavour is `a`, expected each flavour once"),
        ("300", "1,2 a", "line 1: line is `300`"),
        ("x a", "1,2 a", "line 1: time is `x`"),
        ("300 a,b", "1,2 a", "line 1: flavour is `b`, expected a flavour of the table"),
    ] {
        refused(vm_stream::read(stream, flavours), expected);
    }
}

#[test]
fn markets() {
    let size = Size { cpu_milli: 1, memory_mib: 1, price: 1, ..Size::default() };
    let sizes = Market { sizes: vec![size.clone()], ..Market::default() };
    let one = Shape { cpu_milli: 1, count: u32::MAX, ..Shape::default() };
    let demand = Demand { shapes: vec![one] };
    refused(market::join(&Demand::default(), &sizes), "no pods; the input must hold");
    refused(market::join(&demand, &Market::default()), "no sizes to buy; the catalog must");
    let dear = Market { sizes: vec![Size { price: 1 << 60, ..size }], ..Market::default() };
    refused(market::join(&demand, &dear), "price summed over all pods does not fit 64 bits");
}

#[test]
fn applications() {
    let read = |application: &str| maneuver::read(application, &offers());
    let with =
        |restriction: serde_json::Value| read(&application(&[1, 1, 1], &json!([restriction])));
    refused(read(""), "EOF while parsing a value at line 1 column 0");
    refused(read("{}"), "missing field `components`");
    refused(read("[]"), "invalid length 0");
    refused(read("{\"components\": [{\"id\": -1}]}"), "components[0].id: invalid value");
    refused(read(&application(&[-1], &json!([]))), "component c1: CPU is `-1`");
    refused(read(&application(&[], &json!([]))), "no components to place");
    refused(with(json!({"type": "Magic"})), "restrictions[0] (Magic): this type of restriction");
    refused(with(json!({"type": "Conflicts"})), "restrictions[0] (Conflicts): alphaCompId is m");
    refused(
        with(json!({"type": "LowerBound", "compsIdList": [9], "bound": 1})),
        "restrictions[0] (LowerBound): component is `9`, expected the id of a component",
    );
    refused(
        with(json!({"type": "LowerBound", "compsIdList": [1], "bound": 1001})),
        "restrictions[0] (LowerBound): bound is `1001`, expected a whole number from 0 to 1000",
    );
    refused(
        with(
            json!({"type": "ManyToManyDependency", "alphaCompId": 1, "betaCompId": 2, "sign": "!"}),
        ),
        "restrictions[0] (ManyToManyDependency): sign is `!`",
    );
    refused(
        with(json!({"type": "Conflicts", "alphaCompId": 1, "compsIdList": [1]})),
        "restrictions[0] (Conflicts): components that stand together may not conflict",
    );
    refused(
        with(json!({"type": "UpperBound", "compsIdList": [1], "bound": 0})),
        "the restrictions on numbers of instances exclude each other",
    );
    refused(
        with(json!({"type": "FullDeployment", "alphaCompId": 1, "compsIdList": [2]})),
        "FullDeployment cannot be solved: a component that keeps it off its machine may share",
    );
    let gpu = application(&[1], &json!([])).replace("\"GPU\":\"false\"", "\"GPU\":\"true\"");
    refused(read(&gpu), "component c1: a GPU cannot be solved: offers have none");
    let everywhere = json!([
        {"type": "FullDeployment", "alphaCompId": 1, "compsIdList": []},
        {"type": "EqualBound", "compsIdList": [1], "bound": 2},
    ]);
    refused(
        read(&application(&[1, 1], &everywhere)),
        "restrictions[1] (EqualBound): c1 cannot be solved: how often a fully deployed component",
    );
}

#[test]
fn offers_of_applications() {
    let application = application(&[1], &json!([]));
    for (offers, expected) in [
        ("{}", "no offers; give the offers of MANeUveR with --catalog"),
        ("[]", "invalid type: sequence, expected a map"),
        ("{\"a\": {\"cpu\": 1}}", "offer a: .: missing field `memory`"),
        (
            "{\"a\": {\"cpu\": 1, \"memory\": 1, \"storage\": 1, \"price\": -1}}",
            "offer a: price is `-1`",
        ),
        (
            "{\"a\": {\"cpu\": 1, \"memory\": 1, \"storage\": 1, \"price\": 0.5}}",
            "offer a: price: invalid type: floating point",
        ),
        (
            "{\"a\": {\"cpu\": 1, \"memory\": 1, \"storage\": 1, \"price\": 9223372036854775807}}",
            "offer a: price is `9223372036854775807`",
        ),
    ] {
        refused(maneuver::read(&application, offers), expected);
    }
}
