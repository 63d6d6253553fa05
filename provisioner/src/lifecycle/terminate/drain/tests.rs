use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("small")
}

fn pod(name: &str) -> Pod {
    Pod {
        id: format!("shop/{name}").into(),
        node: Some("n".into()),
        grace: SignedDuration::from_secs(30),
        ..Pod::default()
    }
}

fn evicted(step: &Step) -> Vec<&str> {
    step.evict.iter().map(|pod| pod.name()).collect()
}

fn forced(step: &Step) -> Vec<(&str, i64)> {
    step.force.iter().map(|(pod, grace)| (pod.name(), grace.as_secs())).collect()
}

fn take(pods: Vec<Pod>, now: i64, deadline: Option<i64>) -> Step {
    let pods: Vec<Arc<Pod>> = pods.into_iter().map(Arc::new).collect();
    step(&pods, at(now), deadline.map(at))
}

#[test]
fn four_waves_leave_one_after_the_other() {
    let mut left = vec![
        Pod { critical: true, daemon: true, ..pod("d") },
        Pod { critical: true, ..pod("c") },
        Pod { daemon: true, ..pod("b") },
        pod("a2"),
        pod("a1"),
    ];
    let mut waves = vec![];
    while !left.is_empty() {
        let step = take(left.clone(), 0, None);
        assert_eq!(step.left, left.len());
        let gone: Vec<String> = evicted(&step).into_iter().map(str::to_owned).collect();
        left.retain(|pod| !gone.iter().any(|name| name == pod.name()));
        waves.push(gone.join("+"));
    }
    assert_eq!(waves, ["a1+a2", "b", "c", "d"]);
    // A wave that is on its way holds the next one up.
    let leaving = Pod { deleting: Some(at(30)), ..pod("a") };
    let step = take(vec![leaving, Pod { critical: true, ..pod("c") }], 0, None);
    assert_eq!((evicted(&step), step.left), (vec![], 2));
}

#[test]
fn some_pods_are_not_waited_for() {
    for (pod, what) in [
        (Pod { terminal: true, ..pod("a") }, "over"),
        (Pod { mirror: true, ..pod("a") }, "the kubelet's own"),
        (Pod { tolerates_disruption: true, ..pod("a") }, "meant to stay"),
        (Pod { deleting: Some(at(39)), ..pod("a") }, "stuck for more than a minute"),
    ] {
        assert_eq!(take(vec![pod], 100, None), Step::default(), "{what}");
    }
    let step = take(vec![Pod { deleting: Some(at(41)), ..pod("a") }], 100, None);
    assert_eq!((step.left, step.next), (1, Some(at(101))), "not stuck yet");
}

#[test]
fn protected_pods_stay_until_their_time_or_the_deadline() {
    let protected = |until| vec![Pod { protected_until: Some(until), ..pod("a") }];
    let step = take(protected(Timestamp::MAX), 100, None);
    assert_eq!((evicted(&step), step.protected), (vec![], 1));
    let step = take(protected(at(150)), 100, None);
    assert_eq!((evicted(&step), step.next), (vec![], Some(at(150))));
    let step = take(protected(at(50)), 100, None);
    assert_eq!((evicted(&step), step.protected), (vec!["a"], 0));
    let step = take(protected(Timestamp::MAX), 100, Some(200));
    assert_eq!((forced(&step), step.next), (vec![], Some(at(170))));
    let step = take(protected(Timestamp::MAX), 170, Some(200));
    assert_eq!((forced(&step), step.protected), (vec![("a", 30)], 0));
}

#[test]
fn near_the_deadline_every_wave_is_forced() {
    let pods = || vec![pod("a"), Pod { critical: true, daemon: true, ..pod("d") }];
    let step = take(pods(), 180, Some(200));
    assert_eq!((evicted(&step), forced(&step)), (vec![], vec![("a", 20), ("d", 20)]));
    let step = take(pods(), 300, Some(200));
    assert_eq!(forced(&step), [("a", 1), ("d", 1)], "past the deadline");
    // On its way in time: left alone. On its way for too long: hurried.
    let step = take(vec![Pod { deleting: Some(at(190)), ..pod("a") }], 180, Some(200));
    assert_eq!((forced(&step), step.left), (vec![], 1));
    let step = take(vec![Pod { deleting: Some(at(900)), ..pod("a") }], 180, Some(200));
    assert_eq!(forced(&step), [("a", 20)]);
}
