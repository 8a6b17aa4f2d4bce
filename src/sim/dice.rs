//! The only source of randomness: SplitMix64, seeded from the seed of the simulation. Each purpose has its own
//! generator, so one more number for one purpose does not change the others. Start with [`Dice`].

/// The letters of generated names, as Kubernetes uses them.
pub(super) const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A generator of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Creates the generator for a purpose.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        // The hash is FNV-1a.
        let hash =
            purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Self(seed ^ hash)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number less than `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    /// Returns true once in this many calls on average. Never for 0.
    pub(super) fn once_in(&mut self, throws: u64) -> bool {
        throws > 0 && self.below(throws) == 0
    }
}
