//! The only source of chance: SplitMix64 from the seed. Each purpose throws its
//! own dice, so that one more throw of one does not change the others.

/// The letters of generated names, as Kubernetes takes them.
pub(super) const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Dice.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// For a purpose.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a of the purpose.
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

    /// Less than `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }

    /// Once in so many throws.
    pub(super) fn once_in(&mut self, throws: u64) -> bool {
        throws > 0 && self.below(throws) == 0
    }
}
