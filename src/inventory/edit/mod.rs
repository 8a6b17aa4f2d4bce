//! Small changes of manifests as text. An edit replaces a range of a file. Comments, order and formatting of the rest do not
//! change. What has no exact place is refused with the reason. Nothing here knows why something is changed. Start with
//! [`Manifest`].

mod diff;
mod layout;
mod merge;
mod text;

pub use diff::{CONTEXT, diff_of_edits, diff_of_new_file};
pub use layout::Manifest;
pub use merge::merge_edits;
pub use text::yaml;

use std::ops::Range;

/// A range of a text, and what stands there afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that are replaced; empty for an insertion.
    pub range: Range<usize>,
    /// The new text.
    pub text: String,
}

/// Sorts edits by their place. Insertions at one place keep their order.
///
/// # Errors
/// Two edits change the same text.
pub fn sorted_edits(mut edits: Vec<Edit>) -> Result<Vec<Edit>, String> {
    edits.sort_by_key(|edit| edit.range.start);
    if edits.windows(2).any(|pair| pair[0].range.end > pair[1].range.start) {
        return Err("two changes are for the same text".to_owned());
    }
    Ok(edits)
}

/// The text after the edits, which [`sorted_edits`] sorted.
pub fn edited(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.range.start]);
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out + &text[at..]
}

/// The first byte of each line.
pub fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect()
}
