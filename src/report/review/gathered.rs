//! Brings items with the same key together, in the order of the first of each.

use std::collections::BTreeMap;

/// The groups. An item without a key is a group of its own.
pub(super) fn gathered<T, K: Ord>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> Option<K>) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = vec![];
    // Groups are looked up by their key, because there may be ten thousand.
    let mut places: BTreeMap<K, usize> = BTreeMap::new();
    for item in items {
        let next = groups.len();
        let place = key(&item).map_or(next, |key| *places.entry(key).or_insert(next));
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_key_gives_the_order() {
        let vowel = |word: &&str| word.starts_with(['a', 'e']).then(|| word.chars().next());
        let groups = gathered(["ash", "birch", "elm", "birch", "alder"], vowel);
        assert_eq!(groups, [vec!["ash", "alder"], vec!["birch"], vec!["elm"], vec!["birch"]]);
    }
}
