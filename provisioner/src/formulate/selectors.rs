//! Selectors over pods, and the sets that constraints make of them.
//!
//! A selector is written down once however many pods state it, and is asked only about pods that
//! carry the label it wants.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use rustc_hash::FxHashMap;

use crate::snapshot::Snapshot;

/// How a label is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Test<'a> {
    In(Vec<Cow<'a, str>>),
    NotIn(Vec<Cow<'a, str>>),
    Exists,
    DoesNotExist,
    /// An operator nobody knows.
    Never,
}

/// The namespaces a selector looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope<'a> {
    /// All of them.
    All,
    /// These, ascending.
    Only(Vec<&'a str>),
}

/// A selector over pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Selector<'a> {
    scope: Scope<'a>,
    tests: Vec<(Cow<'a, str>, Test<'a>)>,
}

impl<'a> Selector<'a> {
    /// A selector; none at all selects nothing, an empty one everything.
    pub fn new(scope: Scope<'a>, labels: Option<&'a LabelSelector>) -> Self {
        let mut selector = Self { scope, tests: vec![] };
        let Some(labels) = labels else {
            selector.tests.push((Cow::Borrowed(""), Test::Never));
            return selector;
        };
        for (key, value) in labels.match_labels.iter().flatten() {
            selector.add(key, Test::In(vec![Cow::Borrowed(value)]));
        }
        for one in labels.match_expressions.iter().flatten() {
            let mut values: Vec<Cow<'a, str>> =
                one.values.iter().flatten().map(|value| Cow::Borrowed(&**value)).collect();
            values.sort_unstable();
            let test = match one.operator.as_str() {
                "In" => Test::In(values),
                "NotIn" => Test::NotIn(values),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::DoesNotExist,
                _ => Test::Never,
            };
            selector.add(&one.key, test);
        }
        selector
    }

    fn add(&mut self, key: &'a str, test: Test<'a>) {
        let one = (Cow::Borrowed(key), test);
        if let Err(at) = self.tests.binary_search(&one) {
            self.tests.insert(at, one);
        }
    }

    /// Narrows to (or away from) the pod's own values of these keys; keys it lacks are ignored.
    pub fn narrow(
        &mut self,
        keys: Option<&'a Vec<String>>,
        labels: &'a BTreeMap<String, String>,
        same: bool,
    ) {
        for key in keys.into_iter().flatten() {
            let Some(value) = labels.get(key) else { continue };
            let values = vec![Cow::Borrowed(value.as_str())];
            self.add(key, if same { Test::In(values) } else { Test::NotIn(values) });
        }
    }

    /// Whether it selects a pod.
    pub fn matches(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let in_scope = match &self.scope {
            Scope::All => true,
            Scope::Only(names) => names.contains(&namespace),
        };
        in_scope && self.tests.iter().all(|(key, test)| test.holds(labels.get(&**key)))
    }

    /// A label that every selected pod carries, if the selector names one.
    fn anchor(&self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        self.tests.iter().find_map(|(key, test)| match test {
            Test::In(values) if values.len() == 1 => Some((key.clone(), values[0].clone())),
            _ => None,
        })
    }
}

impl Test<'_> {
    fn holds(&self, value: Option<&String>) -> bool {
        let listed = |values: &[Cow<'_, str>]| {
            value.is_some_and(|value| values.iter().any(|one| one == value))
        };
        match self {
            Self::In(values) => listed(values),
            Self::NotIn(values) => !listed(values),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
            Self::Never => false,
        }
    }
}

/// All selectors, numbered, and the sets made of them.
#[derive(Debug, Default)]
pub(super) struct Selectors<'a> {
    list: Vec<Selector<'a>>,
    numbers: FxHashMap<Selector<'a>, u32>,
    anchored: FxHashMap<(Cow<'a, str>, Cow<'a, str>), Vec<u32>>,
    loose: Vec<u32>,
    sets: Vec<Vec<u32>>,
    set_numbers: FxHashMap<Vec<u32>, u32>,
    sets_by_first: Vec<Vec<u32>>,
}

