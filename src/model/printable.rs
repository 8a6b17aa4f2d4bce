//! Makes text from a cluster or a file safe to print: it cannot drive a terminal, hide neighbouring text, or break a
//! line.

/// Whether a character is safe to print. Not safe are control characters, line breaks, characters that change the
/// writing direction or have no width, and characters without an agreed meaning.
pub fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..)
        || (u32::from(c) & 0xfffe) == 0xfffe)
}

/// The text as one line, with unsafe characters replaced.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_printable(c) { c } else { '\u{fffd}' }).collect()
}

/// The text with its lines, and with unsafe characters replaced.
pub fn printable_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' || is_printable(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_taken_out() {
        let hostile =
            "\u{1b}[31ma\u{9b}2J\u{202e}b\u{200b}\u{2066}c\u{e000}\u{fffe}\u{1ffff}\u{2028}\r\n\u{feff}d\u{e0041}";
        let shown = printable(hostile);
        assert!(shown.chars().all(|c| c == '\u{fffd}' || "[31ma2Jbcd".contains(c)), "{shown:?}");
        assert_eq!(printable("ä ☃ 日本 👩 – é"), "ä ☃ 日本 👩 – é");
        assert_eq!(printable_lines("a\n\tb\r\n"), "a\n\tb\u{fffd}\n");
    }
}
