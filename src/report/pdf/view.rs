//! What the template shows: the lines around the content, and the blocks of the document with their pictures and the
//! widths of their columns. Start with [`Sheet::view`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{letters, picture, widths::widths};
use crate::report::{
    document::{Block, Document, Figure, Logo, Ref, Row, Table},
    head::Head,
    svg::svg,
    words::{frame as w, say},
};

/// A report or a paper to print.
pub(super) struct Sheet<'a> {
    /// Title, mark, cover and language.
    pub document: &'a Document,
    pub head: Head,
    pub parts: Vec<SheetPart<'a>>,
    /// Whether the first part is a page of its own, and the last part an annex.
    pub has_annex: bool,
}

pub(super) struct SheetPart<'a> {
    pub title: &'a str,
    pub sections: Vec<SheetSection<'a>>,
}

pub(super) struct SheetSection<'a> {
    pub title: &'a str,
    pub blocks: &'a [Block],
}

/// The files that the template reads, by their path.
type Files = BTreeMap<String, Vec<u8>>;

impl Sheet<'_> {
    /// The JSON and the pictures for the template.
    pub fn view(&self) -> (Value, Files) {
        let (words, head) = (&self.document.words, &self.head);
        let mut files = Files::new();
        let parts: Vec<Value> = self.parts.iter().map(|part| self.part(part, &mut files)).collect();
        let (lang, region) = language(words.language());
        let mut view = json!({
            "window": head.window, "kind": head.kind, "number": head.number, "foot": head.whole_foot(self.document),
            "title": self.document.title, "mark": self.document.mark, "cover": self.cover(&mut files),
            "page": say!(words, w::PAGE), "annexPage": say!(words, w::ANNEX_PAGE), "hasAnnex": self.has_annex,
            "lang": lang, "region": region, "ids": self.ids(), "parts": parts,
        });
        letters::all_shown(&mut view);
        (view, files)
    }

    fn part(&self, part: &SheetPart<'_>, files: &mut Files) -> Value {
        let sections: Vec<Value> = part
            .sections
            .iter()
            .map(|s| {
                // A section with the heading of its part needs no second one. Then the headings of its blocks are one
                // level higher, because a level that is left out is a mistake in a tagged PDF.
                let (title, level) = if s.title == part.title { ("", 2) } else { (s.title, 3) };
                let blocks: Vec<Value> = s.blocks.iter().map(|b| self.block(b, level, files)).collect();
                json!({ "title": title, "blocks": blocks })
            })
            .collect();
        json!({ "title": part.title, "sections": sections })
    }

    /// A block, with the level of its headings.
    fn block(&self, block: &Block, level: u8, files: &mut Files) -> Value {
        let mut view = match block {
            Block::Figure(figure) => self.figure(figure, files),
            Block::Table(table) => json!({ "b": block, "widths": widths(table) }),
            Block::Card(card) => {
                let facts = Table { rows: card.facts.clone(), ..Table::default() };
                json!({ "b": block, "facts": facts, "widths": widths(&facts) })
            }
            _ => json!({ "b": block }),
        };
        view["level"] = level.into();
        view
    }

    /// A picture without its data: the SVG shows it.
    fn figure(&self, figure: &Figure, files: &mut Files) -> Value {
        let pictures: Vec<Value> = svg(&self.document.words, &figure.picture, &figure.title)
            .iter()
            .map(|svg| {
                let path = format!("/picture-{}.svg", files.len());
                files.insert(path.clone(), picture::alone(svg));
                json!({ "path": path, "tall": picture::is_tall(svg) })
            })
            .collect();
        let shown = json!({ "block": "figure", "title": figure.title, "table": figure.table });
        json!({ "b": shown, "pictures": pictures, "widths": widths(&figure.table) })
    }

    fn cover(&self, files: &mut Files) -> Option<Value> {
        let cover = self.document.cover.as_ref()?;
        let logo = cover.logo.as_ref().map(|Logo { media, bytes }| {
            let path = if *media == "image/png" { "/logo.png" } else { "/logo.jpg" };
            files.insert(path.into(), bytes.clone());
            json!({ "path": path, "alt": say!(self.document.words, w::LOGO, cover.name) })
        });
        Some(json!({ "name": cover.name, "marking": cover.marking, "logo": logo }))
    }

    /// The ids to which texts can refer: those of exactly one row or card. Typst refuses a link to any other.
    fn ids(&self) -> BTreeSet<&str> {
        let sections = self.parts.iter().flat_map(|part| &part.sections);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for id in sections.flat_map(|s| s.blocks).flat_map(ids).filter(|id| !id.0.is_empty()) {
            *seen.entry(&id.0).or_default() += 1;
        }
        seen.into_iter().filter(|(_, times)| *times == 1).map(|(id, _)| id).collect()
    }
}

/// The ids that a block defines.
fn ids(block: &Block) -> Vec<&Ref> {
    match block {
        Block::Table(table) => of_rows(&table.rows),
        Block::Figure(figure) => of_rows(&figure.table.rows),
        Block::Card(card) => of_rows(&card.facts).into_iter().chain([&card.id]).collect(),
        _ => vec![],
    }
}

fn of_rows(rows: &[Row]) -> Vec<&Ref> {
    rows.iter().filter_map(|row| row.id.as_ref()).collect()
}

/// The language and the region of a code such as `de-CH`. `und` is the code for a language that is not known.
fn language(code: &str) -> (String, Option<String>) {
    let mut parts = code.split('-');
    let is = |part: &str, longest: usize| {
        (2..=longest).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic())
    };
    let lang = parts.next().filter(|part| is(part, 3)).unwrap_or("und");
    (lang.to_owned(), parts.next().filter(|part| is(part, 2)).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Text;

    #[test]
    fn a_language_has_its_code_and_perhaps_a_region() {
        assert_eq!(language("de"), ("de".into(), None));
        assert_eq!(language("de-CH"), ("de".into(), Some("CH".into())));
        assert_eq!(language("x1-latn"), ("und".into(), None));
    }

    #[test]
    fn only_an_id_that_is_there_once_can_be_referred_to() {
        let row = |id: &str| Row::new([Text::new("a")]).id(Ref(id.into()));
        let blocks = vec![Block::Table(Table::new("", ["A"], vec![row("J1"), row("J2"), row("J1"), row("")]))];
        let document = Document::default();
        let parts = vec![SheetPart { title: "a", sections: vec![SheetSection { title: "a", blocks: &blocks }] }];
        let head = Head::of_run(&document);
        let sheet = Sheet { document: &document, head, parts, has_annex: false };
        assert_eq!(sheet.ids(), BTreeSet::from(["J2"]));
        assert_eq!(sheet.view().0["parts"][0]["sections"][0]["title"], "");
    }
}
