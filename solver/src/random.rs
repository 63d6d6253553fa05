//! Pseudo-random numbers from a seed that somebody keeps (xorshift, Marsaglia 2003).

/// The next number of a sequence, below 2^53. The state must not be 0.
pub(crate) fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random >> 11
}
