//! Who may do what: the rules of roles, for clients that are held to some.
//!
//! A client is known by its `User-Agent`, for there are no credentials here. One that nobody has
//! bound to roles may do everything. A bound one gets 403 for what no rule grants, and what it uses
//! of its rules is remembered, so that a test can tell which of them are never needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{kind::Kinds, object::text, status::Refusal, write::Target};

/// One thing that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Where; everywhere when empty.
    pub namespace: String,
    /// API group, empty for the core.
    pub group: String,
    /// Plural name, with the subresource behind a slash.
    pub resource: String,
    /// Only the object of this name; all when empty.
    pub name: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, group, resource, name, verb } = self;
        let place = if namespace.is_empty() { "" } else { " in " };
        let dot = if group.is_empty() { "" } else { "." };
        let of = if name.is_empty() { "" } else { " " };
        write!(f, "{verb} {resource}{dot}{group}{of}{name}{place}{namespace}")
    }
}

/// What one client may do, did, and was refused.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// By the rules of its roles.
    pub granted: BTreeSet<Grant>,
    /// Of these, what it needed.
    pub used: BTreeSet<Grant>,
    /// What no rule grants.
    pub refused: BTreeSet<Grant>,
}

impl Permissions {
    /// Granted and never needed.
    pub fn unused(&self) -> BTreeSet<Grant> {
        self.granted.difference(&self.used).cloned().collect()
    }

    /// Uses the narrowest grant that covers a wish.
    fn allows(&mut self, wish: &Grant) -> bool {
        for namespace in [&wish.namespace, ""] {
            for name in [&wish.name, ""] {
                let grant = Grant {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    ..wish.clone()
                };
                if self.granted.contains(&grant) {
                    self.used.insert(grant);
                    return true;
                }
            }
        }
        self.refused.insert(wish.clone());
        false
    }
}

/// The clients that are held to rules.
#[derive(Debug, Default)]
pub struct Authorizer(Mutex<BTreeMap<String, Permissions>>);

impl Authorizer {
    /// Holds a client to the rules of these roles: objects of the kinds ClusterRole and Role.
    pub fn bind(&self, user_agent: &str, roles: &[Value]) {
        let granted = roles.iter().flat_map(grants).collect();
        let permissions = Permissions { granted, ..Permissions::default() };
        self.clients().insert(user_agent.to_owned(), permissions);
    }

    /// What a bound client may do and did.
    pub fn permissions(&self, user_agent: &str) -> Option<Permissions> {
        self.clients().get(user_agent).cloned()
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Permissions>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request pass, or not.
    ///
    /// # Errors
    /// 403 when the client is bound and no rule covers the request.
    pub(super) fn check(
        &self,
        user_agent: &str,
        verb: &str,
        target: &Target,
    ) -> Result<(), Refusal> {
        let mut clients = self.clients();
        let Some(permissions) = clients.get_mut(user_agent) else { return Ok(()) };
        let Target { kind, namespace, name, subresource, .. } = target;
        let slash = if subresource.is_empty() { "" } else { "/" };
        let wish = Grant {
            namespace: namespace.clone(),
            group: kind.group.clone(),
            resource: format!("{}{slash}{subresource}", kind.plural),
            name: name.clone(),
            verb: verb.to_owned(),
        };
        if permissions.allows(&wish) {
            return Ok(());
        }
        let why = format!("User {user_agent:?} cannot {wish}");
        Err(Refusal::forbidden(&kind.id(), name, why))
    }

    /// The admission plugin OwnerReferencesPermissionEnforcement: whoever blocks the deletion of an
    /// owner must be allowed to change the owner's finalizers.
    ///
    /// # Errors
    /// 403 when the client is bound and may not.
    pub(super) fn check_owners(
        &self,
        user_agent: &str,
        kinds: &Kinds,
        written: &Value,
    ) -> Result<(), Refusal> {
        let owners = written.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let blocking = |owner: &&Value| owner.get("blockOwnerDeletion") == Some(&json!(true));
        for owner in owners.into_iter().flatten().filter(blocking) {
            let group = text(owner, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
            let Some(kind) = kinds.of_object(group, text(owner, "/kind")) else { continue };
            let target = Target {
                version: String::new(),
                namespace: text(written, "/metadata/namespace").to_owned(),
                name: text(owner, "/name").to_owned(),
                subresource: "finalizers".to_owned(),
                kind,
            };
            self.check(user_agent, "update", &target)?;
        }
        Ok(())
    }
}

fn grants(role: &Value) -> Vec<Grant> {
    let namespace = match text(role, "/kind") {
        "Role" => text(role, "/metadata/namespace"),
        _ => "",
    };
    let words = |rule: &Value, key: &str| -> Vec<String> {
        let list = rule.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut found = vec![];
    for rule in role.get("rules").and_then(Value::as_array).into_iter().flatten() {
        let mut names = words(rule, "resourceNames");
        if names.is_empty() {
            names.push(String::new());
        }
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    found.extend(names.iter().map(|name| Grant {
                        namespace: namespace.to_owned(),
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.clone(),
                        verb: verb.clone(),
                    }));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(namespace: &str, resource: &str, name: &str, verb: &str) -> Grant {
        Grant {
            namespace: namespace.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            verb: verb.to_owned(),
        }
    }

    #[test]
    fn rules_reach_as_far_as_they_say() {
        let rule = |resource: &str, verb: &str| json!({"apiGroups": [""], "resources": [resource], "verbs": [verb]});
        let mut named = rule("secrets", "update");
        named["resourceNames"] = json!(["one"]);
        let roles = [
            json!({"kind": "ClusterRole", "rules": [rule("pods", "get"), rule("nodes", "get")]}),
            json!({"kind": "Role", "metadata": {"namespace": "own"}, "rules": [named]}),
        ];
        let authorizer = Authorizer::default();
        authorizer.bind("tenon", &roles);
        let mut permissions = authorizer.permissions("tenon").unwrap();
        for (wish, allowed) in [
            (grant("any", "pods", "p", "get"), true),
            (grant("any", "pods/status", "p", "get"), false),
            (grant("any", "pods", "", "list"), false),
            (grant("own", "secrets", "one", "update"), true),
            (grant("own", "secrets", "two", "update"), false),
            (grant("other", "secrets", "one", "update"), false),
        ] {
            assert_eq!(permissions.allows(&wish), allowed, "{wish}");
        }
        assert_eq!(
            permissions.unused().into_iter().collect::<Vec<_>>(),
            [grant("", "nodes", "", "get")]
        );
        assert_eq!(permissions.refused.len(), 4);
        assert!(authorizer.permissions("kubectl").is_none());
    }
}
