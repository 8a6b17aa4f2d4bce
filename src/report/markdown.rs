//! The report as Markdown.

use std::fmt::Write;

use super::{
    document::{Block, Card, Document, Figure, List, Row, Section, Table, Text, Tone, Verdict},
    paper::Paper,
    words::{Word, frame, say},
};
use crate::model::{is_printable, printable_lines};

/// The report.
pub fn markdown(document: &Document) -> String {
    report(document, frame::MARKDOWN_RUN_LINE)
}

impl Document {
    /// The report of an exercise, as Markdown.
    pub fn exercise_markdown(&self) -> String {
        report(self, frame::MARKDOWN_EXERCISE_LINE)
    }
}

/// The report with a line that names its run or its exercise.
fn report(document: &Document, line: Word) -> String {
    let mut out = String::new();
    let w = &mut out;
    let words = &document.words;
    if let Some(cover) = &document.cover {
        let marking = if cover.marking.is_empty() { String::new() } else { format!(" · {}", text(&cover.marking)) };
        let _ = writeln!(w, "{}{marking}\n", text(&cover.name));
    }
    let _ = writeln!(w, "# {}\n", text(&say!(words, frame::MARKDOWN_TITLE, document.title)));
    if !document.mark.is_empty() {
        let _ = writeln!(w, "**{}**\n", text(&document.mark));
    }
    let _ = writeln!(w, "{}", text(&say!(words, line, document.run, document.date)));
    for part in &document.parts {
        let _ = writeln!(w, "\n## {}", text(&part.title));
        for s in &part.sections {
            section(w, s);
        }
    }
    out
}

/// A paper of an exercise.
pub(super) fn paper(paper: &Paper) -> String {
    let mut out = format!(
        "# {}: {}\n\n**{}**\n\n{}\n",
        text(&paper.kind),
        text(&paper.title),
        text(&paper.mark),
        text(&paper.number)
    );
    for chapter in &paper.chapters {
        let _ = writeln!(out, "\n## {}", text(&chapter.title));
        for b in &chapter.blocks {
            block(&mut out, b);
        }
    }
    out
}

fn section(w: &mut String, section: &Section) {
    let _ = writeln!(w, "\n### {}", text(&section.title));
    for b in &section.blocks {
        block(w, b);
    }
}

fn block(w: &mut String, block: &Block) {
    match block {
        Block::Verdict(v) => verdict(w, v),
        Block::Paragraph(said) => {
            let _ = writeln!(w, "\n{}", cell(said));
        }
        Block::List(l) => list(w, l),
        Block::Pair { left, right } => {
            list(w, left);
            list(w, right);
        }
        Block::Table(t) => table(w, t),
        Block::Figure(f) => figure(w, f),
        Block::Card(c) => card(w, c),
        Block::Commands(c) => {
            let _ = writeln!(w, "\n{}\n\n```sh\n{}\n```", text(&c.title), block_of_code(&c.lines.join("\n")));
        }
    }
}

fn verdict(w: &mut String, v: &Verdict) {
    let _ = writeln!(w, "\n**{}**\n\n{}", text(&v.badge.said), cell(&v.sentence));
    for note in &v.notes {
        let _ = writeln!(w, "\n{}", cell(note));
    }
}

fn heading(w: &mut String, title: &str) {
    if !title.is_empty() {
        let _ = writeln!(w, "\n#### {}", text(title));
    }
}

fn list(w: &mut String, list: &List) {
    heading(w, &list.title);
    let _ = writeln!(w);
    for item in &list.items {
        let _ = writeln!(w, "- {}", cell(item));
    }
    note(w, &list.note);
}

fn note(w: &mut String, note: &str) {
    if !note.is_empty() {
        let _ = writeln!(w, "\n{}", text(note));
    }
}

fn table(w: &mut String, table: &Table) {
    heading(w, &table.title);
    if !table.rows.is_empty() {
        rows(w, &table.head, &table.rows);
    }
    note(w, &table.note);
}

