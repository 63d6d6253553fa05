//! Room that leaves a choice.
//!
//! Where launches must keep a number of alternatives (Karpenter's minValues), a node may not be
//! filled beyond what that many sizes hold. Which of them these are is for every pattern to say;
//! here each offering gets the box that most of its room is left of when as many others must hold
//! whatever is in it. Patterns within the box keep the rule, so a plan needs no repair.

use rustc_hash::FxHashMap;

use crate::{Problem, problem::Flexibility};

/// The rules of a problem, with what their offerings hold.
pub(super) struct Choices {
    rules: Vec<Rule>,
}

struct Rule {
    /// By offering, ascending: its own alternative.
    own: Vec<(u32, u32)>,
    /// Per alternative, the room that leaves the choice.
    boxes: Vec<Vec<i64>>,
}

/// Offerings that hold and accept the same, under one value.
struct Alternative {
    value: u32,
    room: Vec<i64>,
    /// Which of the pods' classes are accepted.
    open: Vec<bool>,
}

impl Choices {
    /// `room` and `open` say what an offering holds, and which of the pods' classes it accepts.
    pub(super) fn new(
        problem: &Problem,
        room: impl Fn(u32) -> Vec<i64>,
        open: impl Fn(u32) -> Vec<bool>,
    ) -> Self {
        let rule = |rule: &Flexibility| {
            let mut index = FxHashMap::default();
            let mut own = Vec::with_capacity(rule.values.len());
            let mut alternatives: Vec<Alternative> = Vec::new();
            for &(offering, value) in &rule.values {
                let key = (value, room(offering), open(offering));
                let at = *index.entry(key).or_insert_with_key(|(value, room, open)| {
                    let (room, open) = (room.clone(), open.clone());
                    alternatives.push(Alternative { value: *value, room, open });
                    alternatives.len() as u32 - 1
                });
                own.push((offering, at));
            }
            let min = rule.min as usize;
            let boxes = alternatives.iter().map(|one| one.within(min, &alternatives)).collect();
            Rule { own, boxes }
        };
        Self { rules: problem.flexibilities.iter().map(rule).collect() }
    }

    /// The part of an offering's room that leaves the choice; all zeros where there is none.
    pub(super) fn within(&self, offering: u32, mut room: Vec<i64>) -> Vec<i64> {
        for rule in &self.rules {
            if let Ok(at) = rule.own.binary_search_by_key(&offering, |&(offering, _)| offering) {
                let within = &rule.boxes[rule.own[at].1 as usize];
                room.iter_mut().zip(within).for_each(|(room, most)| *room = (*room).min(*most));
            }
        }
        room
    }
}

impl Alternative {
    /// The part of the room that alternatives with `min` values hold, this one included.
    fn within(&self, min: usize, all: &[Self]) -> Vec<i64> {
        let accepts = |other: &&Self| {
            other.value != self.value
                && self.open.iter().zip(&other.open).all(|(own, other)| other >= own)
        };
        let mut best: FxHashMap<u32, (f64, &Self)> = FxHashMap::default();
        for other in all.iter().filter(accepts) {
            let share = shared(&self.room, &other.room);
            let entry = best.entry(other.value).or_insert((share, other));
            if share > entry.0 {
                *entry = (share, other);
            }
        }
        let mut best: Vec<(f64, &Self)> = best.into_values().collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.value.cmp(&b.1.value)));
        let others = min.saturating_sub(1);
        if best.len() < others {
            return vec![0; self.room.len()];
        }
        let mut room = self.room.clone();
        for (_, other) in best.into_iter().take(others) {
            room.iter_mut().zip(&other.room).for_each(|(room, other)| *room = (*room).min(*other));
        }
        room
    }
}

/// How much of a box another one has in common with it, as a share of its volume.
fn shared(own: &[i64], other: &[i64]) -> f64 {
    let sides = own.iter().zip(other).filter(|(own, _)| **own > 0);
    sides.map(|(&own, &other)| own.min(other) as f64 / own as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boxes of four values; the third is there twice.
    const ROOMS: [([i64; 2], u32); 5] =
        [([4, 8], 0), ([8, 16], 1), ([16, 32], 2), ([16, 30], 2), ([16, 64], 3)];

    fn within(min: u32, offering: u32, open: impl Fn(u32) -> Vec<bool>) -> Vec<i64> {
        let values = (0..).zip(ROOMS).map(|(at, (_, value))| (at, value)).collect();
        let flexibilities = vec![Flexibility { min, values }];
        let problem = Problem { dims: 2, flexibilities, ..Problem::default() };
        let room = |at: u32| ROOMS[at as usize].0.to_vec();
        Choices::new(&problem, room, open).within(offering, room(offering))
    }

    #[test]
    fn room_is_what_the_other_values_hold_too() {
        let all = |_| vec![true];
        assert_eq!(within(1, 4, all), [16, 64]);
        // The better one of the third value counts.
        assert_eq!(within(2, 4, all), [16, 32]);
        assert_eq!(within(3, 4, all), [8, 16]);
        assert_eq!(within(4, 4, all), [4, 8]);
        assert_eq!(within(3, 1, all), [8, 16]);
        assert_eq!(within(5, 1, all), [0, 0]);
    }

    #[test]
    fn those_that_turn_pods_away_are_no_choice() {
        let open = |at| vec![true, at != 4];
        assert_eq!(within(2, 2, open), [8, 16]);
        assert_eq!(within(2, 4, open), [16, 32]);
        assert_eq!(within(4, 2, open), [0, 0]);
    }

    #[test]
    fn an_offering_without_a_rule_keeps_its_room() {
        let problem = Problem::default();
        assert_eq!(Choices::new(&problem, |_| vec![], |_| vec![]).within(7, vec![3, 4]), [3, 4]);
    }
}
