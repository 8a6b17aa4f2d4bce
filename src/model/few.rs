//! Shortens long lists for people.

use std::fmt::Display;

/// The first `most` of a list, and how many more there are: `a; b; and 3 more` where `glue` is
/// `"; "` and `last` is `"; and"`. Empty if the list is empty.
pub fn few<T: Display>(all: impl ExactSizeIterator<Item = T>, most: usize, (glue, last): (&str, &str)) -> String {
    let more = all.len().saturating_sub(most);
    let named = all.take(most).map(|one| one.to_string()).collect::<Vec<_>>().join(glue);
    if more > 0 { format!("{named}{last} {more} more") } else { named }
}

/// How many names of nodes or pods one line contains. Nobody reads a line with all 168 nodes of a zone.
const SOME: usize = 8;

/// The first names of a list and the number of the others, for use within a line.
pub fn some<T: Display>(all: &[T]) -> String {
    few(all.iter(), SOME, (", ", " and"))
}

/// How many clauses one line contains: a large cluster may have hundreds of the same sort.
const CLAUSES: usize = 10;

/// The first clauses of a list and the number of the others, for use within a line.
pub fn clauses<T: Display>(all: &[T]) -> String {
    few(all.iter(), CLAUSES, ("; ", "; and"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_counted() {
        let told = |all: &[&str]| few(all.iter(), 2, ("; ", "; and"));
        assert_eq!([told(&[]), told(&["a", "b"]), told(&["a", "b", "c", "d"])], ["", "a; b", "a; b; and 2 more"]);
        assert_eq!(few(["a", "b"].iter(), 1, (", ", " and")), "a and 1 more");
        assert_eq!(clauses(&["a"; 12]), format!("{}; and 2 more", ["a"; 10].join("; ")));
        assert_eq!(some(&[1, 2, 3, 4, 5, 6, 7, 8]), "1, 2, 3, 4, 5, 6, 7, 8");
        assert_eq!(some(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "1, 2, 3, 4, 5, 6, 7, 8 and 2 more");
    }
}
