//! What a newer version may have written into a plan. A run that it began must still
//! be told and put back, so what this version cannot read is kept as it was written.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::Value;

/// Something of a plan, or what this version cannot read of it.
#[derive(Clone, Debug, PartialEq)]
pub enum OrNewer<T> {
    /// Read.
    Known(T),
    /// Not read.
    Newer(Newer),
}

/// What could not be read, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Newer {
    /// As it was written.
    pub value: Value,
    /// Why this version cannot read it.
    pub why: String,
}

impl<T> OrNewer<T> {
    /// What was read; none where it could not be.
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
