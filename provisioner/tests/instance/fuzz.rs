//! No text makes a reader panic; a refusal is one line; what is read can be solved.

use proptest::prelude::*;
use provisioner::instance::{
    Format, Instance, ReadError, maneuver, market, pods, sizes, vbp, vm_stream,
};
use serde_json::json;
use solver::validate::validate;

use crate::{
    applications::{application, offers},
    solved,
};

/// Larger problems are read and not solved: this is about the readers.
const MOST_SOLVED: u64 = 2_000;

fn good(result: Result<Instance, ReadError>) {
    match result {
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        Ok(instance) => {
            for problem in &instance.problems {
                assert_eq!(validate(problem), Ok(()));
                assert_eq!(problem.groups.len(), instance.groups.len());
                assert_eq!(problem.offerings.len(), instance.offerings.len());
                assert_eq!(problem.dims, instance.dimensions.len());
            }
            if instance.problems[0].pods() <= MOST_SOLVED {
                solved(&instance);
            }
        }
    }
}

/// Hands a text to every reader.
fn reads(text: &str) {
    let pods_seed = "cpu_milli,memory_mib\n100,100\n";
    let sizes_seed = "price,cpu_milli,memory_mib,pods\n0.1,4000,8192,110\n";
    Format::recognise(text);
    good(vbp::read(text));
    let sizes_of = |text: &str| sizes::read(text);
    good(pods::read(text).and_then(|demand| market::join(&demand, &sizes_of(sizes_seed)?)));
    good(sizes_of(text).and_then(|sizes| market::join(&pods::read(pods_seed)?, &sizes)));
    let stream = vm_stream::read(text, "1,2 a\n2,4 b\n");
    good(stream.and_then(|demand| market::join(&demand, &sizes_of(sizes_seed)?)));
    let flavours = vm_stream::read("1 a,b,|", text);
    good(flavours.and_then(|demand| market::join(&demand, &sizes_of(sizes_seed)?)));
    good(maneuver::read(text, &offers()));
    good(maneuver::read(&application(&[1, 2], &json!([])), text));
    maneuver::is_offers(text);
}

fn seeds() -> Vec<String> {
    let restrictions = json!([
        {"type": "LowerBound", "compsIdList": [1, 2], "bound": 3},
        {"type": "RequireProvideDependency", "alphaCompId": 1, "betaCompId": 2,
         "alphaCompIdInstances": 2, "betaCompIdInstances": 3},
        {"type": "FullDeployment", "alphaCompId": 3, "compsIdList": []},
        {"type": "Conflicts", "alphaCompId": 1, "compsIdList": [2]},
        {"type": "OneToOneDependency", "alphaCompId": 1, "betaCompId": 4},
    ]);
    vec![
        "2\n10 10\n3\n6 1 1\n4 9 2\n-1 3 1\n".to_owned(),
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,10,20,1,460,T4|G2\n".to_owned(),
        "price,cpu_milli,memory_mib,pods,gpu,gpu_model\n0.25,4000,8000,110,1,T4\n".to_owned(),
        "sn,cpu_milli,memory_mib,gpu,model\nn1,4000,8000,2,T4\nn2,4000,8000,2,T4\n".to_owned(),
        "300 a,|,b,b,|\n600 a,|\n".to_owned(),
        "1,0.75 a\n2,3.5 b\n".to_owned(),
        application(&[1, 2, 1, 1], &restrictions),
        offers(),
    ]
}

#[test]
fn the_seeds_are_read() {
    for seed in seeds() {
        reads(&seed);
    }
    assert!(vbp::read(&seeds()[0]).is_ok());
    assert!(pods::read(&seeds()[1]).is_ok());
    assert!(sizes::read(&seeds()[2]).is_ok());
    assert!(sizes::read(&seeds()[3]).is_ok());
    assert!(vm_stream::read(&seeds()[4], &seeds()[5]).is_ok());
    assert!(maneuver::read(&seeds()[6], &seeds()[7]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text(text in "\\PC{0,120}") {
        reads(&text);
    }

    #[test]
    fn any_numbers(numbers in proptest::collection::vec(-3_i64..12, 0..60)) {
        let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
        reads(&words.join(" "));
        reads(&format!("cpu_milli,memory_mib,count\n{}", words.join(",")));
    }

    /// A good text with one piece replaced.
    #[test]
    fn spoiled_seeds(
        seed in 0_usize..8,
        at in any::<prop::sample::Index>(),
        taken in 0_usize..6,
        put in "[-0-9a-z.,|\\[\\]{}\": \n]{0,5}|9223372036854775808|1152921504606846976|NaN|-1",
    ) {
        let seed = &seeds()[seed];
        let start = at.index(seed.len());
        let end = (start + taken).min(seed.len());
        // The seeds are ASCII, so any place may be cut.
        let spoiled = format!("{}{put}{}", &seed[..start], &seed[end..]);
        reads(&spoiled);
    }
}
