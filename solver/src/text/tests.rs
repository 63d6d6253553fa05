use super::*;
use crate::problem::{NO_DOMAIN, NODE_KEY};

const SMALL: &str = "\
tenon-problem 1
dims 2
keys 3
class offerings=0-1 nodes=0
group count=5 priority=-1 class=0 request=500,1024
offering price=96000 tier=0 capacity=1900,5500 domains=0
offering price=96000 tier=0 capacity=1900,5500 domains=2 limits=0:1
node free=700,2000 domains=-
set groups=0 bound=0:1
spread groups=0 key=0 set=0 max-skew=1 min-domains=1 domains=0,2 nodes=0 offerings=0-1
affinity groups=0 keys=node,0 set=0
exclusion groups=0 key=node set=0 cost=1000
conflict 0 0
limit remaining=4
flexibility min=1 values=0:7,1:8
variety most=2 used=8-9 values=0:7,1:8
preference groups=0 class=0 cost=3
";

#[test]
fn what_is_written_reads_the_same() {
    let problem = read_problem(SMALL).expect("it is sound");
    assert_eq!(problem.nodes[0].domains, [NO_DOMAIN]);
    assert_eq!(problem.affinities[0].keys, [NODE_KEY, 0]);
    assert_eq!(write_problem(&problem), SMALL);
    let decorated = SMALL.replace('\n', "   # why\n\n  # more\n").replace(" count", "\t count");
    assert_eq!(read_problem(&decorated), Ok(problem));
}

#[test]
fn errors_name_line_and_column() {
    let cases = [
        (
            "tenon-problem 1",
            "tenon-problem 2",
            "line 1, column 1: expected `tenon-problem 1` first",
        ),
        ("dims 2", "dims two", "line 2, column 6: `two` is not a number in range"),
        ("dims 2", "", "line 1, column 1: `dims` is missing"),
        ("keys 3", "keys 3\n keys 3", "line 4, column 2: `keys` is given twice"),
        ("nodes=0\n", "nodes=0-1\n", "line 4, column 27: `1` does not exist, there are 1"),
        ("group count", "pod count", "line 5, column 1: unknown object `pod`"),
        ("priority", "prio", "line 5, column 1: `priority` is missing"),
        ("count=5", "count=5 count=6", "line 5, column 15: `count` is given twice"),
        ("count=5", "count=5 colour=6", "line 5, column 15: unknown field `colour`"),
        ("500,1024", "500,1k", "line 5, column 47: `1k` is not a number in range"),
        ("500,1024", "500,-1", "line 5, column 1: group 0: request is -1, must be between 0 and"),
        ("500,1024", "500", "line 5, column 1: group 0: request has 1 entries instead of 2"),
        ("domains=0\n", "domains=3\n", "line 6, column 1: offering 0: domain 3 does not exist"),
        ("0:1\nnode", "0;1\nnode", "line 7, column 65: `0;1` is not a pair of numbers"),
        ("key=0", "key=255", "line 10, column 21: `255` is not a key"),
        ("domains=0,2", "domains=5-2", "line 10, column 62: `5-2` is not an index or"),
        ("domains=0,2", "domains=0-9999999", "line 10, column 62: more than 1048576 items"),
        ("conflict 0 0", "conflict 0", "line 13, column 1: `two groups` is missing"),
    ];
    for (from, to, expected) in cases {
        assert!(SMALL.contains(from), "{from}");
        let error = read_problem(&SMALL.replacen(from, to, 1)).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error} instead of {expected}");
    }
}

#[test]
fn solutions_read_as_written() {
    let text = "\
tenon-solution 1
total cost=192000 penalty=5 bound=96000 status=feasible
launch offering=1 copies=2 pods=0:2
placement node=0 pods=0:1,3:2
unplaced group=2 count=4 reason=too-large
";
    let solution = read_solution(text).expect("it is sound");
    assert_eq!(write_solution(&solution), text);
    let cases = [
        (
            "feasible",
            "fine",
            "line 2, column 48: `fine` is not `optimal`, `within`, `stopped` or `feasible`",
        ),
        ("too-large", "big", "line 5, column 33: `big` is not a reason"),
        ("total", "sum", "line 2, column 1: unknown object `sum`"),
        ("copies=2", "copies=-2", "line 3, column 26: `-2` is not a number in range"),
    ];
    for (from, to, expected) in cases {
        let error = read_solution(&text.replacen(from, to, 1)).expect_err(expected).to_string();
        assert_eq!(error, expected);
    }
}
