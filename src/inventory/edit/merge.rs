//! A patch of an object as edits of its text. A new field or item is inserted before the others, because the line after that
//! of the parent is an exact place, whatever comments and texts follow. Start with [`merge_edits`].

use serde_json::{Map, Value};

use super::{
    Edit,
    layout::{Content, Entry, Layout},
    text::{flow, indented, is_word, yaml},
};

/// The edits that merge `body` into an object: maps are merged, lists get the items in front, everything else is
/// replaced. The caller reads the edited text again: an anchor or a merge key may carry a change to another place.
///
/// # Errors
/// A field has no exact place; the text says which, and why.
pub fn merge_edits(text: &str, layout: &Layout, object: usize, body: &Value) -> Result<Vec<Edit>, String> {
    let mut merge = Merge { text, layout, edits: vec![] };
    let Some(body) = body.as_object() else { return Err("the change is not a map".to_owned()) };
    merge.map("", object, None, body)?;
    Ok(merge.edits)
}

struct Merge<'a> {
    text: &'a str,
    layout: &'a Layout,
    edits: Vec<Edit>,
}

impl<'a> Merge<'a> {
    /// Merges into a map. `key_at` is the place of the map's own key; the map of the object itself has none.
    fn map(&mut self, path: &str, map: usize, key_at: Option<usize>, body: &Map<String, Value>) -> Result<(), String> {
        let Content::Map(entries) = &self.layout.nodes[map].content else {
            return Err(format!("{} is not a map in the file", named(path)));
        };
        // Several new fields are inserted at one place, in their order.
        for (key, value) in body {
            let path = format!("{path}/{key}");
            match self.layout.entry(map, key) {
                Some(entry) => self.existing(&path, entry, value)?,
                None if self.is_flow(map) => self.add_to_flow_map(map, entries, key, value),
                None => self.add_to_block_map(&path, entries, key_at, (key, value))?,
            }
        }
        Ok(())
    }

    fn existing(&mut self, path: &str, entry: &Entry, value: &Value) -> Result<(), String> {
        match value {
            Value::Object(body) => self.map(path, entry.value, Some(entry.at), body),
            Value::Array(items) => self.list(path, entry, items),
            Value::Null => Err(format!("{path} would be removed")),
            value => self.scalar(path, entry.value, value),
        }
    }

    /// Replaces a scalar that is written on one line and without escapes.
    fn scalar(&mut self, path: &str, node: usize, value: &Value) -> Result<(), String> {
        let Content::Scalar(old) = &self.layout.nodes[node].content else {
            return Err(format!("{path} is not a plain value in the file"));
        };
        let at = self.layout.nodes[node].at;
        let rest = &self.text[at..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'')).map(String::from).unwrap_or_default();
        let written = format!("{quote}{old}{quote}");
        if old.is_empty() || old.contains('\n') || !rest.starts_with(&written) {
            return Err(format!("the value of {path} is not written on one line"));
        }
        let new = match value {
            Value::String(text) if !quote.is_empty() && is_word(text) => format!("{quote}{text}{quote}"),
            value => yaml(value).trim_end().to_owned(),
        };
        self.edits.push(Edit { range: at..at + written.len(), text: new });
        Ok(())
    }

    /// Puts items in front of those of a list.
    fn list(&mut self, path: &str, entry: &Entry, items: &[Value]) -> Result<(), String> {
        let Content::List(old) = &self.layout.nodes[entry.value].content else {
            return Err(format!("{path} is not a list in the file"));
        };
        if self.is_flow(entry.value) {
            let new: Vec<String> = items.iter().map(flow).collect();
            let comma = if old.is_empty() { "" } else { ", " };
            self.insert(self.layout.nodes[entry.value].at + 1, format!("{}{comma}", new.join(", ")));
            return Ok(());
        }
        let Some(first) = old.first().map(|first| self.layout.nodes[*first].at) else {
            return Err(format!("{path} has no items in the file"));
        };
        let dash = self.line_of(first);
        let columns = dash.len() - dash.trim_start_matches(' ').len();
        let at = self.after_line(entry.at);
        if !dash[columns..].starts_with("- ") || at > first {
            return Err(format!("the items of {path} do not begin on lines of their own"));
        }
        self.insert(at, indented(&yaml(&items), columns, self.line_break()));
        Ok(())
    }

    fn add_to_flow_map(&mut self, map: usize, entries: &[Entry], key: &str, value: &Value) {
        let inside = self.layout.nodes[map].at + 1;
        let quoted = entries.first().is_some_and(|first| self.text[first.at..].starts_with('"'));
        let key = if quoted || !is_word(key) { flow(&key.into()) } else { key.to_owned() };
        let pair = format!("{key}: {}", flow(value));
        let Some(first) = entries.first() else { return self.insert(inside, pair) };
        // A block map may begin with a key in brackets. Reading the edited text again refuses such an edit.
        let gap = self.text.get(inside..first.at).unwrap_or("");
        if gap.contains('\n') && gap.trim().is_empty() {
            // One field a line, as in pretty JSON.
            self.insert(inside, format!("{gap}{pair},"));
        } else {
            self.insert(first.at, format!("{pair}, "));
        }
    }

    fn add_to_block_map(
        &mut self,
        path: &str,
        entries: &[Entry],
        key_at: Option<usize>,
        (key, value): (&str, &Value),
    ) -> Result<(), String> {
        let (Some(key_at), Some(first)) = (key_at, entries.first()) else {
            return Err(format!("the object does not have the parent of {path}"));
        };
        let at = self.after_line(key_at);
        let before = self.before(first.at);
        if at > first.at || !before.chars().all(|c| c == ' ') {
            return Err(format!("the fields beside {path} do not begin on lines of their own"));
        }
        let field = yaml(&Map::from_iter([(key.to_owned(), value.clone())]));
        self.insert(at, indented(&field, before.len(), self.line_break()));
        Ok(())
    }

    fn insert(&mut self, at: usize, text: String) {
        self.edits.push(Edit { range: at..at, text });
    }

    fn is_flow(&self, node: usize) -> bool {
        self.text[self.layout.nodes[node].at..].starts_with(['{', '['])
    }

    /// The text of the line before a place.
    fn before(&self, at: usize) -> &'a str {
        let begin = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        &self.text[begin..at]
    }

    /// The line of a place.
    fn line_of(&self, at: usize) -> &'a str {
        let begin = at - self.before(at).len();
        self.text[begin..].lines().next().unwrap_or("")
    }

    /// The beginning of the line after the one of a place.
    fn after_line(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |i| at + i + 1)
    }

    /// The line break that the file uses.
    fn line_break(&self) -> &'static str {
        if self.text.split_inclusive('\n').next().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" }
    }
}

