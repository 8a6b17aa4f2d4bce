//! How often large lists are asked for.

use std::time::Duration;

/// Whoever asks for a list again and again asks for no more pods or nodes in a second: the API
/// server has others to serve, and ten thousand pods are a hundred megabytes.
const A_SECOND: u64 = 500;

/// How long to wait after a list of so many pods or nodes before it is asked for again.
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
