//! A page of the site: sections of tables and charts. The template escapes every text. Start with [`Page`].

use minijinja::{AutoEscape, Environment, Value, context, value::Serde};
use serde::Serialize;

use crate::{
    model::{is_run_name, printable, sha256},
    report::{Tone, page_style},
};

const TEMPLATE: &str = include_str!("page.html");

/// A text, perhaps with a link.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    said: String,
    tone: Tone,
    href: String,
}

impl Cell {
    pub(super) fn text(said: impl Into<String>) -> Self {
        Self { said: printable(&said.into()), ..Self::default() }
    }

    pub(super) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// A link to another page of the site.
    pub(super) fn to(mut self, href: impl Into<String>) -> Self {
        self.href = href.into();
        self
    }
}

/// A table, or a list of notes if it has no rows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sheet {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
    notes: Vec<String>,
    /// Drawings above the table. Their texts are escaped already.
    #[serde(skip)]
    pictures: Vec<String>,
}

impl Sheet {
    pub(super) fn new(head: &[&str], rows: Vec<Vec<Cell>>) -> Self {
        Self { head: head.iter().map(|h| (*h).to_owned()).collect(), rows, ..Self::default() }
    }

    pub(super) fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = printable(&title.into());
        self
    }

    pub(super) fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes.into_iter().map(|note| printable(&note)));
        self
    }

    pub(super) fn picture(mut self, svg: String) -> Self {
        self.pictures.push(svg);
        self
    }
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its title.
    pub(super) title: String,
    /// A line below the title.
    pub(super) line: String,
    /// Links to the other pages.
    pub(super) links: Vec<(&'static str, &'static str)>,
    /// The sections: id, heading, tables.
    pub(super) sections: Vec<(&'static str, String, Vec<Sheet>)>,
}

impl Page {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        let sheet = |s: &Sheet| {
            let pictures: Vec<Value> = s.pictures.iter().map(|p| Value::from_safe_string(p.clone())).collect();
            context! { s => Value::from(Serde(s)), pictures }
        };
        let sections: Vec<Value> = self
            .sections
            .iter()
            .map(|(id, title, sheets)| context! { id => *id, title => title.as_str(), sheets => sheets.iter().map(sheet).collect::<Vec<_>>() })
            .collect();
        let links: Vec<Value> =
            self.links.iter().map(|(href, text)| context! { href => *href, text => *text }).collect();
        let rendered = environment.add_template("page", TEMPLATE).and_then(|()| {
            environment.get_template("page")?.render(context! {
                title => self.title.as_str(), line => self.line.as_str(), links, sections,
                style => Value::from_safe_string(page_style("drills")),
            })
        });
        // A template that cannot be rendered is a bug. The file must still show that there is a problem.
        rendered.unwrap_or_else(|error| {
            format!("<!doctype html><title>drills</title><p>the page could not be rendered: {}</p>", error.kind())
        })
    }
}

/// The file of a run's page. A name that is not a plain file name everywhere is replaced by its hash.
pub fn page_name(dir: &str) -> String {
    if is_run_name(dir) && dir.len() <= 120 {
        return format!("{dir}.html");
    }
    format!("run-{}.html", &sha256(dir)[..24])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_directory_leads_out_of_the_site() {
        assert_eq!(page_name("20261128t113558214-zone-outage"), "20261128t113558214-zone-outage.html");
        for name in ["../../etc/passwd", "..", ".hidden", "a/b", "<script>", "a b", "", "ä", &"x".repeat(300), "con\n"]
        {
            let file = page_name(name);
            assert!(file.len() < 64 && file.starts_with("run-") && is_run_name(&file), "{name}: {file}");
        }
    }
}
