//! Which tallies count which templates, and which templates look at which tallies.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::{
    api::core::v1::{Namespace, Service, TopologySpreadConstraint},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::Cache;
use crate::scheduler::{
    selector::{Labels, Selector},
    tally::{Counted, Definition, Role, Tally, TallyId},
    template::{HardSpread, SoftSpread, Template, TemplateId, Topology},
    topology::{
        DEFAULT_SPREADS, KeyedTerm, Terms, counts, pods_holding, pods_meant, pods_spread,
        pods_spread_by_default,
    },
};

/// The selectors that spread by default goes by.
#[derive(Debug, Default)]
pub(super) struct Workloads {
    /// By kind, namespace and name.
    controllers: BTreeMap<(String, String, String), Selector>,
    /// Services by namespace and name.
    services: BTreeMap<(String, String), Selector>,
    /// Changes with the above.
    generation: u64,
}

impl Cache {
    /// Takes in the selector of a ReplicaSet, ReplicationController or StatefulSet.
    pub fn set_controller(
        &mut self,
        kind: &str,
        namespace: &str,
        name: &str,
        selector: Option<&LabelSelector>,
    ) {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        let new = Selector::new(selector);
        if self.workloads.controllers.get(&key) != new.as_ref() {
            match new {
                Some(selector) => self.workloads.controllers.insert(key, selector),
                None => self.workloads.controllers.remove(&key),
            };
            self.workloads.generation += 1;
        }
    }

