//! Reads a long list again and again, and parses only the items that changed. Between two readings most items of a list
//! are the same, byte for byte, and their text says the same. Start with [`LastList`].

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, de::DeserializeOwned};

use super::{ApiError, Kube, kube::strange, lists::Position};

/// How many items are compared with an item of the earlier list. More than this are rarely added or removed in one place.
const NEAR: usize = 64;
/// The text of a list is kept up to this length. Longer ones would take more memory than their parsing is worth.
const LONGEST: usize = 32 << 20;

/// What separates two items of a list. It may also occur within an item; then the parts are no JSON, and the page is
/// parsed as a whole.
const BETWEEN: &[u8] = br#"},{"metadata":{"#;
const BEGIN: &[u8] = br#""items":["#;

/// A list as it was last read.
#[derive(Debug)]
pub struct LastList<T> {
    items: Vec<Known<T>>,
}

#[derive(Debug)]
struct Known<T> {
    page: Bytes,
    at: Range<usize>,
    item: Arc<T>,
}

impl<T> Known<T> {
    fn text(&self) -> &[u8] {
        &self.page[self.at.clone()]
    }
}

impl<T> Default for LastList<T> {
    fn default() -> Self {
        Self { items: vec![] }
    }
}

/// The reading of the pages of one list.
struct Reading<'a, T> {
    last: &'a [Known<T>],
    /// The position in the last list up to which items were found again.
    at: usize,
    now: Vec<Known<T>>,
    length: usize,
}

impl<T: DeserializeOwned> Reading<'_, T> {
    /// Reads a page. Returns where the list continues, and its version.
    fn page(&mut self, page: &Bytes, into: &mut Vec<Arc<T>>) -> Result<(String, String), serde_json::Error> {
        self.length += page.len();
        let (whole, known) = match self.parts(page) {
            Some(found) => found,
            None => (serde_json::from_slice::<Typed<T>>(page)?, vec![]),
        };
        into.extend(known.iter().map(|known| Arc::clone(&known.item)));
        self.now.extend(known);
        into.extend(whole.items.into_iter().flatten().map(Arc::new));
        Ok((whole.metadata.next, whole.metadata.resource_version))
    }

    /// The page without its items, and the items. None if the text cannot be divided into items.
    fn parts(&mut self, page: &Bytes) -> Option<(Typed<T>, Vec<Known<T>>)> {
        let begin = memmem::find(page, BEGIN)? + BEGIN.len();
        let end = memmem::rfind(page, b"}]")? + 1;
        let text = page.get(begin..end)?;
        // If the rest is a list without items, what lies between is a list if each of its parts is an item.
        let rest = [&page[..begin], &page[end..]].concat();
        let whole: Typed<T> = serde_json::from_slice(&rest).ok()?;
        if whole.items.as_ref().is_none_or(|items| !items.is_empty()) {
            return None;
        }
        let mut known = vec![];
        let mut from = begin;
        for between in memmem::find_iter(text, BETWEEN).map(|at| begin + at + 1).chain([end]) {
            known.push(self.item(page, from..between)?);
            from = between + 1;
        }
        Some((whole, known))
    }

    /// An item: the same as before if its text is the same.
    fn item(&mut self, page: &Bytes, at: Range<usize>) -> Option<Known<T>> {
        let text = page.get(at.clone())?;
        let near = self.last.get(self.at..)?.iter().take(NEAR);
        let item = match near.enumerate().find(|(_, known)| known.text() == text) {
            Some((skipped, known)) => {
                self.at += skipped + 1;
                Arc::clone(&known.item)
            }
            None => Arc::new(serde_json::from_slice(text).ok()?),
        };
        Some(Known { page: page.clone(), at, item })
    }
}

impl Kube {
    /// Reads a complete list into a type that does not need the kind of an item. Items whose text is the same as in
    /// the last list are not parsed again.
    pub async fn list_again<T: DeserializeOwned>(
        &self,
        path: &str,
        last: &mut LastList<T>,
    ) -> Result<Vec<Arc<T>>, ApiError> {
        let mut reading = Reading { last: &last.items, at: 0, now: vec![], length: 0 };
        let (items, _) = self
            .byte_pages(path, |page, items| {
                if items.is_empty() {
                    (reading.at, reading.length) = (0, 0);
                    reading.now.clear();
                }
                reading.page(page, items)
            })
            .await?;
        let Reading { now, length, .. } = reading;
        last.items = if length <= LONGEST { now } else { vec![] };
        Ok(items)
    }