/// A table of facts has no headings; Markdown needs a line for them.
fn rows(w: &mut String, head: &[String], rows: &[Row]) {
    let columns = rows.first().map_or(0, |row| row.cells.len()).max(head.len());
    let head: Vec<String> = (0..columns).map(|i| head.get(i).map(|h| text(h)).unwrap_or_default()).collect();
    let _ = writeln!(w, "\n| {} |\n|{}", head.join(" | "), "---|".repeat(columns));
    for row in rows {
        let cells: Vec<String> = row.cells.iter().map(cell).collect();
        let _ = writeln!(w, "| {} |", cells.join(" | "));
    }
}

/// Markdown has no pictures: the table has the same numbers.
fn figure(w: &mut String, figure: &Figure) {
    heading(w, &figure.title);
    table(w, &figure.table);
}

fn card(w: &mut String, card: &Card) {
    let _ = writeln!(w, "\n#### {} {}", text(&card.id.0), cell(&card.title));
    rows(w, &[], &card.facts);
}

/// A text with its references. What is bad is bold, if its ends allow that.
fn cell(said: &Text) -> String {
    let plain = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut out = text(&said.said);
    if said.tone == Tone::Bad && plain(out.chars().next()) && plain(out.chars().last()) {
        out = format!("**{out}**");
    }
    for r in &said.refs {
        let _ = write!(out, " \\[{}\\]", text(&r.0));
    }
    out
}

/// Text from a cluster as plain text: it cannot become a table cell, link, image, mention or HTML.
pub fn text(raw: &str) -> String {
    let raw = raw.trim();
    let mut out = String::with_capacity(raw.len());
    // A line that begins like this would be an item of a list, or a heading underline.
    if raw.starts_with(['-', '+', '=']) {
        out.push('\\');
    }
    let number = raw.trim_start_matches(|c: char| c.is_ascii_digit());
    let ends = |at: usize| raw[at + 1..].chars().next().is_none_or(char::is_whitespace);
    let dot = (number.len() < raw.len() && number.starts_with(['.', ')'])).then_some(raw.len() - number.len());
    let dot = dot.filter(|at| ends(*at));
    let inside = |i: usize| {
        let (before, after) = (raw[..i].chars().last(), raw[i + 1..].chars().next());
        before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
    };
    for (i, c) in raw.char_indices() {
        // Some sites turn a bare address into a link, and notify a user whose name follows an @.
        let links = c == ':' && raw[i..].starts_with("://") || c == '.' && raw[..i].ends_with("www");
        match c {
            '|' | '`' | '*' | '~' | '[' | ']' | '\\' | '!' | '#' | '@' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ if links || dot == Some(i) || c == '_' && !inside(i) => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\t' => out.push(' '),
            c if !is_printable(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Commands inside a code block, which they cannot end.
fn block_of_code(commands: &str) -> String {
    printable_lines(commands).replace("```", "` ` `")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_inert() {
        assert_eq!(text("<img src=x>|[a](b)\n# h"), r"&lt;img src=x&gt;\|\[a\](b) \# h");
        assert_eq!(text("http://evil www.evil @team ~~x~~"), r"http\://evil www\.evil \@team \~\~x\~\~");
        assert_eq!(text(r"a\|b"), r"a\\\|b");
        assert_eq!(text("- a"), r"\- a");
        assert_eq!(text("12. a_b _c_ 3.4"), r"12\. a_b \_c\_ 3.4");
        assert_eq!([text("3.4 s"), text("7."), text("8) x")], ["3.4 s", r"7\.", r"8\) x"]);
        assert_eq!(text("\u{1b}[31m\u{202e}x"), "\u{fffd}\\[31m\u{fffd}x");
        assert_eq!(block_of_code("a\n```\n<b>"), "a\n` ` `\n<b>");
    }
}
