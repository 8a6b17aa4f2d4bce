//! JSON that reports keys that are given twice. `serde_json` keeps the last one without a word; the API server refuses
//! such an object, as the reader of YAML does. Start with [`Keyed`].

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// A value that was read from JSON.
#[derive(Debug, PartialEq)]
pub(super) struct Keyed {
    pub value: Value,
    /// Whether one of its objects gives a key twice.
    pub twice: bool,
}

impl<'de> Deserialize<'de> for Keyed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

fn leaf<E>(value: impl Into<Value>) -> Result<Keyed, E> {
    Ok(Keyed { value: value.into(), twice: false })
}

impl<'de> Visitor<'de> for Reader {
    type Value = Keyed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Keyed, E> {
        leaf(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Keyed, E> {
        leaf(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Keyed, E> {
        leaf(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Keyed, E> {
        leaf(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Keyed, E> {
        leaf(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Keyed, E> {
        leaf(value)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Keyed, E> {
        leaf(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Keyed, A::Error> {
        let (mut all, mut twice) = (vec![], false);
        while let Some(item) = items.next_element::<Keyed>()? {
            twice |= item.twice;
            all.push(item.value);
        }
        Ok(Keyed { value: Value::Array(all), twice })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Keyed, A::Error> {
        let (mut map, mut twice) = (Map::new(), false);
        while let Some((key, inner)) = entries.next_entry::<String, Keyed>()? {
            let again = map.insert(key, inner.value).is_some();
            twice |= inner.twice || again;
        }
        Ok(Keyed { value: Value::Object(map), twice })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Keyed {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn a_key_that_is_given_twice_is_seen_at_any_depth() {
        for (text, twice) in [
            (r#"{"a": 1, "b": {"a": 1}}"#, false),
            (r#"[{"a": 1}, {"a": 1}]"#, false),
            (r#"{"a": 1, "a": 1}"#, true),
            (r#"[0, {"a": [{"b": null, "c": 1, "b": 2}]}, {}]"#, true),
            (r#"{"a": {"b": 1, "b": 2}, "c": 1}"#, true),
        ] {
            assert_eq!(read(text).twice, twice, "{text}");
        }
    }

    #[test]
    fn the_value_is_that_of_the_usual_reader() {
        let text = r#"{"a": [1, -1, 1.5, 1e300, true, null, "x\u00e9\n"], "b": {}, "c": 18446744073709551615}"#;
        assert_eq!(read(text).value, serde_json::from_str::<Value>(text).expect("JSON"));
    }
}
