//! All ways to fill one node, with what each costs where.

use crate::exact::Budget;
use crate::exact::lattice::Lattice;
use crate::exact::local::Local;
use crate::exact::model::{Host, Kind, Model, Scale};
use crate::exact::span::{Ahead, Closed, Places, Span};
use crate::problem::Money;

/// Pods that can share a node.
pub(super) struct Pattern {
    /// (group of the model, pods), ascending.
    pub pods: Vec<(u8, u32)>,
}

/// A launch that holds a pattern.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub pattern: u32,
    /// Index into [`Model::launches`].
    pub host: u32,
    pub score: u128,
    /// What the constraints between nodes will add at least.
    pub extra: u128,
}

/// An existing node that holds a pattern.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    pub pattern: u32,
    pub word: u128,
    pub number: u32,
    pub score: u128,
    /// What the constraints between nodes will add at least.
    pub extra: u128,
}

/// The cheapest launch for a pattern, with what it will add at least.
#[derive(Clone, Copy)]
pub(super) struct Cheapest {
    pub pattern: u32,
    pub word: u128,
    pub number: u32,
    pub score: u128,
}

/// Every pattern that some host holds.
pub(super) struct Book {
    pub patterns: Vec<Pattern>,
    /// By pattern, then in the order of the offerings; of launches that nothing tells apart the
    /// cheapest only.
    pub choices: Vec<Choice>,
    /// Where the choices of a pattern begin, and one past the last.
    pub ranges: Vec<(u32, u32)>,
    /// The patterns that a launch holds, by their first group.
    pub by_first: Vec<Vec<Cheapest>>,
    /// What each existing node can hold.
    pub fills: Vec<Vec<Fill>>,
}

/// More patterns than this are not listed.
const MOST_PATTERNS: usize = 1 << 18;

impl Book {
    /// `None` when the budget ends or there are too many.
    pub(super) fn new(
        model: &Model<'_>,
        lattice: &Lattice,
        scale: &Scale,
        places: &Places<'_>,
        span: &Span,
        budget: &mut Budget<'_>,
    ) -> Option<Self> {
        let local = Local::new(model);
        let mut writer = Writer {
            model,
            lattice,
            scale,
            places,
            span,
            local,
            budget,
            pods: Vec::new(),
            asked: vec![0; model.problem.dims],
            word: 0,
            number: 0,
            book: Self {
                patterns: Vec::new(),
                choices: Vec::new(),
                ranges: Vec::new(),
                by_first: vec![Vec::new(); model.groups.len()],
                fills: vec![Vec::new(); model.nodes.len()],
            },
        };
        let hosts: Vec<u32> = (0..(model.nodes.len() + model.launches.len()) as u32).collect();
        writer.extend(0, &hosts)?;
        Some(writer.book)
    }
}

struct Writer<'a, 'm, 'b> {
    model: &'a Model<'m>,
    lattice: &'a Lattice,
    scale: &'a Scale,
    places: &'a Places<'a>,
    span: &'a Span,
    local: Local,
    budget: &'a mut Budget<'b>,
    pods: Vec<(u8, u32)>,
    asked: Vec<i64>,
    word: u128,
    number: u32,
    book: Book,
}

