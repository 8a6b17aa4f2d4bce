//! The text of a review in colours, for a terminal: the verdict, and how serious each finding is.

use std::sync::LazyLock;

use regex::Regex;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const FAINT: &str = "\u{1b}[2m";
const OFF: &str = "\u{1b}[0m";

static VERDICT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(NOT READY|READY WITH WARNINGS|READY|CANNOT DETERMINE)\b").expect("constant"));

/// The head of a group of findings: how serious they are, whether they block, and the check.
static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^( +)(critical|high|medium|low|unknown|error|waived)\b((?: BLOCKS\b[^:]*:?)?)(.*)$").expect("constant")
});

/// The text, which has its line breaks already, in colours.
pub fn painted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        out.push_str(&if i == 0 { verdict(body) } else { head(body) });
        out.push_str(end);
    }
    out
}

fn verdict(line: &str) -> String {
    let Some(found) = VERDICT.find(line) else { return line.to_owned() };
    let colour = match found.as_str() {
        "READY" => GREEN,
        "NOT READY" => RED,
        _ => YELLOW,
    };
    format!("{colour}{}{OFF}{}", found.as_str(), &line[found.end()..])
}

fn head(line: &str) -> String {
    let Some(found) = HEAD.captures(line) else { return line.to_owned() };
    let (indent, word, blocks, rest) = (&found[1], &found[2], &found[3], &found[4]);
    // Without the name of a check behind it, the word is part of a sentence.
    if !rest.trim_start().starts_with(|c: char| c.is_ascii_uppercase()) && blocks.is_empty() {
        return line.to_owned();
    }
    let colour = match word {
        "critical" | "high" | "error" => RED,
        "medium" | "unknown" => YELLOW,
        _ => FAINT,
    };
    let blocks = if blocks.is_empty() { String::new() } else { format!("{RED}{blocks}{OFF}") };
    format!("{indent}{colour}{word}{OFF}{blocks}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verdicts_and_heads_have_colours() {
        let text = "NOT READY  shop\n  critical BLOCKS drain, node: PDB-003 Title\n      low on memory\n  low       IMG-003 Title\n";
        let expected = format!(
            "{RED}NOT READY{OFF}  shop\n  {RED}critical{OFF}{RED} BLOCKS drain, node:{OFF} PDB-003 Title\n      low on memory\n  {FAINT}low{OFF}       IMG-003 Title\n"
        );
        assert_eq!(painted(text), expected);
        let plain = painted(text).replace(RED, "").replace(FAINT, "").replace(OFF, "");
        assert_eq!(plain, text);
    }
}
