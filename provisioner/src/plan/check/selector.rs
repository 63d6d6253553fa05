//! Label selectors, node selectors, taints and tolerations, word for word from the API.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

/// Labels of a pod, node or namespace.
pub(super) type Labels = BTreeMap<String, String>;

/// A label selector made ready: `None` selects nothing.
#[derive(Clone, Debug)]
pub(super) struct Selector(Option<Vec<Rule>>);

/// One condition of a selector.
#[derive(Clone, Debug)]
struct Rule {
    key: String,
    operator: &'static str,
    values: Vec<String>,
}

impl Selector {
    /// No selector selects nothing; an empty one everything; one with an unknown operator nothing.
    pub(super) fn new(selector: Option<&LabelSelector>) -> Self {
        let Some(selector) = selector else { return Self(None) };
        let mut rules = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            rules.push(Rule::equals(key, value, "In"));
        }
        for expression in selector.match_expressions.iter().flatten() {
            let Some(operator) = known(&expression.operator) else { return Self(None) };
            let values = expression.values.clone().unwrap_or_default();
            rules.push(Rule { key: expression.key.clone(), operator, values });
        }
        Self(Some(rules))
    }

    /// Adds what `matchLabelKeys` (`In`) or `mismatchLabelKeys` (`NotIn`) mean for a pod.
    pub(super) fn with_keys(
        mut self,
        keys: Option<&Vec<String>>,
        own: &Labels,
        operator: &'static str,
    ) -> Self {
        if let Some(rules) = &mut self.0 {
            let labels = keys.into_iter().flatten().filter_map(|key| own.get_key_value(key));
            rules.extend(labels.map(|(key, value)| Rule::equals(key, value, operator)));
        }
        self
    }

    /// Whether these labels are selected.
    pub(super) fn matches(&self, labels: &Labels) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.iter().all(|rule| rule.holds(labels)))
    }
}

impl Rule {
    fn equals(key: &str, value: &str, operator: &'static str) -> Self {
        Self { key: key.to_owned(), operator, values: vec![value.to_owned()] }
    }

    fn holds(&self, labels: &Labels) -> bool {
        holds(self.operator, labels.get(&self.key).map(String::as_str), &self.values)
    }
}

/// The operator's own name, when there is such an operator.
fn known(operator: &str) -> Option<&'static str> {
    ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"].into_iter().find(|name| *name == operator)
}

/// Whether a label with `value` meets the condition.
fn holds(operator: &str, value: Option<&str>, values: &[String]) -> bool {
    let listed = value.is_some_and(|value| values.iter().any(|other| other == value));
    let numbers = || {
        let [bound] = values else { return None };
        Some((value?.parse::<i64>().ok()?, bound.parse::<i64>().ok()?))
    };
    match operator {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers().is_some_and(|(value, bound)| value > bound),
        "Lt" => numbers().is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

/// Whether a node is in a node selector: one of the terms holds. No terms, no node.
pub(super) fn node_selected(selector: &NodeSelector, labels: &Labels, name: &str) -> bool {
    selector.node_selector_terms.iter().any(|term| term_holds(term, labels, name))
}

fn term_holds(term: &NodeSelectorTerm, labels: &Labels, name: &str) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let field = |rule: &NodeSelectorRequirement| (rule.key == "metadata.name").then_some(name);
    expressions.iter().all(|rule| requirement(rule, labels.get(&rule.key).map(String::as_str)))
        && fields.iter().all(|rule| requirement(rule, field(rule)))
}

fn requirement(rule: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    holds(&rule.operator, value, rule.values.as_deref().unwrap_or_default())
}

/// The first taint that keeps a pod with these tolerations away.
pub(super) fn untolerated<'t>(
    taints: &'t [Taint],
    tolerations: &[Toleration],
) -> Option<&'t Taint> {
    taints.iter().find(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
            && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
    })
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    let operator = toleration.operator.as_deref().unwrap_or_default();
    let value = toleration.value.as_deref().unwrap_or_default();
    (effect.is_empty() || effect == taint.effect)
        && (key.is_empty() || key == taint.key)
        && match operator {
            "" | "Equal" => !key.is_empty() && value == taint.value.as_deref().unwrap_or_default(),
            "Exists" => true,
            _ => false,
        }
}
