//! Parts of a plan that a newer version may have written. This version must still be able to report and undo such a
//! run, so it keeps what it cannot read exactly as it was written.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

/// A part of a plan, or its raw form if this version cannot read it.
#[derive(Clone, Debug, PartialEq)]
pub enum OrNewer<T> {
    /// This version can read it.
    Known(T),
    /// This version cannot read it.
    Newer(Newer),
}

/// A part that could not be read, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Newer {
    /// As it was written.
    pub value: Value,
    /// Why this version cannot read it.
    pub why: String,
}

impl<T> OrNewer<T> {
    /// The value, or none if it could not be read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Newer(_) => None,
        }
    }
}

impl<T: Serialize> Serialize for OrNewer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(known) => known.serialize(serializer),
            Self::Newer(newer) => newer.value.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OrNewer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match T::deserialize(&value) {
            Ok(known) => Self::Known(known),
            Err(error) => Self::Newer(Newer { why: error.to_string(), value }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_written_again_as_it_was() {
        let text = r#"[7,{"from":"tomorrow"}]"#;
        let read: Vec<OrNewer<u8>> = serde_json::from_str(text).expect("any JSON is read");
        assert_eq!(read[0].known(), Some(&7));
        assert!(read[1].known().is_none());
        assert_eq!(serde_json::to_string(&read).expect("it was JSON"), text);
    }
}
