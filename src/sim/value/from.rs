//! Conversions into values, and comparisons of values with plain Rust types. The macro `json!` comes first.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Number;
use smol_str::SmolStr;

use super::{Map, Value};

/// An object or a list, written as for `serde_json::json!`.
macro_rules! json {
    ($($json:tt)+) => { $crate::sim::value::Value::from(::serde_json::json!($($json)+)) };
}
pub(in crate::sim) use json;

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Number(number),
            serde_json::Value::String(text) => Self::String(text.into()),
            serde_json::Value::Array(items) => items.into_iter().map(Self::from).collect(),
            serde_json::Value::Object(map) => {
                let fields = map.into_iter().map(|(key, value)| (SmolStr::from(key), value.into()));
                Self::Object(Arc::new(Map(fields.collect())))
            }
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::String(text.to_string()),
            Value::Array(items) => items.iter().map(Self::from).collect(),
            Value::Object(map) => {
                Self::Object(map.iter().map(|(key, value)| (key.to_string(), value.into())).collect())
            }
        }
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self::Array(Arc::new(items.into_iter().collect()))
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().map(Into::into).collect()
    }
}

impl<K: AsRef<str> + Into<SmolStr>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(fields: I) -> Self {
        let mut map = Self::default();
        for (key, value) in fields {
            map.insert(key, value);
        }
        map
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Object(Arc::new(map))
    }
}

impl From<&BTreeMap<String, String>> for Value {
    fn from(map: &BTreeMap<String, String>) -> Self {
        let fields = map.iter().map(|(key, value)| (SmolStr::from(key), value.as_str().into()));
        Self::Object(Arc::new(Map(fields.collect())))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Number::from_f64(value).map_or(Self::Null, Self::Number)
    }
}

impl PartialEq<bool> for Value {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

macro_rules! texts {
    ($($type:ty)+) => { $(
        impl From<$type> for Value {
            fn from(text: $type) -> Self {
                Self::String(text.into())
            }
        }

        impl PartialEq<$type> for Value {
            fn eq(&self, other: &$type) -> bool {
                self.as_str() == Some(other.as_ref())
            }
        }
    )+ };
}
texts!(&str String &String SmolStr);

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

macro_rules! numbers {
    ($($type:ty)+) => { $(
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                Self::Number(number.into())
            }
        }

        impl PartialEq<$type> for Value {
            fn eq(&self, other: &$type) -> bool {
                self.as_number() == Some(&Number::from(*other))
            }
        }
    )+ };
}
numbers!(i32 i64 u16 u32 u64 usize);