impl<'a> Selectors<'a> {
    /// The number of a selector.
    pub fn intern(&mut self, selector: Selector<'a>) -> u32 {
        if let Some(&number) = self.numbers.get(&selector) {
            return number;
        }
        let number = self.list.len() as u32;
        match selector.anchor() {
            Some(label) => self.anchored.entry(label).or_default().push(number),
            None => self.loose.push(number),
        }
        self.list.push(selector.clone());
        self.sets_by_first.push(vec![]);
        self.numbers.insert(selector, number);
        number
    }

    /// The number of the set of pods that match all these selectors.
    pub fn intern_set(&mut self, mut selectors: Vec<u32>) -> u32 {
        selectors.sort_unstable();
        selectors.dedup();
        if let Some(&number) = self.set_numbers.get(&selectors) {
            return number;
        }
        let number = self.sets.len() as u32;
        if let Some(&first) = selectors.first() {
            self.sets_by_first[first as usize].push(number);
        }
        self.sets.push(selectors.clone());
        self.set_numbers.insert(selectors, number);
        number
    }

    /// How many sets there are.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// The selectors that match a pod, ascending.
    pub fn matching(&self, namespace: &str, labels: &'a BTreeMap<String, String>) -> Vec<u32> {
        let mut found = vec![];
        let mut test = |number: &u32| {
            if self.list[*number as usize].matches(namespace, labels) {
                found.push(*number);
            }
        };
        self.loose.iter().for_each(&mut test);
        for (key, value) in labels {
            let label = (Cow::Borrowed(key.as_str()), Cow::Borrowed(value.as_str()));
            if let Some(candidates) = self.anchored.get(&label) {
                candidates.iter().for_each(&mut test);
            }
        }
        found.sort_unstable();
        found
    }

    /// The sets that hold a pod which the given selectors match, ascending.
    pub fn sets_of(&self, matching: &[u32]) -> Vec<u32> {
        let mut found = vec![];
        for &selector in matching {
            for &set in &self.sets_by_first[selector as usize] {
                let all = self.sets[set as usize].iter();
                if all.clone().all(|member| matching.binary_search(member).is_ok()) {
                    found.push(set);
                }
            }
        }
        found.sort_unstable();
        found
    }
}

/// The labels of every namespace that the input mentions.
#[derive(Debug)]
pub(super) struct Namespaces<'a> {
    names: BTreeSet<&'a str>,
    snapshot: &'a Snapshot,
    found: FxHashMap<String, Scope<'a>>,
}

impl<'a> Namespaces<'a> {
    /// Collects the names of namespaces and of the namespaces of pods.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let mut names: BTreeSet<&str> = snapshot.namespaces.keys().map(String::as_str).collect();
        let mut last = "";
        for pod in &snapshot.pods {
            if &*pod.namespace != last {
                last = &pod.namespace;
                names.insert(last);
            }
        }
        Self { names, snapshot, found: FxHashMap::default() }
    }

    /// The scope of an affinity term: listed namespaces and selected ones, or the pod's own.
    pub fn scope(
        &mut self,
        own: &'a str,
        listed: Option<&'a Vec<String>>,
        selector: Option<&'a LabelSelector>,
    ) -> Scope<'a> {
        let listed: Vec<&str> = listed.into_iter().flatten().map(String::as_str).collect();
        let Some(selector) = selector else {
            let names = if listed.is_empty() { vec![own] } else { listed };
            return Scope::Only(sorted(names));
        };
        let everything = selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
            && selector.match_expressions.as_ref().is_none_or(Vec::is_empty);
        if everything {
            return Scope::All;
        }
        let cached = format!("{selector:?}");
        let selected = self.found.get(&cached).cloned().unwrap_or_else(|| {
            let scope = self.select(selector);
            self.found.insert(cached, scope.clone());
            scope
        });
        match selected {
            Scope::All => Scope::All,
            Scope::Only(names) => Scope::Only(sorted(names.into_iter().chain(listed).collect())),
        }
    }

    fn select(&self, labels: &'a LabelSelector) -> Scope<'a> {
        let selector = Selector::new(Scope::All, Some(labels));
        let matching = self.names.iter().copied().filter(|&name| {
            let known = self.snapshot.namespaces.get(name);
            let mut labels =
                known.and_then(|object| object.metadata.labels.clone()).unwrap_or_default();
            // The API server sets this label on every namespace.
            labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
            selector.matches(name, &labels)
        });
        Scope::Only(matching.collect())
    }
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}