    /// Reads one page after another. Returns what `take` collects from them, and the version of the last page. `take`
    /// returns where the list continues, and its version.
    async fn byte_pages<T>(
        &self,
        path: &str,
        mut take: impl FnMut(&Bytes, &mut Vec<T>) -> Result<(String, String), serde_json::Error>,
    ) -> Result<(Vec<T>, String), ApiError> {
        let mut items = vec![];
        let mut position = Position::default();
        loop {
            let page = match self.get_bytes(&position.address(path)).await {
                Err(error) if position.goes_back(&error) => {
                    items.clear();
                    continue;
                }
                other => other?,
            };
            let (goes_on, version) =
                take(&page, &mut items).map_err(|e| ApiError::Strange { path: path.to_owned(), why: strange(&e) })?;
            if goes_on.is_empty() {
                return Ok((items, version));
            }
            position.next = goes_on;
        }
    }
}

/// A page of a list, read into a type.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Typed<T> {
    #[serde(default)]
    items: Option<Vec<T>>,
    #[serde(default)]
    metadata: PageMeta,
}

/// How a list continues, and its version.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMeta {
    #[serde(rename = "continue")]
    next: String,
    resource_version: String,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The items of a page that was read after another, how many of them were parsed, and where the list continues.
    fn read(before: &str, now: &str) -> Result<(Vec<Value>, usize, String), serde_json::Error> {
        let read = |text: &str, last: &[Known<Value>]| {
            let mut reading = Reading { last, at: 0, now: vec![], length: 0 };
            let mut items = vec![];
            let (next, _) = reading.page(&Bytes::copy_from_slice(text.as_bytes()), &mut items)?;
            Ok::<_, serde_json::Error>((items, reading.now, next))
        };
        let (_, last, _) = read(before, &[])?;
        let (items, _, next) = read(now, &last)?;
        let parsed = items.iter().filter(|item| !last.iter().any(|known| Arc::ptr_eq(&known.item, item))).count();
        Ok((items.iter().map(|item| (**item).clone()).collect(), parsed, next))
    }

    fn pod(name: &str, phase: &str) -> Value {
        json!({"metadata": {"name": name}, "status": {"phase": phase}})
    }

    fn list(items: &[Value]) -> String {
        json!({"apiVersion": "v1", "items": items, "kind": "PodList", "metadata": {"continue": "n", "resourceVersion": "7"}})
            .to_string()
    }

    #[test]
    fn only_what_changed_is_parsed_again() {
        let all: Vec<Value> = (0..200).map(|i| pod(&format!("web-{i:03}"), "Running")).collect();
        let mut changed = all.clone();
        changed[7] = pod("web-007", "Failed");
        changed.remove(50);
        changed.insert(90, pod("web-090-b", "Pending"));
        let (items, parsed, next) = read(&list(&all), &list(&changed)).expect("a page");
        assert_eq!((items, parsed, next.as_str()), (changed, 2, "n"));
        let (items, parsed, _) = read(&list(&all), &list(&[])).expect("a page");
        assert_eq!((items.len(), parsed), (0, 0));
    }

    #[test]
    fn an_item_that_contains_what_separates_items_is_read_whole() {
        let nested = json!({"metadata": {"name": "set"}, "spec": {"claims": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}});
        let items = vec![pod("web", "Running"), nested, pod("x},{\"metadata\":{", "\"items\":[")];
        assert_eq!(read(&list(&items), &list(&items)).expect("a page").0, items);
        let first = r#"{"kind":"PodList","metadata":{"note":"\"items\":[","x":{"items":[{"metadata":{}}]}},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#;
        let names: Vec<Value> =
            read(first, first).expect("a page").0.iter().map(|item| item["metadata"]["name"].clone()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn what_is_not_a_list_is_an_error_as_before() {
        let good = list(&[pod("a", "Running"), pod("b", "Running")]);
        for at in [1, 20, good.len() / 2, good.len() - 1] {
            assert!(read(&good, &good[..at]).is_err(), "{at}");
        }
        assert!(read(&good, &good.replace("},{", "},,{")).is_err());
        assert!(read(&good, &good.replace("},{", "}{")).is_err());
        assert!(read(&good, &format!("{good}x")).is_err());
        assert_eq!(read(&good, "{}").expect("a page").0, Vec::<Value>::new());
    }
}
