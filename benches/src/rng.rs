//! Random numbers for generated sets: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
//! Number Generators, OOPSLA 2014), seeded, the same on every machine.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A stream of its own for every seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any of 2^64 numbers.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is above zero and far below 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// True `percent` times out of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// From 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits fill a double's mantissa.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal, mean 0, deviation 1, within ±6: twelve uniforms less six (Irwin–Hall). Sums
    /// are exact to the last bit everywhere, where logarithms and cosines are not.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Lognormal with this median: half of all values are below it.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }
}

/// `total` pods over `shapes` ranks in proportion to 1/rank (Zipf's law with exponent 1), at least
/// one each, by largest remainders. There are as many ranks as pods when there are fewer pods.
pub fn zipf(total: u32, shapes: u32) -> Vec<u32> {
    let shapes = shapes.min(total);
    let spare = f64::from(total - shapes);
    let weights: f64 = (1..=shapes).map(|rank| 1.0 / f64::from(rank)).sum();
    let exact: Vec<f64> = (1..=shapes).map(|rank| spare / f64::from(rank) / weights).collect();
    let mut counts: Vec<u32> = exact.iter().map(|share| 1 + share.floor() as u32).collect();
    let missing = total - counts.iter().sum::<u32>();
    let mut ranks: Vec<usize> = (0..exact.len()).collect();
    let remainder = |rank: usize| exact[rank] - exact[rank].floor();
    ranks.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(&b)));
    for &rank in ranks.iter().take(missing as usize) {
        counts[rank] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        let mut random = SplitMix::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let mut random = SplitMix::new(7);
        let sample: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = sample.iter().sum::<f64>() / 20_000.0;
        let variance = sample.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn zipf_counts_sum_up_and_fall() {
        for (total, shapes) in [(200, 20), (5_000, 60), (1_000_000, 300), (7, 60), (1, 1), (0, 3)] {
            let counts = zipf(total, shapes);
            assert_eq!(counts.iter().sum::<u32>(), total);
            assert_eq!(counts.len() as u32, shapes.min(total));
            assert!(counts.iter().all(|&count| count > 0));
            assert!(counts.windows(2).all(|pair| pair[0] >= pair[1]), "{counts:?}");
        }
    }
}
