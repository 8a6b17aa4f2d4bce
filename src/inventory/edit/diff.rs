//! Unified diffs of edited files, for `git apply` and `patch -p1`. The edits say which lines differ, so nothing is
//! compared.

use std::fmt::Write;

use super::{Edit, edited, line_starts};

/// How many unchanged lines a diff shows before and after a change.
pub const CONTEXT: usize = 3;

/// Lines of a file that are replaced.
struct Run<'a> {
    /// The first line, counted from 0, and the line after the last one.
    begin: usize,
    end: usize,
    new: String,
    edits: &'a [Edit],
}

/// The diff of a file with edits, which `sorted_edits` sorted. `path` is relative to the folder in which it applies.
pub fn diff_of_edits(path: &str, text: &str, edits: &[Edit]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut hunks: Vec<Vec<Run<'_>>> = vec![];
    for run in runs(text, edits) {
        match hunks.last_mut().filter(|hunk| hunk.last().is_some_and(|last| run.begin <= last.end + 2 * CONTEXT)) {
            Some(hunk) => hunk.push(run),
            None => hunks.push(vec![run]),
        }
    }
    let tab = after_name(path);
    let mut out = format!("--- a/{path}{tab}\n+++ b/{path}{tab}\n");
    // How many lines the earlier hunks add, and remove.
    let (mut added, mut removed) = (0, 0);
    for hunk in &hunks {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let (begin, end) = (first.begin.saturating_sub(CONTEXT), (last.end + CONTEXT).min(lines.len()));
        let gone: usize = hunk.iter().map(|run| run.end - run.begin).sum();
        let new: usize = hunk.iter().map(|run| run.new.lines().count()).sum();
        let (old_count, new_count) = (end - begin, end - begin - gone + new);
        let _ = writeln!(out, "@@ -{},{old_count} +{},{new_count} @@", begin + 1, begin + 1 + added - removed);
        (added, removed) = (added + new, removed + gone);
        let mut at = begin;
        for run in hunk {
            lines[at..run.begin].iter().for_each(|line| put(&mut out, ' ', line));
            lines[run.begin..run.end].iter().for_each(|line| put(&mut out, '-', line));
            run.new.split_inclusive('\n').for_each(|line| put(&mut out, '+', line));
            at = run.end;
        }
        lines[at..end].iter().for_each(|line| put(&mut out, ' ', line));
    }
    out
}

/// The diff that makes a new file.
pub fn diff_of_new_file(path: &str, text: &str) -> String {
    let mut out = format!("--- /dev/null\n+++ b/{path}{}\n@@ -0,0 +1,{} @@\n", after_name(path), text.lines().count());
    text.split_inclusive('\n').for_each(|line| put(&mut out, '+', line));
    out
}

/// A tab ends a name that contains spaces.
fn after_name(path: &str) -> &'static str {
    if path.contains(' ') { "\t" } else { "" }
}

fn put(out: &mut String, sign: char, line: &str) {
    out.push(sign);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

/// The lines that the edits change, in order.
fn runs<'a>(text: &str, edits: &'a [Edit]) -> Vec<Run<'a>> {
    let starts = line_starts(text);
    let line_of = |at: usize| starts.partition_point(|start| *start <= at) - 1;
    let start_of = |line: usize| starts.get(line).copied().unwrap_or(text.len());
    let (mut found, mut from) = (Vec::<Run<'a>>::new(), 0);
    for (i, edit) in edits.iter().enumerate() {
        let begin = line_of(edit.range.start);
        let whole = edit.range.is_empty() && edit.range.start == start_of(begin) && edit.text.ends_with('\n');
        let end = if whole { begin } else { line_of(edit.range.end.max(edit.range.start + 1) - 1) + 1 };
        match found.last_mut().filter(|last| begin <= last.end) {
            Some(last) => (last.end, last.edits) = (end.max(last.end), &edits[from..=i]),
            None => {
                from = i;
                found.push(Run { begin, end, new: String::new(), edits: &edits[i..=i] });
            }
        }
    }
    for run in &mut found {
        let (begin, end) = (start_of(run.begin), start_of(run.end));
        let moved: Vec<Edit> = run
            .edits
            .iter()
            .map(|edit| Edit { range: edit.range.start - begin..edit.range.end - begin, text: edit.text.clone() })
            .collect();
        run.new = edited(&text[begin..end], &moved);
        run.trim(&text[begin..end]);
    }
    found
}

impl Run<'_> {
    /// Leaves out the lines at its beginning and its end that do not change.
    fn trim(&mut self, old: &str) {
        let old: Vec<&str> = old.split_inclusive('\n').collect();
        let new: Vec<&str> = self.new.split_inclusive('\n').collect();
        let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let tails = old[head..].iter().rev().zip(new[head..].iter().rev());
        let tail = tails.take_while(|(a, b)| a == b).count();
        let kept = new[head..new.len() - tail].concat();
        (self.begin, self.end, self.new) = (self.begin + head, self.end - tail, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, old: &str, new: &str) -> Edit {
        let at = text.find(old).expect("in the text");
        Edit { range: at..at + old.len(), text: new.to_owned() }
    }

    #[test]
    fn near_changes_are_one_hunk_and_far_ones_are_two() {
        let text: String = (1..=20).map(|n| format!("line {n:02}\n")).collect();
        let insert = Edit { range: 8..8, text: "new\n".to_owned() };
        let edits = [insert, edit(&text, "line 04", "four"), edit(&text, "20\n", "20")];
        let expected = "--- a/x y\t\n+++ b/x y\t\n@@ -1,7 +1,8 @@\n line 01\n+new\n line 02\n line 03\n-line 04\n+four\n line 05\n \
                        line 06\n line 07\n@@ -17,4 +18,4 @@\n line 17\n line 18\n line 19\n-line 20\n+line 20\n\\ No newline at end of file\n";
        assert_eq!(diff_of_edits("x y", &text, &edits), expected);
    }

    #[test]
    fn unchanged_lines_of_a_run_are_context() {
        let text = "{\n  \"a\": {\n    \"b\": 1\n  }\n}";
        let at = text.find("{\n    ").expect("there") + 1;
        let edits = [Edit { range: at..at, text: "\n    \"c\": 2,".to_owned() }];
        assert_eq!(
            diff_of_edits("x", text, &edits),
            "--- a/x\n+++ b/x\n@@ -1,5 +1,6 @@\n {\n   \"a\": {\n+    \"c\": 2,\n     \"b\": 1\n   }\n }\n\\ No newline at end of file\n"
        );
        assert_eq!(diff_of_new_file("a/b", "x\ny\n"), "--- /dev/null\n+++ b/a/b\n@@ -0,0 +1,2 @@\n+x\n+y\n");
    }
}
