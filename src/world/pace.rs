//! How often large lists are asked for.

use std::time::Duration;

/// No more pods than these are asked for in a second, by one who asks again and again: the API
/// server has others to serve, and a list of ten thousand pods is ten megabytes.
const PODS_A_SECOND: u64 = 500;

/// How long nobody asks again after a list of so many pods.
pub fn rest_after(pods: usize) -> Duration {
    Duration::from_secs(pods as u64 / PODS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_namespace_is_asked_for_less_often() {
        assert_eq!([0, 499, 10_000, 50_000].map(rest_after), [0, 0, 20, 100].map(Duration::from_secs));
    }
}
