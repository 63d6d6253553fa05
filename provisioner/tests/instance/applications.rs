//! Applications of MANeUveR.

use provisioner::instance::{Instance, maneuver};
use serde_json::{Value, json};

use crate::solved;

/// Offers with cores, MB, GB and thousandths of a dollar.
pub(crate) fn offers() -> String {
    let offer = |cpu, price| json!({"cpu": cpu, "memory": 8000, "storage": 1000, "price": price});
    json!({"small": offer(2, 100), "medium": offer(4, 190), "large": offer(8, 350)}).to_string()
}

/// Components 1, 2, … with so many cores, 1000 MB and 100 GB each.
pub(crate) fn application(cores: &[i64], restrictions: &Value) -> String {
    let components: Vec<Value> = (1..)
        .zip(cores)
        .map(|(id, cpu)| {
            json!({
                "id": id,
                "name": format!("c{id}"),
                "Compute": {"CPU": cpu, "GPU": "false", "Memory": 1000},
                "Storage": {"StorageSize": 100},
            })
        })
        .collect();
    json!({"application": "test", "components": components, "restrictions": restrictions})
        .to_string()
}

fn read(cores: &[i64], restrictions: &Value) -> Instance {
    maneuver::read(&application(cores, restrictions), &offers()).unwrap()
}

/// Counts of the problem that has the best answer, and its cost in thousandths of a dollar.
fn best(cores: &[i64], restrictions: &Value) -> (Vec<u32>, i64) {
    let instance = read(cores, restrictions);
    let answer = solved(&instance);
    assert_eq!(answer.unplaced(), 0);
    let groups = &instance.problem_of(&answer).groups;
    (groups.iter().map(|group| group.count).collect(), answer.solution.cost / 1_000)
}

#[test]
fn every_component_is_deployed_once_when_nothing_says_more() {
    assert_eq!(best(&[2, 2], &json!([])), (vec![1, 1], 190));
}

#[test]
fn conflicts_keep_apart_and_so_does_a_second_instance() {
    let conflict = json!([{"type": "Conflicts", "alphaCompId": 2, "compsIdList": [1]}]);
    assert_eq!(best(&[2, 2], &conflict), (vec![1, 1], 200));
    let two = json!([{"type": "EqualBound", "compsIdList": [1], "bound": 2}]);
    assert_eq!(best(&[2], &two), (vec![2], 200));
}

#[test]
fn a_bound_on_a_sum_takes_the_cheaper_split() {
    let sum = json!([{"type": "LowerBound", "compsIdList": [1, 2], "bound": 3}]);
    // A second instance of component 1 (2 cores) is cheaper than one of component 2 (8 cores).
    assert_eq!(read(&[2, 8], &sum).problems.len(), 2);
    let (counts, _) = best(&[2, 8], &sum);
    assert_eq!(counts, [2, 1]);
}

#[test]
fn needs_and_alternatives_decide_the_numbers() {
    let restrictions = json!([
        {"type": "RangeBound", "compsIdList": [1], "lowerBound": 3, "upperBound": 5},
        {"type": "RequireProvideDependency", "alphaCompId": 1, "betaCompId": 2,
         "alphaCompIdInstances": 2, "betaCompIdInstances": 3},
        {"type": "AlternativeComponents", "alphaCompId": 3, "betaCompId": 4},
        {"type": "ManyToManyDependency", "alphaCompId": 5, "betaCompId": 2, "sign": "="},
        {"type": "OneToManyDependency", "alphaCompId": 6, "betaCompId": 1, "number": 2},
    ]);
    let instance = read(&[1, 1, 1, 1, 1, 1], &restrictions);
    let mut counts: Vec<Vec<u32>> = instance
        .problems
        .iter()
        .map(|problem| problem.groups.iter().map(|group| group.count).collect())
        .collect();
    counts.sort();
    assert_eq!(counts, [vec![3, 2, 0, 1, 2, 2], vec![3, 2, 1, 0, 2, 2]]);
    solved(&instance);
}

#[test]
fn components_that_stand_together_are_one_group() {
    let together = json!([{"type": "OneToOneDependency", "alphaCompId": 1, "betaCompId": 3}]);
    let instance = read(&[1, 8, 2], &together);
    assert_eq!(instance.groups, ["c1 and c3", "c2"]);
    assert_eq!(instance.problems[0].groups[0].request, [3, 2_000, 200]);
}

#[test]
fn full_deployment_takes_room_on_every_machine() {
    let full = json!([{"type": "FullDeployment", "alphaCompId": 1, "compsIdList": []}]);
    let instance = read(&[2, 2, 2], &full);
    assert_eq!(instance.groups, ["c2", "c3"]);
    assert_eq!(instance.offerings[1], "medium with c1");
    // Two machines of 4 cores with two components each cost 380; one of 8 costs 350.
    assert_eq!(solved(&instance).solution.cost, 350_000);
}

#[test]
fn full_deployment_spares_the_machines_of_its_enemies() {
    let full = json!([
        {"type": "FullDeployment", "alphaCompId": 1, "compsIdList": [2]},
        {"type": "Conflicts", "alphaCompId": 2, "compsIdList": [3]},
    ]);
    // Component 2 alone on a small machine, component 3 with component 1 on a medium one.
    let instance = read(&[2, 2, 2], &full);
    assert_eq!(instance.offerings.len(), 6);
    assert_eq!(solved(&instance).solution.cost, 290_000);
}

#[test]
fn an_operating_system_is_heeded() {
    let text = application(&[1], &json!([]));
    let text = text.replace("\"name\":\"c1\"", "\"name\":\"c1\",\"operatingSystem\":\"Linux\"");
    let offers = r#"{"w": {"cpu": 9, "memory": 9000, "storage": 900, "price": 1, "operatingSystem": "Windows"},
                     "l": {"cpu": 9, "memory": 9000, "storage": 900, "price": 7, "operatingSystem": "Linux"}}"#;
    let instance = maneuver::read(&text, offers).unwrap();
    assert_eq!(solved(&instance).solution.cost, 7_000);
}
