//! Reads one page of a list item by item. As one JSON document, a page of large objects would need many times the
//! memory of its text.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// A page without its items.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The kind of the list; empty if the page does not name it.
    pub kind: String,
    /// The version of the API.
    pub api: String,
    /// Where the list continues; empty on the last page.
    pub next: String,
    /// The version from which to watch.
    pub version: String,
    /// Whether its items are something else than a list.
    pub strange: bool,
}

/// Called with each item of a page, and with the page as far as it was read.
pub(super) type Each<'a, T> = &'a mut dyn FnMut(&Page, T);

/// Reads a page, and passes each item on.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], each: Each<'_, T>) -> Result<Page, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let page = Reader(each).deserialize(&mut from)?;
    from.end()?;
    Ok(page)
}

struct Reader<'a, T>(Each<'a, T>);

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Reader<'_, T> {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Page, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Reader<'_, T> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let (mut page, mut early) = (Page::default(), vec![]);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "kind" => page.kind = text(&map.next_value()?, ""),
                "apiVersion" => page.api = text(&map.next_value()?, ""),
                "metadata" => {
                    let metadata: Value = map.next_value()?;
                    page.next = text(&metadata, "/continue");
                    page.version = text(&metadata, "/resourceVersion");
                }
                // Servers write the kind first. If not, the items wait for it.
                "items" if page.kind.is_empty() || page.api.is_empty() => {
                    page.strange = !map.next_value_seed(Items::of(&mut |item| early.push(item)))?;
                }
                "items" => {
                    let mut pass = |item| (self.0)(&page, item);
                    let is_list = map.next_value_seed(Items::of(&mut pass))?;
                    page.strange = !is_list;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        early.into_iter().for_each(|item| (self.0)(&page, item));
        Ok(page)
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Passes each item of a list on. The result is whether it was one; nothing counts as an empty list.
struct Items<'a, T>(&'a mut dyn FnMut(T), PhantomData<T>);

impl<'a, T> Items<'a, T> {
    fn of(each: &'a mut dyn FnMut(T)) -> Self {
        Self(each, PhantomData)
    }
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Items<'_, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Items<'_, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(true)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page, and its items with the kind that was known when each of them was passed on.
    fn page(text: &str) -> (Page, Vec<(String, Value)>) {
        let mut items = vec![];
        let page = read(text.as_bytes(), &mut |page, item| items.push((page.kind.clone(), item)));
        (page.expect("a page"), items)
    }

    #[test]
    fn items_come_with_the_kind_of_their_list_wherever_it_is_written() {
        let whole =
            Page { kind: "PodList".into(), api: "v1".into(), next: "n".into(), version: "7".into(), strange: false };
        let (kind, items) = (r#""kind":"PodList","apiVersion":"v1""#, r#""items":[{"a":1},{"a":2}]"#);
        let metadata = r#""metadata":{"continue":"n","resourceVersion":"7"},"x":[{}]"#;
        for text in [format!("{{{kind},{metadata},{items}}}"), format!("{{{items},{metadata},{kind}}}")] {
            let (page, items) = page(&text);
            assert_eq!(page, whole);
            let kinds: Vec<&str> = items.iter().map(|(kind, _)| kind.as_str()).collect();
            assert_eq!((kinds, &items[1].1["a"]), (vec!["PodList"; 2], &Value::from(2)));
        }
    }

    #[test]
    fn what_is_no_list_is_told_apart_from_an_empty_one() {
        for items in ["null", "[]"] {
            let text = format!(r#"{{"kind":"PodList","apiVersion":"v1","items":{items}}}"#);
            assert!(!page(&text).0.strange, "{items}");
        }
        for items in [r#"{"a":[1]}"#, r#""a""#, "1", "-1", "1.5", "true"] {
            for kind in [r#""kind":"PodList","apiVersion":"v1","#, ""] {
                let (page, found) = page(&format!(r#"{{{kind}"items":{items}}}"#));
                assert!(page.strange && found.is_empty(), "{items}");
            }
        }
        for damaged in ["[]", "{", r#"{"items":[{}"#, r#"{"items":[]} x"#] {
            assert!(read(damaged.as_bytes(), &mut |_, _: Value| ()).is_err(), "{damaged}");
        }
    }
}