impl Writer<'_, '_, '_> {
    fn host(&self, host: u32) -> &Host {
        let nodes = self.model.nodes.len();
        match (host as usize).checked_sub(nodes) {
            None => &self.model.nodes[host as usize],
            Some(launch) => &self.model.launches[launch],
        }
    }

    /// Adds pods of the groups from `first` on, on what can hold the pods so far.
    fn extend(&mut self, first: usize, hosts: &[u32]) -> Option<()> {
        for group in first..self.model.groups.len() {
            let mut left = hosts.to_vec();
            self.pods.push((group as u8, 0));
            let mut added = 0;
            while added < self.model.counts[group] && !left.is_empty() {
                self.add(group, 1);
                added += 1;
                self.budget.spend(left.len() as u64)?;
                left.retain(|&host| self.holds(host, group));
                if !self.local.allows(&self.pods) {
                    left.clear();
                }
                self.keep_alternatives(&mut left);
                if !left.is_empty() {
                    self.write(&left)?;
                    self.extend(group + 1, &left)?;
                }
            }
            self.add(group, -i64::from(added));
            self.pods.pop();
        }
        Some(())
    }

    fn add(&mut self, group: usize, pods: i64) {
        let request = &self.model.problem.groups[self.model.groups[group] as usize].request;
        for (sum, &ask) in self.asked.iter_mut().zip(request) {
            *sum += ask * pods;
        }
        let count = pods.unsigned_abs() as u32;
        let (word, number) =
            (self.lattice.unit(group) * u128::from(count), self.lattice.stride(group) * count);
        if let Some((_, here)) = self.pods.last_mut() {
            *here = here.saturating_add_signed(pods as i32);
        }
        if pods < 0 {
            self.word -= word;
            self.number -= number;
        } else {
            self.word += word;
            self.number += number;
        }
    }

    fn holds(&self, host: u32, group: usize) -> bool {
        let host = self.host(host);
        host.accepts >> group & 1 == 1
            && self.asked.iter().zip(&host.room).all(|(asked, room)| asked <= room)
    }

    /// Drops the launches that would be left with too few alternatives.
    fn keep_alternatives(&self, hosts: &mut Vec<u32>) {
        for (rule, flexibility) in (0u32..).zip(&self.model.problem.flexibilities) {
            if !hosts.iter().any(|&host| self.host(host).rules.contains(&rule)) {
                continue;
            }
            let mut values: Vec<u32> = (flexibility.values.iter())
                .filter(|(offering, _)| self.could_be(*offering))
                .map(|(_, value)| *value)
                .collect();
            values.sort_unstable();
            values.dedup();
            if (values.len() as u64) < u64::from(flexibility.min) {
                hosts.retain(|&host| !self.host(host).rules.contains(&rule));
            }
        }
    }

    fn could_be(&self, offering: u32) -> bool {
        let problem = self.model.problem;
        let capacity = &problem.offerings[offering as usize].capacity;
        let accepts = |&(group, _): &(u8, u32)| {
            let group = self.model.groups[usize::from(group)];
            problem.class_of(group).offerings.contains(offering as usize)
        };
        self.asked.iter().zip(capacity).all(|(&asked, &room)| asked <= room.max(0))
            && self.pods.iter().all(accepts)
    }

    fn write(&mut self, hosts: &[u32]) -> Option<()> {
        if self.book.patterns.len() >= MOST_PATTERNS {
            return None;
        }
        let (pattern, start) = (self.book.patterns.len() as u32, self.book.choices.len());
        let mut best: Option<u128> = None;
        let mut known: Vec<(usize, Option<u128>)> = Vec::new();
        for &host in hosts {
            let place = self.place(host);
            let extra = known.iter().find(|(other, _)| *other == place).map(|(_, extra)| *extra);
            let extra = match extra {
                Some(extra) => extra,
                None => {
                    self.budget.spend(self.span.work())?;
                    known.push((place, self.extra(place)));
                    known[known.len() - 1].1
                }
            };
            let Some(extra) = extra else { continue };
            let score = self.pod_costs(host);
            match self.host(host).kind {
                Kind::Node(_) => {
                    let penalty = self.penalty(host, Some(host as usize));
                    let score = score + self.scale.penalty(penalty);
                    let (word, number) = (self.word, self.number);
                    let fill = Fill { pattern, word, number, score, extra };
                    self.book.fills[host as usize].push(fill);
                }
                Kind::Launch(_) => {
                    let price = self.scale.launch(self.model.offering(self.host(host)));
                    let score = score + price + self.scale.penalty(self.penalty(host, None));
                    best = Some(best.map_or(score + extra, |best| best.min(score + extra)));
                    let host = host - self.model.nodes.len() as u32;
                    self.choose(start, Choice { pattern, host, score, extra });
                }
            }
        }
        let (word, number) = (self.word, self.number);
        if let (Some(score), Some(&(first, _))) = (best, self.pods.first()) {
            let cheapest = Cheapest { pattern, word, number, score };
            self.book.by_first[usize::from(first)].push(cheapest);
        }
        self.book.ranges.push((start as u32, self.book.choices.len() as u32));
        self.book.patterns.push(Pattern { pods: self.pods.clone() });
        Some(())
    }

    fn place(&self, host: u32) -> usize {
        match (host as usize).checked_sub(self.model.nodes.len()) {
            None => host as usize,
            Some(launch) => self.places.of_launches()[launch] as usize,
        }
    }

    /// What the constraints between nodes will make of the pods, were all others still open;
    /// `None` when they cannot be kept.
    fn extra(&self, place: usize) -> Option<u128> {
        if self.span.is_empty() {
            return Some(0);
        }
        let mut cells = self.span.start();
        let due = self.span.close(&mut cells, &Closed { place, pods: &self.pods })?;
        let mut left = self.model.counts.clone();
        for &(group, count) in &self.pods {
            left[usize::from(group)] -= count;
        }
        let ahead = Ahead { stage: 0, left: &left, pods: left.iter().sum() };
        let more = self.span.outlook(&cells, &ahead)?;
        Some(self.scale.penalty(due) + self.scale.penalty(more))
    }

    /// What the pods' preferences for each other cost on a host.
    fn penalty(&self, host: u32, node: Option<usize>) -> Money {
        self.local.penalty(self.model, &self.pods, self.host(host), node)
    }

    /// What the pods' own preferences cost on a host.
    fn pod_costs(&self, host: u32) -> u128 {
        let costs = &self.host(host).pod_cost;
        let each = self.pods.iter().map(|&(group, count)| {
            self.scale.penalty(costs[usize::from(group)]) * u128::from(count)
        });
        each.sum()
    }

    /// Keeps a launch of the pattern unless another is as good in everything.
    fn choose(&mut self, start: usize, choice: Choice) {
        let launches = &self.model.launches;
        let places = self.places.of_launches();
        let no_worse = |a: &Choice, b: &Choice| {
            let (one, other) = (&launches[a.host as usize], &launches[b.host as usize]);
            a.score <= b.score
                && places[a.host as usize] == places[b.host as usize]
                && one.limits.iter().zip(&other.limits).all(|(one, other)| one <= other)
        };
        let choices = &mut self.book.choices;
        if choices[start..].iter().any(|known| no_worse(known, &choice)) {
            return;
        }
        let mut at = start;
        while at < choices.len() {
            if no_worse(&choice, &choices[at]) {
                choices.remove(at);
            } else {
                at += 1;
            }
        }
        choices.push(choice);
    }
}
