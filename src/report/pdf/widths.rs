//! How wide the columns of a table are. Each column has room for its longest word. The rest of the page is divided among
//! them by the length of their texts. Start with [`widths`].

use crate::report::document::Table;

/// The width of a page, in characters of a table.
const PAGE: f64 = 128.0;
/// The template breaks words that are longer than this.
const WORD: usize = 20;
/// A text that is not longer than this, such as `111.2 s`, stays on one line.
const SHORT: usize = 14;
/// A text that is longer than this is on several lines anyway.
const TEXT: usize = 70;
/// The space between two columns.
const GAP: usize = 2;

/// The width of each column, in parts of the page.
pub(super) fn widths(table: &Table) -> Vec<f64> {
    let columns = table.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(table.head.len());
    // Tables of facts stand below each other, so their columns have the same width.
    if table.head.is_empty() && columns == 2 {
        return vec![PAGE * 0.24, PAGE * 0.76];
    }
    let needs: Vec<(f64, f64)> = (0..columns).map(|i| needs(table, i)).collect();
    let (words, texts) = needs.iter().fold((0.0, 0.0), |(w, t), (word, text)| (w + word, t + (text - word)));
    let left = (PAGE - words).max(0.0);
    let share = if texts > 0.0 { left / texts } else { 0.0 };
    needs.iter().map(|(word, text)| round(word + (text - word) * share)).collect()
}

/// The widths that a column needs so that no word leaves it, and so that each text has one line, in characters.
fn needs(table: &Table, column: usize) -> (f64, f64) {
    let cells = table.rows.iter().filter_map(|row| row.cells.get(column));
    let texts = cells.map(|cell| (cell.said.as_str(), cell.refs.len()));
    let texts = texts.chain(table.head.get(column).map(|head| (head.as_str(), 0)));
    let (word, text) = texts.fold((2, 2), |(word, text), (said, refs)| {
        let length = length(said, refs);
        let unbroken = if length <= SHORT { length } else { longest_word(said) };
        (word.max(unbroken), text.max(length))
    });
    let word = word.min(WORD) + GAP;
    (word as f64, text.min(TEXT).max(word) as f64)
}

fn longest_word(text: &str) -> usize {
    text.split([' ', '-', '/']).map(|word| word.chars().count() + 1).max().unwrap_or(0)
}

/// The length of a text with its references, such as `[J7]`.
fn length(text: &str, refs: usize) -> usize {
    text.chars().count() + 5 * refs
}

/// Short numbers in the JSON that the template reads.
fn round(width: f64) -> f64 {
    (width * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Row;

    fn table(head: &[&str], cells: &[&str]) -> Table {
        Table::new("", head.iter().copied(), vec![Row::new(cells.iter().copied())])
    }

    #[test]
    fn a_long_text_gets_the_room_that_short_ones_leave() {
        let long = "the alert fired after the limit and was not received by anybody at all";
        let w = widths(&table(&["Id", "Result", "Evidence"], &["J1", "PASS", long]));
        assert!((w.iter().sum::<f64>() - PAGE).abs() < 1.0, "{w:?}");
        assert!(w[2] > 4.0 * w[0] && w[1] >= 7.0, "{w:?}");
    }

    #[test]
    fn tables_of_facts_are_all_alike_and_an_empty_table_has_no_columns() {
        assert_eq!(widths(&table(&[], &["a", "b"])), widths(&table(&[], &["a longer name", "b"])));
        assert!(widths(&Table::default()).is_empty());
    }
}