    /// Takes in a service, or its end.
    pub fn set_service(&mut self, service: &Service, exists: bool) {
        let meta = &service.metadata;
        let key =
            (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        match selector.filter(|labels| exists && !labels.is_empty()) {
            Some(labels) => self.workloads.services.insert(key, Selector::equal(labels)),
            None => self.workloads.services.remove(&key),
        };
        self.workloads.generation += 1;
    }

    /// Takes in the labels of a namespace; says whether they are new.
    pub fn set_namespace(&mut self, namespace: &Namespace) -> bool {
        let name = namespace.metadata.name.clone().unwrap_or_default();
        let mut labels = namespace.metadata.labels.clone().unwrap_or_default();
        labels.entry(NAMESPACE_NAME.to_owned()).or_insert_with(|| name.clone());
        if self.namespace_labels(&name) == labels {
            return false;
        }
        self.namespaces.insert(name, labels);
        self.link_again();
        true
    }

    /// The API server labels every namespace with its name.
    fn namespace_labels(&self, name: &str) -> Labels {
        let known = self.namespaces.get(name).cloned();
        known.unwrap_or_else(|| Labels::from([(NAMESPACE_NAME.to_owned(), name.to_owned())]))
    }

    pub(super) fn add_template(&mut self, template: Template) -> TemplateId {
        self.terms.push(Terms::of(&template));
        self.templates.push(Arc::new(template));
        self.verdicts.push(Vec::new());
        let id = self.templates.len() - 1;
        for tally in 0..self.tallies.len() {
            self.join(id, tally);
        }
        self.link(id);
        id
    }

    /// Makes all tallies anew: the labels of a namespace changed.
    fn link_again(&mut self) {
        self.tallies.clear();
        self.by_definition.clear();
        for template in &mut self.templates {
            Arc::make_mut(template).topology = Topology::default();
        }
        for id in 0..self.templates.len() {
            self.link(id);
        }
    }

    /// Finds or makes the tallies that a template looks at.
    fn link(&mut self, id: TemplateId) {
        let held: Vec<Definition> =
            self.terms[id].held().map(|(role, term)| pods_holding(role, term)).collect();
        for definition in held {
            self.tally(definition);
        }
        let terms = &self.terms[id];
        let affinity: Vec<_> =
            terms.affinity.iter().map(|term| pods_meant(&term.key, &terms.affinity)).collect();
        let single = |term: &KeyedTerm| pods_meant(&term.key, std::slice::from_ref(term));
        let anti: Vec<_> = terms.anti_affinity.iter().map(single).collect();
        let preferences: Vec<_> =
            terms.preferences.iter().map(|(term, weight)| (single(term), *weight)).collect();
        let affinity: Vec<TallyId> = affinity.into_iter().map(|it| self.tally(it)).collect();
        let anti: Vec<TallyId> = anti.into_iter().map(|it| self.tally(it)).collect();
        let preferences: Vec<(TallyId, i64)> =
            preferences.into_iter().map(|(it, weight)| (self.tally(it), weight)).collect();
        let hard = self.hard_spreads(id);
        let soft = self.soft_spreads(id);
        let topology = &mut self.template_mut(id).topology;
        topology.own_affinity = affinity.iter().all(|tally| topology.counted_in.contains(tally));
        topology.affinity = affinity;
        topology.anti_affinity = anti;
        topology.preferences.extend(preferences);
        topology.hard = hard;
        topology.soft_needs_keys = true;
        topology.soft = soft;
    }

    fn template_mut(&mut self, id: TemplateId) -> &mut Template {
        Arc::make_mut(&mut self.templates[id])
    }

    fn hard_spreads(&mut self, id: TemplateId) -> Vec<HardSpread> {
        let (constraints, keys) = self.constraints(id, "DoNotSchedule");
        let mut hard = Vec::new();
        for constraint in constraints {
            let definition = pods_spread(&constraint, &self.templates[id], keys.clone());
            let tally = self.tally(definition);
            hard.push(HardSpread {
                tally,
                max_skew: i64::from(constraint.max_skew),
                min_domains: constraint.min_domains.map_or(1, |n| usize::try_from(n).unwrap_or(1)),
                own: i64::from(self.templates[id].topology.counted_in.contains(&tally)),
                key: constraint.topology_key,
            });
        }
        hard
    }

    fn soft_spreads(&mut self, id: TemplateId) -> Vec<SoftSpread> {
        let (constraints, keys) = self.constraints(id, "ScheduleAnyway");
        let mut soft = Vec::new();
        for constraint in constraints {
            let definition = pods_spread(&constraint, &self.templates[id], keys.clone());
            soft.push(SoftSpread {
                tally: self.tally(definition),
                max_skew: i64::from(constraint.max_skew),
                key: constraint.topology_key,
            });
        }
        soft
    }

    /// The constraints of one kind, and their keys.
    fn constraints(
        &self,
        id: TemplateId,
        when_unsatisfiable: &str,
    ) -> (Vec<TopologySpreadConstraint>, Vec<String>) {
        let all = self.templates[id].spec.topology_spread_constraints.iter().flatten();
        let chosen = all.filter(|it| it.when_unsatisfiable == when_unsatisfiable);
        let chosen: Vec<TopologySpreadConstraint> = chosen.cloned().collect();
        let keys = chosen.iter().map(|it| it.topology_key.clone()).collect();
        (chosen, keys)
    }

    /// Brings the constraints up to date that a template has by default, from the selectors of its
    /// controller and of the services that select it.
    pub(in crate::scheduler) fn refresh_default_spreads(&mut self, id: TemplateId) {
        let template = self.templates[id].clone();
        let current = template.topology.defaults_of == Some(self.workloads.generation);
        let own = template.spec.topology_spread_constraints.as_deref().unwrap_or_default();
        if current || !own.is_empty() {
            return;
        }
        let mut soft = Vec::new();
        if let Some(selector) = self.default_selector(&template) {
            for (key, max_skew) in DEFAULT_SPREADS {
                let definition = pods_spread_by_default(key, selector.clone(), &template);
                soft.push(SoftSpread {
                    tally: self.tally(definition),
                    key: key.to_owned(),
                    max_skew,
                });
            }
        }
        let generation = self.workloads.generation;
        let topology = &mut self.template_mut(id).topology;
        topology.soft = soft;
        topology.soft_needs_keys = false;
        topology.defaults_of = Some(generation);
    }

    fn default_selector(&self, template: &Template) -> Option<Selector> {
        let of_services = (self.workloads.services.iter())
            .filter(|((namespace, _), _)| *namespace == template.namespace)
            .map(|(_, selector)| selector)
            .filter(|selector| selector.matches(&template.labels));
        let of_owner = template.owner.as_ref().and_then(|(kind, name)| {
            let key = (kind.clone(), template.namespace.clone(), name.clone());
            self.workloads.controllers.get(&key)
        });
        of_services.chain(of_owner).cloned().reduce(Selector::and)
    }

    /// Finds or makes a tally.
    fn tally(&mut self, definition: Definition) -> TallyId {
        // Definitions hold maps with string keys only, which JSON can always express.
        let key = serde_json::to_string(&definition).unwrap_or_default();
        if let Some(&known) = self.by_definition.get(&key) {
            return known;
        }
        let id = self.tallies.len();
        let mut tally = Tally::new(definition);
        for (slot, there) in self.slots.iter().enumerate() {
            tally.set_node(slot, there.facts.as_ref());
        }
        self.tallies.push(tally);
        self.by_definition.insert(key, id);
        for template in 0..self.templates.len() {
            self.join(template, id);
        }
        id
    }

    /// Relates a template and a tally to each other.
    fn join(&mut self, template: TemplateId, tally: TallyId) {
        let of_namespace = self.namespace_labels(&self.templates[template].namespace);
        let definition = &self.tallies[tally].definition;
        let it = &self.templates[template];
        let counted = counts(definition, it, &self.terms[template], &of_namespace);
        let role = match &definition.counted {
            Counted::Holding(role, term)
                if term.matches(&it.labels, &it.namespace, &of_namespace) =>
            {
                Some(*role)
            }
            _ => None,
        };
        let topology = &mut self.template_mut(template).topology;
        match role {
            Some(Role::Repels) => topology.repelled_by.push(tally),
            Some(Role::Prefers(weight)) => topology.preferences.push((tally, weight)),
            None => {}
        }
        if counted {
            topology.counted_in.push(tally);
            self.count_in(template, tally);
        }
    }

    /// Counts the pods of a template that are already on nodes.
    fn count_in(&mut self, template: TemplateId, tally: TallyId) {
        let tally = &mut self.tallies[tally];
        for (slot, there) in self.slots.iter().enumerate() {
            for deleting in [false, true] {
                let pods = there.population.get(&(template, deleting)).copied().unwrap_or(0);
                if pods != 0 && !(deleting && tally.definition.skip_deleting) {
                    tally.add(slot, pods);
                }
            }
        }
    }
}

const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
