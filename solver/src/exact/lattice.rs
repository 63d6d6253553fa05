//! Pods per group, in one word.
//!
//! Each group has a field of the word, wide enough for its count and one guard bit above. A word
//! that holds at least as much as another in every field is told apart by one subtraction. The
//! words below a given one are also numbered without gaps (mixed radix), for tables over them.

/// All vectors of counts from nothing up to the counts it was made for.
pub(super) struct Lattice {
    counts: Vec<u32>,
    shifts: Vec<u32>,
    guards: u128,
    strides: Vec<u32>,
    /// The field that a bit of the word belongs to.
    field_of_bit: Vec<u8>,
    size: usize,
}

impl Lattice {
    /// `None` when a word is too short or there are more than `most` vectors.
    pub(super) fn new(counts: &[u32], most: usize) -> Option<Self> {
        let mut lattice = Self {
            counts: counts.to_vec(),
            shifts: Vec::new(),
            guards: 0,
            strides: Vec::new(),
            field_of_bit: Vec::new(),
            size: 1,
        };
        for (field, &count) in counts.iter().enumerate() {
            let shift = lattice.field_of_bit.len() as u32;
            let bits = u32::BITS - count.leading_zeros();
            if shift + bits >= u128::BITS {
                return None;
            }
            lattice.shifts.push(shift);
            lattice.guards |= 1 << (shift + bits);
            lattice.field_of_bit.extend(std::iter::repeat_n(field as u8, bits as usize + 1));
            lattice.strides.push(lattice.size as u32);
            lattice.size = lattice.size.checked_mul(count as usize + 1).filter(|&s| s <= most)?;
        }
        Some(lattice)
    }

    /// How many vectors there are.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Number of fields.
    pub(super) fn fields(&self) -> usize {
        self.counts.len()
    }

    /// The vector that holds everything, and its number.
    pub(super) fn full(&self) -> (u128, u32) {
        let fields = self.counts.iter().zip(&self.shifts);
        let word = fields.map(|(&count, &shift)| u128::from(count) << shift).sum();
        (word, self.size as u32 - 1)
    }

    /// One of a field.
    pub(super) fn unit(&self, field: usize) -> u128 {
        1 << self.shifts[field]
    }

    /// How much the number grows with one more of a field.
    pub(super) fn stride(&self, field: usize) -> u32 {
        self.strides[field]
    }

    /// What a vector has of a field.
    pub(super) fn get(&self, word: u128, field: usize) -> u32 {
        let end = self.shifts.get(field + 1).copied();
        let above = end.map_or(0, |end| word >> end << end);
        // A field is as wide as a count, which has 32 bits.
        ((word - above) >> self.shifts[field]) as u32
    }

    /// What a vector has of all fields together.
    pub(super) fn sum(&self, word: u128) -> u32 {
        (0..self.fields()).map(|field| self.get(word, field)).sum()
    }

    /// The first field that is not zero.
    pub(super) fn first(&self, word: u128) -> Option<usize> {
        (word != 0).then(|| usize::from(self.field_of_bit[word.trailing_zeros() as usize]))
    }

    /// Whether `part` has no more of anything than `whole`.
    pub(super) fn fits(&self, part: u128, whole: u128) -> bool {
        ((whole | self.guards) - part) & self.guards == self.guards
    }

    /// All vectors in the order of their numbers.
    pub(super) fn words(&self) -> impl Iterator<Item = u128> + '_ {
        let mut word = 0u128;
        (0..self.size).map(move |at| {
            if at > 0 {
                word = self.next(word);
            }
            word
        })
    }

    fn next(&self, mut word: u128) -> u128 {
        for field in 0..self.fields() {
            let here = self.get(word, field);
            if here < self.counts[field] {
                return word + self.unit(field);
            }
            word -= u128::from(here) << self.shifts[field];
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_in_order_and_compared_field_by_field() {
        let counts = [2, 1, 5, 0, 3];
        let lattice = Lattice::new(&counts, 1 << 20).unwrap();
        assert_eq!(lattice.size(), 3 * 2 * 6 * 4);
        let vectors: Vec<Vec<u32>> = lattice
            .words()
            .map(|word| (0..counts.len()).map(|field| lattice.get(word, field)).collect())
            .collect();
        let words: Vec<u128> = lattice.words().collect();
        assert_eq!(lattice.full(), (words[words.len() - 1], words.len() as u32 - 1));
        for (number, (a, &word)) in vectors.iter().zip(&words).enumerate() {
            let sum: u32 = a.iter().enumerate().map(|(at, n)| n * lattice.stride(at)).sum();
            assert_eq!(sum as usize, number);
            assert_eq!(lattice.first(word), a.iter().position(|&n| n > 0));
            for (b, &other) in vectors.iter().zip(&words) {
                let below = a.iter().zip(b).all(|(a, b)| a <= b);
                assert_eq!(lattice.fits(word, other), below, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn too_many_vectors_are_refused() {
        assert!(Lattice::new(&[1; 12], 1 << 12).is_some());
        assert!(Lattice::new(&[1; 13], 1 << 12).is_none());
        assert!(Lattice::new(&[u32::MAX; 4], usize::MAX).is_none());
    }
}
