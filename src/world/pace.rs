//! How often large lists are requested.

use std::time::Duration;

/// The largest average number of pods or nodes per second for a list that is requested again and again. The API server
/// has other clients too, and a list of ten thousand pods has a hundred megabytes.
const A_SECOND: u64 = 500;

/// How long to wait after a list with this many objects before requesting it again.
pub fn rest_after(objects: usize) -> Duration {
    Duration::from_secs(objects as u64 / A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_namespace_is_asked_for_less_often() {
        assert_eq!([0, 499, 10_000, 50_000].map(rest_after), [0, 0, 20, 100].map(Duration::from_secs));
    }
}
