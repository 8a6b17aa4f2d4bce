//! Reads one page of a list while it arrives. Each item is parsed when its text is complete, so that a page of many
//! megabytes is never in memory as a whole. Start with [`Pieces`].

use serde::de::DeserializeOwned;

use super::page::{self, Each, Page};

/// What was not parsed yet of a page.
#[derive(Debug)]
pub(super) struct Pieces<T> {
    /// The text of the page without its items: instead of each of them there is a 0. If this is valid JSON, and each
    /// item is, then the page is.
    rest: Vec<u8>,
    /// The beginning of the item that arrives.
    item: Vec<u8>,
    place: Place,
    /// How many lists and objects are open, inside the item or outside the items.
    depth: usize,
    text: Text,
    /// Where the last text began, outside the items.
    began: usize,
    /// Whether the last text was the key of the items.
    key: bool,
    /// What is known of the page; none before its first item.
    page: Option<Page>,
    /// Items that came before the kind of the page.
    early: Vec<T>,
}

/// Where the next byte is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Outside,
    BetweenItems,
    Item,
}

/// Whether the next byte is part of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Text {
    No,
    Inside,
    AfterBackslash,
}

impl Text {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::No, b'"') | (Self::AfterBackslash, _) => Self::Inside,
            (Self::No, _) | (Self::Inside, b'"') => Self::No,
            (Self::Inside, b'\\') => Self::AfterBackslash,
            (Self::Inside, _) => Self::Inside,
        }
    }
}

/// The key of the items, after its first quote.
const KEY: &[u8] = b"items\"";

impl<T: DeserializeOwned> Pieces<T> {
    pub fn new() -> Self {
        Self {
            rest: vec![],
            item: vec![],
            place: Place::Outside,
            depth: 0,
            text: Text::No,
            began: 0,
            key: false,
            page: None,
            early: vec![],
        }
    }

    /// Takes the next piece, and passes the items on that are complete.
    pub fn take(&mut self, mut piece: &[u8], each: Each<'_, T>) -> Result<(), serde_json::Error> {
        while !piece.is_empty() {
            let taken = match self.place {
                Place::Item => self.inside(piece),
                Place::BetweenItems => self.between(piece[0]),
                Place::Outside => self.outside(piece[0]),
            };
            piece = &piece[taken..];
            if self.place == Place::Item && !piece.is_empty() && self.is_complete(piece[0]) {
                self.pass(each)?;
            }
        }
        Ok(())
    }

    /// Takes the end of the page.
    pub fn end(self, each: Each<'_, T>) -> Result<Page, serde_json::Error> {
        if self.page.is_none() {
            // No item was found. Then there is none, or its key is written in an unusual way.
            return page::read(&self.rest, each);
        }
        let page = page::read(&self.rest, &mut |_, _: serde::de::IgnoredAny| ())?;
        self.early.into_iter().for_each(|item| each(&page, item));
        Ok(page)
    }

