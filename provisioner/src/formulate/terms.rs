//! What pods ask of labels and taints of a node, borrowed from the snapshot so that asking the
//! same thing twice costs one hash.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};

use super::places::NAME_FIELD;

/// The operators of a NodeSelectorRequirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum NodeOperator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeRequirement<'a> {
    /// Label key, or [`NAME_FIELD`].
    pub key: Cow<'a, str>,
    /// How to compare.
    pub operator: NodeOperator,
    /// With what.
    pub values: Vec<Cow<'a, str>>,
}

impl<'a> NodeRequirement<'a> {
    /// `key` must have one of `values`.
    pub fn one_of(key: &'a str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(Cow::Borrowed).collect();
        Self { key: Cow::Borrowed(key), operator: NodeOperator::In, values }
    }

    /// The node must not have this name.
    pub fn not_named(name: &'a str) -> Self {
        let values = vec![Cow::Borrowed(name)];
        Self { key: Cow::Borrowed(NAME_FIELD), operator: NodeOperator::NotIn, values }
    }

    /// `None` when the operator is not one of Kubernetes': such a requirement matches nothing.
    fn parse(source: &'a NodeSelectorRequirement, field: bool) -> Option<Self> {
        let operator = match source.operator.as_str() {
            "In" => NodeOperator::In,
            "NotIn" => NodeOperator::NotIn,
            "Exists" => NodeOperator::Exists,
            "DoesNotExist" => NodeOperator::DoesNotExist,
            "Gt" => NodeOperator::Gt,
            "Lt" => NodeOperator::Lt,
            _ => return None,
        };
        let key = match (field, source.key.as_str()) {
            (false, key) => key,
            (true, "metadata.name") => NAME_FIELD,
            (true, _) => return None,
        };
        let values = source.values.iter().flatten().map(|value| Cow::Borrowed(&**value)).collect();
        Some(Self { key: Cow::Borrowed(key), operator, values })
    }
}

/// Requirements that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term<'a>(pub Vec<NodeRequirement<'a>>);

impl<'a> Term<'a> {
    /// `None` for a term that can match no node: an empty one, or one that is not understood.
    pub fn parse(source: &'a NodeSelectorTerm) -> Option<Self> {
        let labels = source.match_expressions.iter().flatten().map(|one| (one, false));
        let fields = source.match_fields.iter().flatten().map(|one| (one, true));
        let requirements: Option<Vec<_>> =
            labels.chain(fields).map(|(one, field)| NodeRequirement::parse(one, field)).collect();
        requirements.filter(|list| !list.is_empty()).map(Self)
    }
}

/// The terms of a node selector, any of which may hold.
pub(super) fn any_of(selector: &NodeSelector) -> Vec<Term<'_>> {
    selector.node_selector_terms.iter().filter_map(Term::parse).collect()
}

/// What a pod requires of a node's labels: all pairs, and one of the terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NodeTerms<'a> {
    /// nodeSelector, and spec.os.name as `kubernetes.io/os`.
    pub all: Term<'a>,
    /// Required node affinity; `None` when there is none. An empty list matches nothing.
    pub any: Option<Vec<Term<'a>>>,
}

impl<'a> NodeTerms<'a> {
    /// Reads a pod's selector, its required affinity and its operating system.
    pub fn of(spec: &'a PodSpec) -> Self {
        let mut all: Vec<_> = spec
            .node_selector
            .iter()
            .flatten()
            .map(|(key, value)| NodeRequirement::one_of(key, [value.as_str()]))
            .collect();
        if let Some(os) = &spec.os {
            all.push(NodeRequirement::one_of("kubernetes.io/os", [os.name.as_str()]));
        }
        let required = spec
            .affinity
            .as_ref()
            .and_then(|affinity| affinity.node_affinity.as_ref())
            .and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
        Self { all: Term(all), any: required.map(any_of) }
    }

    /// Every requirement, whichever term it stands in.
    pub fn requirements(&self) -> impl Iterator<Item = &NodeRequirement<'a>> {
        self.all.0.iter().chain(self.any.iter().flatten().flat_map(|term| &term.0))
    }
}

/// A toleration, comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tolerated<'a> {
    key: &'a str,
    operator: &'a str,
    value: &'a str,
    effect: &'a str,
}

impl<'a> Tolerated<'a> {
    /// A toleration of a key with an effect, whatever the value.
    pub const fn exists(key: &'a str, effect: &'a str) -> Self {
        Self { key, operator: "Exists", value: "", effect }
    }

    fn of(source: &'a Toleration) -> Self {
        Self {
            key: source.key.as_deref().unwrap_or(""),
            operator: source.operator.as_deref().filter(|text| !text.is_empty()).unwrap_or("Equal"),
            value: source.value.as_deref().unwrap_or(""),
            effect: source.effect.as_deref().unwrap_or(""),
        }
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        if !self.effect.is_empty() && self.effect != taint.effect {
            return false;
        }
        if self.key.is_empty() {
            return self.operator == "Exists";
        }
        let value = taint.value.as_deref().unwrap_or("");
        let ordered = |holds: fn(i64, i64) -> bool| match (value.parse(), self.value.parse()) {
            (Ok(taint), Ok(bound)) => holds(taint, bound),
            _ => false,
        };
        self.key == taint.key
            && match self.operator {
                "Exists" => true,
                "Equal" => self.value == value,
                // KEP-5471: the taint's value is compared with the toleration's.
                "Gt" => ordered(|taint, bound| taint > bound),
                "Lt" => ordered(|taint, bound| taint < bound),
                _ => false,
            }
    }
}

/// The tolerations of a pod, in an order that does not depend on how they were written.
pub(super) fn tolerations(spec: &PodSpec) -> Vec<Tolerated<'_>> {
    let mut list: Vec<_> = spec.tolerations.iter().flatten().map(Tolerated::of).collect();
    list.sort_unstable();
    list.dedup();
    list
}

/// Whether the scheduler lets a pod with these tolerations onto a node with these taints.
pub(super) fn filters_pass(tolerations: &[Tolerated<'_>], taints: &[Taint]) -> bool {
    taints
        .iter()
        .filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
        .all(|taint| tolerations.iter().any(|one| one.tolerates(taint)))
}

/// Whether no `PreferNoSchedule` taint is left untolerated.
pub(super) fn preferences_pass(tolerations: &[Tolerated<'_>], taints: &[Taint]) -> bool {
    taints
        .iter()
        .filter(|taint| taint.effect == "PreferNoSchedule")
        .all(|taint| tolerations.iter().any(|one| one.tolerates(taint)))
}
