//! What the typesetter gets: the document as JSON, and its pictures as SVG files. All texts stay data: none of them can
//! become markup. Start with [`Content`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::report::{
    document::{Block, Document},
    svg::svg,
    words::{frame as w, say},
};

/// A word without a break that is longer than this gets places where a line may end.
const LONGEST: usize = 18;
/// Where a line may end.
const BREAK: char = '\u{200b}';

/// The colours and lines of the pictures, without the variables of the style sheet.
const STYLE: &str = "text{font:11.5px sans-serif;fill:#000}.head{font-weight:700;fill:#444}.tick{fill:#444;\
text-anchor:middle;font-size:10px}.aside{fill:#444;font-style:italic}.value{text-anchor:end;fill:#444;font-size:10px}\
.grid,.base{stroke:#bbb}.curve{fill:none;stroke:#000;stroke-width:1.6}.up{fill:#7fb899}.done{fill:#aab4c0}\
.down,.firing{fill:#7a0f0a}.failed{fill:#7a0f0a;stroke:#000;stroke-width:1.5}.fault{fill:#fff;stroke:#59308c;\
stroke-width:2}.pending{fill:#fff;stroke:#7a0f0a;stroke-width:1.5}.suppressed,.untested{fill:#fff;stroke:#444;\
stroke-dasharray:3 2}.blind{fill:#444;opacity:.25}.phase{fill:#1d4a94}.odd{fill:#aab4c0}.objective{stroke:#000;\
stroke-width:2;stroke-dasharray:5 3}.predicted{fill:none;stroke:#444;stroke-width:1.5}.measured{fill:#000}\
.zone{fill:#fff;stroke:#7fb899;stroke-width:2}.part{stroke:#6a4300;stroke-dasharray:5 3}.away{fill:#bbb;\
stroke:#7a0f0a;stroke-width:3}.zonename{font-weight:700}";

/// The document and its files.
pub(super) struct Content {
    /// `document.json`.
    pub json: Vec<u8>,
    /// The other files, by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Content {
    /// `has_glyph` says whether the fonts have a character. PDF/A forbids any other.
    pub fn of(document: &Document, has_glyph: impl Fn(char) -> bool) -> Self {
        let words = &document.words;
        let shown = |text: &str| -> String {
            text.chars().map(|c| if has_glyph(c) || c.is_whitespace() { c } else { '?' }).collect()
        };
        let mut files = BTreeMap::new();
        let mut value = serde_json::to_value(document).unwrap_or_default();
        for (i, part) in document.parts.iter().enumerate() {
            for (j, section) in part.sections.iter().enumerate() {
                for (k, block) in section.blocks.iter().enumerate() {
                    let Block::Figure(figure) = block else { continue };
                    let names: Vec<String> = svg(words, &figure.picture, &figure.title)
                        .into_iter()
                        .enumerate()
                        .map(|(n, picture)| {
                            let name = format!("picture-{i}-{j}-{k}-{n}.svg");
                            files.insert(name.clone(), shown(&standalone(&picture)).into_bytes());
                            format!("/{name}")
                        })
                        .collect();
                    let block = &mut value["parts"][i]["sections"][j]["blocks"][k];
                    block["pictures"] = json!(names);
                    // Its numbers are in the table; the picture itself is a file.
                    block["picture"] = Value::Null;
                }
            }
        }
        value["logo"] = Value::Null;
        if let Some(logo) = document.cover.as_ref().and_then(|c| c.logo.as_ref()) {
            let name = if logo.media == "image/png" { "logo.png" } else { "logo.jpg" };
            files.insert(name.into(), logo.bytes.clone());
            value["logo"] = format!("/{name}").into();
        }
        value["ids"] = json!(ids(document));
        let marking = document.cover.as_ref().map_or("", |c| c.marking.as_str());
        let foot: Vec<&str> = [marking, &document.mark].into_iter().filter(|text| !text.is_empty()).collect();
        let foot: String = foot.into_iter().map(|text| format!("{text} · ")).collect();
        value["texts"] = json!({
            "lang": words.language().split('-').next(),
            "report": say!(words, w::REPORT),
            "run": say!(words, w::RUN_LINE, document.run, document.date),
            "foot": foot + &say!(words, w::FOOT, document.run),
            "page": say!(words, w::PAGE),
            "annex": say!(words, w::ANNEX_PAGE),
            "logo": document.cover.as_ref().map(|c| say!(words, w::LOGO, c.name)),
        });
        each_text(&mut value, &|text| breakable(&shown(text)));
        Self { json: value.to_string().into_bytes(), files }
    }
}

/// A picture as a file of its own.
fn standalone(svg: &str) -> String {
    svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1).replacen(
        '>',
        &format!("><style>{STYLE}</style>"),
        1,
    )
}

/// The names to which texts refer and that exist.
fn ids(document: &Document) -> Vec<&str> {
    let blocks = document.sections().flat_map(|s| &s.blocks);
    blocks.flat_map(ids_of).collect()
}

fn ids_of(block: &Block) -> Vec<&str> {
    match block {
        Block::Table(table) => table.rows.iter().filter_map(|r| r.id.as_ref()).map(|id| id.0.as_str()).collect(),
        Block::Card(card) => vec![card.id.0.as_str()],
        _ => vec![],
    }
}

/// Changes every text, but not the names of files and of blocks.
fn each_text(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                if !matches!(
                    key.as_str(),
                    "pictures" | "logo" | "block" | "tone" | "refs" | "id" | "ids" | "key" | "lang"
                ) {
                    each_text(item, change);
                }
            }
        }
        _ => {}
    }
}

/// Long words, such as hashes and paths, get places where a line may end.
fn breakable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = 0;
    for c in text.chars() {
        out.push(c);
        run = if c.is_whitespace() { 0 } else { run + 1 };
        if run >= LONGEST || (run > 8 && matches!(c, '/' | '-' | '.' | ':' | '_')) {
            out.push(BREAK);
            run = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_word_may_end_a_line_and_a_short_one_may_not() {
        assert_eq!(breakable("short words"), "short words");
        let long = breakable(&"a".repeat(40));
        assert_eq!(long.chars().filter(|c| *c == BREAK).count(), 2);
        assert_eq!(long.replace(BREAK, ""), "a".repeat(40));
    }
}
