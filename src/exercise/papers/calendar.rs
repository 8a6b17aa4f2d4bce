//! Calendar files (RFC 5545). Without a date there is none.

use jiff::Timestamp;

use super::{PlayersView, Whole};
use crate::{
    exercise::time::plus,
    model::{Dur, is_printable, sha256},
};

/// One entry.
struct Entry {
    uid: String,
    from: Timestamp,
    to: Timestamp,
    summary: String,
    description: String,
}

/// One entry for the whole exercise: players do not see its stages.
pub(super) fn of_players(view: &PlayersView) -> Option<String> {
    let from = view.planned?;
    let entry = Entry {
        uid: uid(&view.name, from, "exercise"),
        from,
        to: plus(from, view.takes),
        summary: format!("EXERCISE {}", view.name),
        description: format!("{}. Everybody may stop it: say “{}” in {}.", view.marking, view.phrase, view.channel),
    };
    Some(calendar(from, &[entry]))
}

/// One entry for each stage.
pub(super) fn of_stages(whole: &Whole<'_>) -> Option<String> {
    let start = whole.planned?;
    let p = &whole.loaded.playbook;
    let entries: Vec<Entry> = p
        .stages
        .iter()
        .zip(&whole.slots)
        .map(|(stage, slot)| Entry {
            uid: uid(&p.metadata.name, start, &stage.id),
            from: plus(start, slot.from),
            to: plus(start, slot.to),
            summary: format!("EXERCISE {}: {}", p.metadata.name, stage.id),
            description: format!("{}. {}. Led by the {}.", p.metadata.marking, p.metadata.title, stage.owner),
        })
        .collect();
    Some(calendar(start, &entries))
}

fn uid(name: &str, start: Timestamp, of: &str) -> String {
    format!("{}@drillmaster.dev", &sha256(format!("{name} {start} {of}"))[..24])
}

fn calendar(stamp: Timestamp, entries: &[Entry]) -> String {
    let time = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut lines: Vec<String> =
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//drillmaster//exercise//EN"].map(str::to_owned).to_vec();
    for entry in entries {
        let to = entry.to.max(plus(entry.from, Dur::secs(60)));
        lines.extend([
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}", entry.uid),
            format!("DTSTAMP:{}", time(stamp)),
            format!("DTSTART:{}", time(entry.from)),
            format!("DTEND:{}", time(to)),
            format!("SUMMARY:{}", escaped(&entry.summary)),
            format!("DESCRIPTION:{}", escaped(&entry.description)),
            "END:VEVENT".to_owned(),
        ]);
    }
    lines.push("END:VCALENDAR".into());
    lines.iter().map(|line| folded(line)).collect()
}

/// Text that cannot end its line or begin a property of its own.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if is_printable(c) => out.push(c),
            _ => out.push(' '),
        }
    }
    out
}

/// Lines of at most 75 bytes, as the format asks for.
fn folded(line: &str) -> String {
    const MOST: usize = 73;
    let (mut out, mut length) = (String::new(), 0);
    for c in line.chars() {
        if length + c.len_utf8() > MOST {
            out.push_str("\r\n ");
            length = 0;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_become_a_property() {
        let text = escaped("a\r\nATTACH:http://evil\u{2028};x,y\\");
        assert_eq!(text, "a \\nATTACH:http://evil \\;x\\,y\\\\");
        let folded = folded(&"ü".repeat(100));
        assert!(folded.split("\r\n").all(|line| line.len() <= 75), "{folded}");
        assert_eq!(folded.replace("\r\n ", ""), format!("{}\r\n", "ü".repeat(100)));
    }
}
