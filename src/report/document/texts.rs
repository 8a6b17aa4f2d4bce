//! Visits every text of a document, so that one pass makes all of them safe to show.

use super::{Block, Document, List, Picture, Row, Table, Text};

impl Document {
    /// Calls a function with every text that a format shows.
    pub(crate) fn each_text(&mut self, f: &mut impl FnMut(&mut String)) {
        [&mut self.title, &mut self.run, &mut self.date].into_iter().for_each(&mut *f);
        if let Some(cover) = &mut self.cover {
            f(&mut cover.name);
            f(&mut cover.marking);
        }
        for part in &mut self.parts {
            f(&mut part.title);
            for section in &mut part.sections {
                f(&mut section.title);
                section.blocks.iter_mut().for_each(|b| block(b, f));
            }
        }
    }
}

fn block(block: &mut Block, f: &mut impl FnMut(&mut String)) {
    match block {
        Block::Verdict(v) => {
            text(&mut v.badge, f);
            text(&mut v.sentence, f);
            v.notes.iter_mut().for_each(|t| text(t, f));
        }
        Block::Paragraph(said) => text(said, f),
        Block::List(l) => list(l, f),
        Block::Pair { left, right } => {
            list(left, f);
            list(right, f);
        }
        Block::Table(t) => table(t, f),
        Block::Figure(figure) => {
            f(&mut figure.title);
            table(&mut figure.table, f);
            picture(&mut figure.picture, f);
        }
        Block::Card(card) => {
            text(&mut card.title, f);
            rows(&mut card.facts, f);
        }
        Block::Commands(commands) => {
            f(&mut commands.title);
            commands.lines.iter_mut().for_each(f);
        }
    }
}

fn text(text: &mut Text, f: &mut impl FnMut(&mut String)) {
    f(&mut text.said);
}

fn list(list: &mut List, f: &mut impl FnMut(&mut String)) {
    list.items.iter_mut().for_each(|t| text(t, f));
}

fn rows(rows: &mut [Row], f: &mut impl FnMut(&mut String)) {
    rows.iter_mut().flat_map(|row| &mut row.cells).for_each(|t| text(t, f));
}

fn table(table: &mut Table, f: &mut impl FnMut(&mut String)) {
    f(&mut table.title);
    rows(&mut table.rows, f);
}

fn picture(picture: &mut Picture, f: &mut impl FnMut(&mut String)) {
    match picture {
        Picture::TimeAxis(axis) => {
            axis.groups.iter_mut().flat_map(|g| &mut g.rows).for_each(|row| f(&mut row.label));
        }
        Picture::Waterfall(w) => w.phases.iter_mut().for_each(|(name, ..)| f(name)),
        Picture::Zones(zones) => {
            zones.moments.iter_mut().flat_map(|m| &mut m.zones).for_each(|zone| f(&mut zone.name));
        }
        Picture::Trend(trend) => trend.rows.iter_mut().for_each(|row| f(&mut row.label)),
        Picture::Predictions(p) => p.rows.iter_mut().for_each(|row| f(&mut row.name)),
    }
}