    /// Takes the bytes of an item up to its end, or to the end of the piece.
    fn inside(&mut self, piece: &[u8]) -> usize {
        let mut taken = 0;
        for byte in piece {
            if self.is_complete(*byte) {
                break;
            }
            if self.text == Text::No {
                match byte {
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
            self.text = self.text.after(*byte);
            taken += 1;
        }
        self.item.extend_from_slice(&piece[..taken]);
        taken
    }

    /// Whether the item is over before this byte.
    fn is_complete(&self, next: u8) -> bool {
        self.depth == 0 && self.text == Text::No && matches!(next, b',' | b']')
    }

    fn between(&mut self, byte: u8) -> usize {
        match byte {
            b',' | b' ' | b'\n' | b'\r' | b'\t' => self.rest.push(byte),
            b']' => {
                self.rest.push(byte);
                (self.place, self.depth) = (Place::Outside, 1);
            }
            _ => {
                self.rest.push(b'0');
                (self.place, self.depth) = (Place::Item, 0);
                return 0;
            }
        }
        1
    }

    fn outside(&mut self, byte: u8) -> usize {
        let before = self.text;
        self.text = before.after(byte);
        self.rest.push(byte);
        if (before, self.text) == (Text::No, Text::Inside) {
            self.began = self.rest.len();
        } else if before != Text::No {
            self.key = self.text == Text::No && self.rest[self.began..] == *KEY;
        } else {
            match byte {
                b'[' if self.depth == 1 && self.key && self.after_colon() => {
                    (self.place, self.key) = (Place::BetweenItems, false);
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        1
    }

    /// Whether there is a colon, and nothing else, between the last text and the bracket that was just taken.
    fn after_colon(&self) -> bool {
        let between = &self.rest[self.began + KEY.len()..self.rest.len() - 1];
        between.trim_ascii() == b":"
    }

    /// Parses the complete item.
    fn pass(&mut self, each: Each<'_, T>) -> Result<(), serde_json::Error> {
        let item: T = serde_json::from_slice(&self.item)?;
        self.item.clear();
        self.place = Place::BetweenItems;
        let page = self.page.get_or_insert_with(|| known(&self.rest));
        if page.kind.is_empty() || page.api.is_empty() {
            self.early.push(item);
        } else {
            each(page, item);
        }
        Ok(())
    }
}

/// What the text before the first item says about the page.
fn known(rest: &[u8]) -> Page {
    let whole = [rest, b"]}"].concat();
    page::read(&whole, &mut |_, _: serde::de::IgnoredAny| ()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    type Found = Vec<(String, Value)>;

    /// A page that was read at once, and its items with the kind that was known when each of them was passed on.
    fn at_once(text: &str) -> Result<(Page, Found), String> {
        let mut items = vec![];
        let mut each = |page: &Page, item| items.push((page.kind.clone(), item));
        let page = page::read(text.as_bytes(), &mut each).map_err(|e| e.to_string())?;
        Ok((page, items))
    }

    /// The same in pieces of this size.
    fn in_pieces(text: &str, size: usize) -> Result<(Page, Found), String> {
        let mut items = vec![];
        let mut each = |page: &Page, item| items.push((page.kind.clone(), item));
        let mut pieces = Pieces::new();
        for piece in text.as_bytes().chunks(size) {
            pieces.take(piece, &mut each).map_err(|e| e.to_string())?;
        }
        let page = pieces.end(&mut each).map_err(|e| e.to_string())?;
        Ok((page, items))
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a\"\\\\\\[\\]{},: é\n]{0,6}".prop_map(Value::from),
            Just(json!("items")),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let key = prop_oneof![Just("items".to_owned()), "[a-c\"\\\\\\]}]{0,3}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_page_in_pieces_is_the_page_at_once(
            items in prop::collection::vec(documents(), 0..4),
            other in documents(),
            (kind_first, pretty, size) in (any::<bool>(), any::<bool>(), 1_usize..40),
        ) {
            let kind = ("kind", json!("PodList"));
            let mut fields =
                vec![("apiVersion", json!("v1")), ("metadata", json!({"continue": "n", "items": [1]})), ("other", other)];
            fields.insert(0, if kind_first { kind.clone() } else { ("items", items.clone().into()) });
            fields.push(if kind_first { ("items", items.into()) } else { kind });
            let write = |value: &Value| if pretty { format!(" {value:#} ") } else { value.to_string() };
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{}", write(value))).collect();
            let text = format!("{{{}}}", fields.join(","));
            let whole = at_once(&text);
            prop_assert!(whole.is_ok());
            prop_assert_eq!(&in_pieces(&text, size), &whole, "{}", text);
            // A page that breaks off is an error, wherever it breaks off.
            let cut = text.char_indices().map(|(at, _)| at).nth(size).unwrap_or(1);
            prop_assert!(in_pieces(&text[..cut], 7).is_err() || text[cut..].trim().is_empty(), "{}", text);
        }
    }

    #[test]
    fn damage_is_an_error_and_what_is_no_list_is_strange() {
        let start = r#"{"kind":"PodList","apiVersion":"v1","#;
        let bad =
            ["[1,]}", "[1 2]}", "[}]}", "[{]}", "[1]}}", "[1]} x", "[,1]}", "[[1}]}", "[\"a]}", "[1]", "1}]}", ":[1]}"];
        for end in bad {
            for size in [1, 3, 100] {
                let read = in_pieces(&format!("{start}\"items\":{end}"), size);
                assert!(read.is_err(), "{end}: {read:?}");
            }
        }
        for (end, strange) in
            [("null}", false), ("[]}", false), ("{\"a\":[1]}}", true), ("\"items\"}", true), ("1}", true)]
        {
            let (page, items) = in_pieces(&format!("{start}\"items\":{end}"), 2).expect("a page");
            assert!(page.strange == strange && items.is_empty(), "{end}");
        }
        // No server writes the key like this, but the items are not lost.
        let (_, items) = in_pieces(&format!("{start}\"\\u0069tems\":[1,{{}}]}}"), 3).expect("a page");
        assert_eq!(items.len(), 2);
    }
}
