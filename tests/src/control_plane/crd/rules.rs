//! The rules in CEL that a schema states (`x-kubernetes-validations`).

use std::{collections::BTreeMap, sync::Arc};

use cel::{Context, Program, Value as Cel, extractors::This};
use regex::Regex;
use serde_json::Value;

use super::super::status::Cause;

/// The programs of all rules of a schema, by their text.
#[derive(Debug, Default)]
pub struct Rules(BTreeMap<String, Program>);

const RULES: &str = "x-kubernetes-validations";

impl Rules {
    /// Compiles the rules of a schema.
    ///
    /// # Errors
    /// Which of them does not compile, and why.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let mut rules = Self::default();
        rules.compile(schema)?;
        Ok(rules)
    }

    fn compile(&mut self, schema: &Value) -> Result<(), String> {
        for (text, _) in stated(schema) {
            let program = Program::compile(text).map_err(|error| format!("{text:?}: {error}"))?;
            self.0.insert(text.to_owned(), program);
        }
        match schema {
            Value::Object(map) => map.values().try_for_each(|inner| self.compile(inner)),
            Value::Array(items) => items.iter().try_for_each(|inner| self.compile(inner)),
            _ => Ok(()),
        }
    }

    /// The rules that an object breaks. Those that compare with what was before hold only where
    /// something was: entries of lists have no before, for they have no identity. What has not
    /// changed may go on breaking rules, so that definitions can become stricter (KEP-4008).
    pub fn check(&self, schema: &Value, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        let mut causes = Vec::new();
        if !self.0.is_empty() {
            self.walk(schema, object, old, "", &mut causes);
        }
        causes
    }

    fn walk(
        &self,
        schema: &Value,
        value: &Value,
        old: Option<&Value>,
        path: &str,
        causes: &mut Vec<Cause>,
    ) {
        if old == Some(value) {
            return;
        }
        for (text, message) in stated(schema) {
            if text.contains("oldSelf") && old.is_none() {
                continue;
            }
            let holds = self.0.get(text).is_some_and(|program| holds(program, value, old));
            if !holds {
                causes.push(Cause::invalid(path, value, message));
            }
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let known = schema.get("properties").and_then(|it| it.get(key));
                    let Some(inner) = known.or_else(|| schema.get("additionalProperties")) else {
                        continue;
                    };
                    let child = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.walk(inner, value, old.and_then(|old| old.get(key)), &child, causes);
                }
            }
            Value::Array(items) => {
                let Some(inner) = schema.get("items") else { return };
                for (nth, item) in items.iter().enumerate() {
                    self.walk(inner, item, None, &format!("{path}[{nth}]"), causes);
                }
            }
            _ => {}
        }
    }
}

/// The rules of one level of a schema, each with its message.
fn stated(schema: &Value) -> impl Iterator<Item = (&str, &str)> {
    let list = schema.get(RULES).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|one| {
        let text = one.get("rule")?.as_str()?;
        Some((text, one.get("message").and_then(Value::as_str).unwrap_or(text)))
    })
}

/// A rule that cannot be evaluated is broken, as in a real server.
fn holds(program: &Program, value: &Value, old: Option<&Value>) -> bool {
    let mut context = Context::default();
    // Kubernetes' own addition: the first match of a pattern, or nothing.
    let find = |This(text): This<Arc<String>>, pattern: Arc<String>| -> String {
        let found = Regex::new(&pattern).ok();
        let found = found.and_then(|pattern| pattern.find(&text).map(|it| it.as_str().to_owned()));
        found.unwrap_or_default()
    };
    if context.add_function("find", find).is_err() {
        return false;
    }
    context.add_variable_from_value("self", to_cel(value));
    if let Some(old) = old {
        context.add_variable_from_value("oldSelf", to_cel(old));
    }
    program.execute(&context) == Ok(Cel::Bool(true))
}

/// Whole numbers are signed, as a schema's integers are.
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(it) => Cel::Bool(*it),
        Value::Number(it) => match it.as_i64() {
            Some(whole) => Cel::Int(whole),
            None => Cel::Float(it.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(it) => it.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, it)| (key.clone(), to_cel(it)));
            entries.collect::<std::collections::HashMap<_, _>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn broken(rule: &str, value: Value, old: Option<Value>) -> bool {
        let schema = json!({"properties": {"it": {RULES: [{"rule": rule, "message": "no"}]}}});
        let rules = Rules::new(&schema).unwrap();
        let (value, old) = (json!({"it": value}), old.map(|old| json!({"it": old})));
        let causes = rules.check(&schema, &value, old.as_ref());
        assert!(causes.iter().all(|cause| cause.field == "it" && cause.message.contains("no")));
        !causes.is_empty()
    }

    #[test]
    fn rules_see_values_as_kubernetes_shows_them() {
        for (rule, value, is_broken) in [
            ("self.all(x, x.n >= 2)", json!([{"n": 2}, {"n": 3}]), false),
            ("self.all(x, has(x.n))", json!([{"n": 2}, {}]), true),
            ("self.size() == self.n", json!({"n": 2, "m": 1}), false),
            ("int(self[0]) >= 0", json!(["7"]), false),
            ("int(self[0]) >= 0", json!(["seven"]), true),
            ("self.missing == 1", json!({}), true),
            ("'n' in self", json!({"n": null}), false),
            (r#"self.all(x, !x.find("^([^/]+)").endsWith("b.c"))"#, json!({"a.b.c/d": ""}), true),
            (r#"self.all(x, !x.find("^([^/]+)").endsWith("b.c"))"#, json!({"a/b.c": ""}), false),
        ] {
            assert_eq!(broken(rule, value.clone(), None), is_broken, "{rule} {value}");
        }
    }

    #[test]
    fn rules_about_changes_need_something_to_change() {
        let rule = "self == oldSelf";
        assert!(!broken(rule, json!({"a": [1]}), None));
        assert!(!broken(rule, json!({"a": [1]}), Some(json!({"a": [1]}))));
        assert!(broken(rule, json!({"a": [1]}), Some(json!({"a": [2]}))));
        assert!(Rules::new(&json!({RULES: [{"rule": "self ="}]})).is_err());
    }

    #[test]
    fn what_was_wrong_before_may_stay_and_nothing_else() {
        let rule = "self.all(x, x > 1)";
        assert!(broken(rule, json!([0, 2]), None));
        assert!(!broken(rule, json!([0, 2]), Some(json!([0, 2]))));
        assert!(broken(rule, json!([0, 3]), Some(json!([0, 2]))));
        assert!(!broken(rule, json!([3]), Some(json!([0, 2]))));
    }
}
