//! A fixed-size set of small integers.

/// A set of indices `0..len`, one bit each.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct BitSet {
    words: Vec<u64>,
    len: usize,
}

impl BitSet {
    /// The empty set over `0..len`.
    pub fn empty(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// The set that holds every index below `len`.
    pub fn full(len: usize) -> Self {
        let mut set = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        set.trim();
        set
    }

    /// A set over `0..len` with the given members. Members at or above `len` are ignored.
    pub fn from_indices(len: usize, members: impl IntoIterator<Item = usize>) -> Self {
        let mut set = Self::empty(len);
        for member in members {
            set.insert(member);
        }
        set
    }

    /// How many indices the set ranges over (not how many it holds).
    pub fn universe(&self) -> usize {
        self.len
    }

    /// Adds `index`; out of range is ignored.
    pub fn insert(&mut self, index: usize) {
        if index < self.len {
            self.words[index / 64] |= 1 << (index % 64);
        }
    }

    /// Takes `index` out.
    pub fn remove(&mut self, index: usize) {
        if index < self.len {
            self.words[index / 64] &= !(1 << (index % 64));
        }
    }

    /// Whether `index` is a member; out of range is not.
    pub fn contains(&self, index: usize) -> bool {
        index < self.len && self.words[index / 64] >> (index % 64) & 1 == 1
    }

    /// How many members there are.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Keeps the members that `other` holds too.
    pub fn intersect_with(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= theirs;
        }
        for word in self.words.iter_mut().skip(other.words.len()) {
            *word = 0;
        }
    }

    /// Adds every member of `other` that is in range.
    pub fn union_with(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
        self.trim();
    }

    /// The indices that are not members.
    pub fn complement(&self) -> Self {
        let mut rest = Self { words: self.words.iter().map(|word| !word).collect(), len: self.len };
        rest.trim();
        rest
    }

    /// The members below `at`, and the others counted from there.
    pub fn split_at(&self, at: usize) -> (Self, Self) {
        let at = at.min(self.len);
        let mut low = Self { words: self.words[..at.div_ceil(64)].to_vec(), len: at };
        low.trim();
        let mut high = Self::empty(self.len - at);
        let (first, shift) = (at / 64, at % 64);
        for (to, word) in high.words.iter_mut().enumerate() {
            let above = self.words.get(first + to + 1).copied().unwrap_or(0);
            *word = self.words[first + to] >> shift;
            if shift > 0 {
                *word |= above << (64 - shift);
            }
        }
        (low, high)
    }

    /// Takes out what is beyond the universe.
    fn trim(&mut self) {
        if !self.len.is_multiple_of(64)
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << (self.len % 64)) - 1;
        }
    }

    /// Whether every member is one of `other` too.
    pub fn is_subset(&self, other: &Self) -> bool {
        let theirs = other.words.iter().chain(std::iter::repeat(&0));
        self.words.iter().zip(theirs).all(|(mine, theirs)| mine & !theirs == 0)
    }

    /// Whether the two sets share a member.
    pub fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            std::iter::successors((word != 0).then_some(word), |&rest| {
                let next = rest & (rest - 1);
                (next != 0).then_some(next)
            })
            .map(move |rest| at * 64 + rest.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_holds_exactly_its_universe() {
        for len in [0, 1, 63, 64, 65, 200] {
            let set = BitSet::full(len);
            assert_eq!(set.count(), len);
            assert_eq!(set.iter().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
            assert!(!set.contains(len));
        }
    }

    #[test]
    fn parts_and_complement_hold_the_same_members() {
        for len in [0, 1, 64, 65, 130, 192] {
            let set = BitSet::from_indices(len, (0..len).filter(|index| index % 3 == 0));
            let rest: Vec<usize> = (0..len).filter(|index| index % 3 != 0).collect();
            assert_eq!(set.complement().iter().collect::<Vec<_>>(), rest);
            for at in [0, 1, 63, 64, 65, 128, 192] {
                let (low, high) = set.split_at(at);
                assert_eq!(low.universe() + high.universe(), len);
                let high = high.iter().map(|index| index + at.min(len));
                assert!(low.iter().chain(high).eq(set.iter()), "{len} split at {at}");
            }
        }
    }

    #[test]
    fn set_operations_follow_their_names() {
        let mut a = BitSet::from_indices(130, [0, 64, 129, 500]);
        let b = BitSet::from_indices(130, [64, 100]);
        assert!(a.intersects(&b));
        assert!(!b.is_subset(&a));
        a.union_with(&b);
        assert!(b.is_subset(&a) && !a.is_subset(&b));
        assert_eq!(a.iter().collect::<Vec<_>>(), [0, 64, 100, 129]);
        a.remove(0);
        a.intersect_with(&b);
        assert_eq!(a.iter().collect::<Vec<_>>(), [64, 100]);
    }
}
