//! The history as a static site: an index, trends, and one page for each run, which is the report of the run. The pages
//! have no scripts and load nothing. Start with [`index`].

mod chart;
mod exercises;
mod index_page;
mod page;
mod trends_page;

pub use index_page::index;
pub use page::{Page, page_name};
pub use trends_page::trends;

use crate::report::{Document, html_with_links};

/// The report of a run, with links to the other pages of the site.
pub fn page(document: &Document) -> String {
    html_with_links(document, &[("../index.html", "All drills"), ("../trends.html", "Trends")])
}
