//! The cover of a report: whom it belongs to. Start with [`Cover`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The organisation that the report belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cover {
    /// Its name.
    pub name: String,
    /// How confidential the report is, such as INTERNAL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub marking: String,
    /// Its logo, for formats with pictures.
    #[serde(skip)]
    pub logo: Option<Logo>,
}

/// A logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Its media type, from its content.
    pub media: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}
