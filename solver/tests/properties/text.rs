use proptest::prelude::*;
use solver::text::{read_problem, read_solution, write_problem, write_solution};
use solver::{Options, solve};

use crate::generate::{Random, TINY, problem};

/// Text that looks nearly right: written problems with characters changed.
fn spoiled(written: &str, changes: &[(usize, char)]) -> String {
    let mut text: Vec<char> = written.chars().collect();
    for &(at, new) in changes {
        let at = at % text.len();
        text[at] = new;
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn problems_read_back_the_same(case: u64) {
        let problem = problem(&mut Random::new(case), TINY);
        prop_assert_eq!(read_problem(&write_problem(&problem)), Ok(problem));
    }

    #[test]
    fn solutions_read_back_the_same(case: u64) {
        let problem = problem(&mut Random::new(case), TINY);
        let solution = solve(&problem, &Options::default());
        prop_assert_eq!(read_solution(&write_solution(&solution)), Ok(solution));
    }

    #[test]
    fn spoiled_text_never_panics(
        case: u64,
        changes in prop::collection::vec((any::<usize>(), "[0-9=,:# \n-]|\\PC"), 1..6),
    ) {
        let changes: Vec<(usize, char)> = (changes.into_iter())
            .filter_map(|(at, text)| Some((at, text.chars().next()?)))
            .collect();
        let written = write_problem(&problem(&mut Random::new(case), TINY));
        if let Ok(problem) = read_problem(&spoiled(&written, &changes)) {
            prop_assert_eq!(read_problem(&write_problem(&problem)), Ok(problem));
        }
        let _ = read_solution(&spoiled("tenon-solution 1\ntotal cost=1 penalty=2 bound=0\n", &changes));
    }

    #[test]
    fn any_text_never_panics(text in "\\PC{0,200}") {
        let _ = read_problem(&text);
        let _ = read_solution(&text);
        let _ = read_problem(&format!("tenon-problem 1\n{text}"));
    }
}
