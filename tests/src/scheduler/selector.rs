//! Label selectors, node selectors and tolerations.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{NodeSelector, NodeSelectorTerm, Taint, Toleration},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use serde::Serialize;

pub(crate) type Labels = BTreeMap<String, String>;

/// Conditions on labels that must all hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Requirement {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Requirement {
    fn new(key: &str, operator: &str, values: &[String]) -> Self {
        Self { key: key.to_owned(), operator: operator.to_owned(), values: values.to_vec() }
    }

    fn holds(&self, own: Option<&str>) -> bool {
        let among = |own: &str| self.values.iter().any(|value| value == own);
        let number = |text: &str| text.parse::<i64>().ok();
        let limit = self.values.first().and_then(|limit| number(limit));
        match self.operator.as_str() {
            "In" => own.is_some_and(among),
            "NotIn" => !own.is_some_and(among),
            "Exists" => own.is_some(),
            "DoesNotExist" => own.is_none(),
            "Gt" => own.and_then(number).zip(limit).is_some_and(|(own, limit)| own > limit),
            "Lt" => own.and_then(number).zip(limit).is_some_and(|(own, limit)| own < limit),
            _ => false,
        }
    }
}

impl Selector {
    /// A selector; none at all selects nothing, an empty one everything.
    pub(crate) fn new(selector: Option<&LabelSelector>) -> Option<Self> {
        let selector = selector?;
        let mut requirements = equal(selector.match_labels.as_ref());
        for wanted in selector.match_expressions.iter().flatten() {
            let values = wanted.values.as_deref().unwrap_or_default();
            requirements.push(Requirement::new(&wanted.key, &wanted.operator, values));
        }
        Some(Self(requirements))
    }

    /// Labels that must be equal.
    pub(super) fn equal(labels: &Labels) -> Self {
        Self(equal(Some(labels)))
    }

    /// Adds the pod's own values of `keys`, to be matched or, with `NotIn`, avoided. Keys that the
    /// pod does not have are left out.
    pub(super) fn with_keys(
        mut self,
        keys: Option<&Vec<String>>,
        own: &Labels,
        operator: &str,
    ) -> Self {
        for key in keys.into_iter().flatten() {
            if let Some(value) = own.get(key) {
                self.0.push(Requirement::new(key, operator, std::slice::from_ref(value)));
            }
        }
        self
    }

    /// Joins the conditions of two selectors.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|wanted| wanted.holds(labels.get(&wanted.key).map(String::as_str)))
    }
}

fn equal(labels: Option<&Labels>) -> Vec<Requirement> {
    (labels.into_iter().flatten())
        .map(|(key, value)| Requirement::new(key, "In", std::slice::from_ref(value)))
        .collect()
}

/// Whether any term of a node selector holds.
pub(crate) fn node_selected(selector: &NodeSelector, labels: &Labels, name: &str) -> bool {
    selector.node_selector_terms.iter().any(|term| term_holds(term, labels, name))
}

/// Whether all conditions of a term hold. A term without conditions holds nowhere.
pub(super) fn term_holds(term: &NodeSelectorTerm, labels: &Labels, name: &str) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let holds = |key: &str, operator: &str, values: &Option<Vec<String>>, own: Option<&str>| {
        Requirement::new(key, operator, values.as_deref().unwrap_or_default()).holds(own)
    };
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|wanted| {
            let own = labels.get(&wanted.key).map(String::as_str);
            holds(&wanted.key, &wanted.operator, &wanted.values, own)
        })
        && fields.iter().all(|wanted| {
            let own = (wanted.key == "metadata.name").then_some(name);
            holds(&wanted.key, &wanted.operator, &wanted.values, own)
        })
}

/// Whether some toleration covers the taint.
pub(crate) fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| {
        let key = toleration.key.as_deref().unwrap_or_default();
        let effect = toleration.effect.as_deref().unwrap_or_default();
        let value = taint.value.as_deref().unwrap_or_default();
        let wanted = toleration.value.as_deref().unwrap_or_default();
        let number = |text: &str| text.parse::<i64>().ok();
        (effect.is_empty() || effect == taint.effect)
            && (key.is_empty() || key == taint.key)
            && match toleration.operator.as_deref().unwrap_or("Equal") {
                "Exists" => true,
                "Gt" => number(value).zip(number(wanted)).is_some_and(|(own, than)| own > than),
                "Lt" => number(value).zip(number(wanted)).is_some_and(|(own, than)| own < than),
                _ => !key.is_empty() && value == wanted,
            }
    })
}
