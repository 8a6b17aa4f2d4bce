//! Zones as boxes, at three moments beside each other.

use super::{Canvas, WIDE, seconds};
use crate::report::{
    document::Zones,
    words::{Words, pictures as w, say},
};

/// The height of a zone's box.
const BOX: f64 = 40.0;

pub(super) fn draw(words: &Words, zones: &Zones, title: &str) -> String {
    let rows = zones.moments.iter().map(|m| m.zones.len()).max().unwrap_or(0);
    let mut canvas = Canvas { height: 26.0 + rows as f64 * (BOX + 6.0), ..Canvas::default() };
    let wide = WIDE / zones.moments.len().max(1) as f64;
    for (i, moment) in zones.moments.iter().enumerate() {
        let left = i as f64 * wide + 4.0;
        canvas.text("head", left, 14.0, &say!(words, w::MOMENT_AT, moment.name, seconds(moment.at_us)));
        for (j, zone) in moment.zones.iter().enumerate() {
            let y = 22.0 + j as f64 * (BOX + 6.0);
            let (class, word) = match zone.up {
                0 => ("zone away", w::ZONE_DOWN),
                up if up < zone.nodes => ("zone part", w::ZONE_PART),
                _ => ("zone", w::ZONE_UP),
            };
            let said = say!(words, w::ZONE_SAYS, zone.up, zone.nodes, zone.pods);
            let said = say!(words, w::ZONE_IS, zone.name, said);
            canvas.rect(class, (left, y), (wide - 12.0, BOX), &said);
            let name: String = zone.name.chars().take(20).collect();
            canvas.text("zonename", left + 8.0, y + 16.0, &say!(words, w::ZONE_IS, name, say!(words, word)));
            let numbers = say!(words, w::ZONE_NODES, zone.up, zone.nodes, zone.pods);
            canvas.text("zonetext", left + 8.0, y + 32.0, &numbers);
        }
    }
    canvas.finish(title)
}
