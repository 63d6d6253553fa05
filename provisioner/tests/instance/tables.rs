//! Packing problems, tables of pods and of sizes, streams.

use provisioner::instance::{
    Demand, Format, Market, Shape, Size, Unit, market, pods, sizes, vbp, vm_stream,
};

use crate::solved;

#[test]
fn bins_cost_one_and_equal_items_are_a_group() {
    let instance = vbp::read("2\n10 10\n4\n6 1 1\n4 9 2\n6 1 1\n1 1 0\n").unwrap();
    let problem = &instance.problems[0];
    assert_eq!(instance.unit, Unit::Bins);
    assert_eq!(problem.groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 2, 0]);
    let answer = solved(&instance);
    assert_eq!((answer.solution.cost, answer.nodes(), answer.unplaced()), (2, 2, 0));
}

#[test]
fn an_item_below_zero_makes_room_in_one_bin() {
    let with = vbp::read("2  10 10  2  6 1 2  -2 3 1").unwrap();
    assert_eq!(solved(&with).solution.cost, 1);
    let without = vbp::read("2  10 10  2  6 1 2  0 3 1").unwrap();
    assert_eq!(solved(&without).solution.cost, 2);
    // Two such items need a bin each, and each makes room in its own.
    let two = vbp::read("2  10 10  2  6 1 4  -2 3 2").unwrap();
    assert_eq!(solved(&two).solution.cost, 2);
}

#[test]
fn an_item_that_fits_no_bin_stays_outside() {
    for text in ["1 10 2 11 1 5 1", "1 0 2 1 1 0 1"] {
        let answer = solved(&vbp::read(text).unwrap());
        assert_eq!((answer.unplaced(), answer.solution.cost), (1, 1), "{text}");
    }
    let nothing = solved(&vbp::read("3 1 1 1 0").unwrap());
    assert_eq!((nothing.solution.cost, nothing.unplaced()), (0, 0));
}

#[test]
fn amounts_at_the_limit_are_solved() {
    let large = vbp::read("1 1152921504606846976 1 1152921504606846976 100").unwrap();
    assert_eq!(solved(&large).solution.cost, 100);
    let size = Size { cpu_milli: 1 << 60, memory_mib: 1, price: 1, ..Size::default() };
    let sizes = Market { sizes: vec![size], ..Market::default() };
    let shape = Shape { cpu_milli: 1 << 60, count: u32::MAX, ..Shape::default() };
    let many = market::join(&Demand { shapes: vec![shape] }, &sizes).unwrap();
    assert_eq!(solved(&many).nodes(), u64::from(u32::MAX));
}

const PODS: &str = "\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos
a,1000,2048,0,0,,LS
b,1000,2048,1,460,V100M16|T4,BE
c,1000,2048,2,1000,,LS
d,1000,2048,1,460,T4|V100M16,BE
";

#[test]
fn pods_that_ask_the_same_are_a_shape() {
    let demand = pods::read(PODS).unwrap();
    let seen: Vec<(&str, i64, usize, u32)> = demand
        .shapes
        .iter()
        .map(|shape| (&*shape.name, shape.gpu_milli, shape.gpu_models.len(), shape.count))
        .collect();
    assert_eq!(seen, [("a", 0, 0, 1), ("b", 460, 2, 2), ("c", 2_000, 0, 1)]);
    let plain = pods::read("memory_mib,count,cpu_milli\n5,7,3\n").unwrap();
    let shape = Shape {
        name: "line 2".to_owned(),
        cpu_milli: 3,
        memory_mib: 5,
        count: 7,
        ..Shape::default()
    };
    assert_eq!(plain, Demand { shapes: vec![shape] });
}

#[test]
fn a_node_list_has_a_stock_and_models() {
    let nodes = "\
sn,cpu_milli,memory_mib,gpu,model
n1,4000,8192,2,T4
n2,4000,8192,2,T4
n3,4000,8192,0,
";
    let market = sizes::read(nodes).unwrap();
    assert_eq!(market.unit, Unit::Nodes);
    let stocks: Vec<Option<i64>> = market.sizes.iter().map(|size| size.stock).collect();
    assert_eq!(stocks, [Some(2), Some(1)]);
    let instance = market::join(&pods::read(PODS).unwrap(), &market).unwrap();
    assert_eq!(instance.dimensions, ["cpu_milli", "memory_mib", "gpu_milli"]);
    let classes = &instance.problems[0].classes;
    assert_eq!(classes.len(), 2);
    assert_eq!(classes[1].offerings.iter().collect::<Vec<_>>(), [0]);
    // Two thousandths-of-GPU pods share one GPU of one node; the pair of GPUs needs the other.
    let answer = solved(&instance);
    assert_eq!((answer.solution.cost, answer.unplaced()), (2, 0));
    let more = PODS.replace("c,1000,2048,2", "c,1000,2048,6");
    let instance = market::join(&pods::read(&more).unwrap(), &market).unwrap();
    assert_eq!(solved(&instance).unplaced(), 1);
}

#[test]
fn a_price_list_is_exact() {
    let list = "\
name,arch,cpu_milli,mem_mib,eph_gib,pods,gpu,gpu_name,category,price_hr
a1.large,arm64,1930,3055,17,29,0,,a,0.051
p3,amd64,7910,60000,17,58,1,v100,p,3.0600001
";
    let market = sizes::read(list).unwrap();
    let prices: Vec<i64> = market.sizes.iter().map(|size| size.price).collect();
    assert_eq!(prices, [51_000, 3_060_000]);
    let demand = pods::read("cpu_milli,memory_mib,num_gpu,gpu_spec\n10,10,0,\n10,10,1,V100\n");
    let instance = market::join(&demand.unwrap(), &market).unwrap();
    assert_eq!(instance.dimensions.len(), 4);
    let answer = solved(&instance);
    assert_eq!((answer.solution.cost, answer.nodes()), (3_060_000, 1));
}

#[test]
fn arrivals_are_counted_by_flavour() {
    let demand =
        vm_stream::read("300 g,|,g,a,|\n\n600 a,|,a,a,|,\n", "1,0.75 a\n2,3.5 g\n2,4 h\n").unwrap();
    let seen: Vec<(i64, i64, u32)> =
        demand.shapes.iter().map(|s| (s.cpu_milli, s.memory_mib, s.count)).collect();
    assert_eq!(seen, [(1_000, 768, 4), (2_000, 3_584, 2)]);
}

#[test]
fn formats_are_told_apart_by_the_first_line() {
    for (text, format) in [
        ("# a comment\n\ntenon-problem 1\n", Some(Format::Text)),
        (" {\n", Some(Format::Maneuver)),
        (PODS, Some(Format::Pods)),
        ("3\n100 100 100\n", Some(Format::Vbp)),
        ("2 10 10 1 3 3 1", Some(Format::Vbp)),
        ("300 g,|,g,|", Some(Format::VmStream)),
        ("", None),
        ("\n\n", None),
        ("kind: Pod", None),
        ("name,price\n", None),
    ] {
        assert_eq!(Format::recognise(text), format, "{text}");
    }
}