/// The path of a field for people.
fn named(path: &str) -> &str {
    if path.is_empty() { "the object" } else { path }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inventory::edit::{Manifest, edited, sorted_edits};

    /// The only object of a text after a patch.
    fn merged(text: &str, body: &Value) -> Result<String, String> {
        let mut manifest = Manifest::new(text);
        let (layout, object) = manifest.object(1, "Deployment", "", "web").expect("located");
        Ok(edited(text, &sorted_edits(merge_edits(text, layout, object, body)?)?))
    }

    #[test]
    fn a_field_is_put_before_the_others_and_nothing_else_moves() {
        let text = "kind: Deployment\nmetadata: {name: web}  # ours\nspec:  # why\n    # the ü selector\n    selector: {a: b}\n    \
                    text: |\n      x\n\n# end\n";
        let body = json!({"spec": {"replicas": 2, "strategy": {"type": "Recreate"}}});
        let expected = text.replace("# why\n", "# why\n    replicas: 2\n    strategy:\n      type: Recreate\n");
        assert_eq!(merged(text, &body), Ok(expected));
        let windows = text.replace('\n', "\r\n");
        let after = merged(&windows, &json!({"spec": {"replicas": 2}})).expect("merged");
        assert_eq!(after, windows.replace("# why\r\n", "# why\r\n    replicas: 2\r\n"));
    }

    #[test]
    fn a_value_is_replaced_where_it_stands() {
        let of = |value: &str| {
            format!("kind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: {value}  # one\n  z: 1\n")
        };
        assert_eq!(merged(&of("1"), &json!({"spec": {"replicas": 2}})), Ok(of("2")));
        assert_eq!(merged(&of("'a'"), &json!({"spec": {"replicas": "b"}})), Ok(of("'b'")));
        assert_eq!(merged(&of("a"), &json!({"spec": {"replicas": "b"}})), Ok(of("b")));
        for other in ["|\n    a", "\"a\\\n    b\"", "", "{a: 1}"] {
            assert!(merged(&of(other), &json!({"spec": {"replicas": 2}})).is_err(), "{other}");
        }
    }

    #[test]
    fn flow_style_and_json_keep_their_shape() {
        let flow = "{kind: Deployment, metadata: {name: web}, spec: {replicas: 1, t: {}}}";
        let body = json!({"spec": {"paused": false, "t": {"x": [1]}}});
        assert_eq!(
            merged(flow, &body).as_deref(),
            Ok("{kind: Deployment, metadata: {name: web}, spec: {paused: false, replicas: 1, t: {x: [1]}}}")
        );
        let pretty = "{\n  \"kind\": \"Deployment\",\n  \"metadata\": {\"name\": \"web\"},\n  \"spec\": {\n    \"replicas\": 1\n  }\n}\n";
        let expected = pretty.replace("{\n    \"replicas\"", "{\n    \"paused\": false,\n    \"replicas\"");
        assert_eq!(merged(pretty, &json!({"spec": {"paused": false}})), Ok(expected));
    }

    #[test]
    fn items_are_put_before_the_others() {
        let text = "kind: Deployment\nmetadata: {name: web}\nspec:\n  list:\n    # the first\n    - a: 1\n      b: 2\n    - a: 2\n  other: [x]\n";
        let body = json!({"spec": {"list": [{"a": 0, "c": {"d": 1}}], "other": ["w"]}});
        let expected =
            text.replace("  list:\n", "  list:\n    - a: 0\n      c:\n        d: 1\n").replace("[x]", "[\"w\", x]");
        assert_eq!(merged(text, &body), Ok(expected));
    }

    #[test]
    fn an_object_is_edited_only_where_it_is() {
        let list = "kind: List\nitems:\n- kind: Deployment\n  metadata: {name: web}\n- kind: Deployment\n  metadata: {name: api}\n";
        let mut manifest = Manifest::new(list);
        assert!(manifest.object(5, "Deployment", "", "api").is_some());
        for (line, kind, namespace, name) in [
            (3, "Deployment", "", "api"),
            (5, "Service", "", "api"),
            (5, "Deployment", "shop", "api"),
            (1, "List", "", ""),
        ] {
            assert!(manifest.object(line, kind, namespace, name).is_none(), "{line} {kind} {name}");
        }
        let twins = "[{kind: Deployment, metadata: {name: web}}, {kind: Deployment, metadata: {name: web}}]";
        assert!(Manifest::new(twins).object(1, "Deployment", "", "web").is_none());
    }
}
