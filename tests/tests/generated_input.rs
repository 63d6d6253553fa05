//! The readers understand everything that the generator writes.

use provisioner::snapshot::{
    SkipReason, Snapshot,
    read::{ReadOptions, Reader},
};
use tenon_tests::generate::{Cloud, as_list, generate};

fn read(bytes: &[u8]) -> Snapshot {
    let mut reader = Reader::new(ReadOptions::default());
    reader.add_bytes("generated", bytes).expect("generated objects are well-formed");
    reader.finish()
}

#[test]
fn nothing_generated_is_refused() {
    for seed in 0..300 {
        for cloud in [Cloud::Kwok, Cloud::Azure] {
            let snapshot = read(&as_list(&generate(seed, 6, cloud)));
            let refused: Vec<_> = (snapshot.skipped.iter())
                .filter(|skipped| {
                    matches!(
                        skipped.reason,
                        SkipReason::Malformed
                            | SkipReason::IrrelevantKind
                            | SkipReason::Unsupported
                            | SkipReason::Duplicate
                            | SkipReason::MissingReference
                    )
                })
                .collect();
            assert!(refused.is_empty(), "seed {seed} {cloud:?}: {refused:#?}");
        }
    }
}
