//! The organisation that a report belongs to: name, logo, marking, templates and language, from one file. Start with
//! [`Organisation::read`].

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    document::{Cover, Logo},
    words::Words,
};
use crate::{files, model::is_printable};

/// A larger logo would make every report large: it is part of the file.
const LARGEST_LOGO: u64 = 256 << 10;
/// A larger file is not an organisation file, a language file or a template.
const LARGEST: u64 = 1 << 20;
/// Longer texts do not fit on the cover.
const LONGEST: usize = 120;
/// The templates that a directory may hold.
const TEMPLATES: [&str; 2] = ["report.html", "report.css"];

/// Whom a report belongs to, and its language.
#[derive(Clone, Debug, Default)]
pub struct Organisation {
    /// The cover.
    pub cover: Option<Cover>,
    /// The texts.
    pub words: Words,
    /// The template of the HTML report, with its file, if it is not the shipped one.
    pub html: Option<(String, String)>,
    /// The style sheet of the HTML report, if it is not the shipped one.
    pub css: Option<String>,
}

/// The file, as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationFile {
    /// The name of the organisation.
    pub name: String,
    /// The file of its logo: PNG or JPEG, at most 256 KiB. A path beside this file.
    pub logo: Option<PathBuf>,
    /// How confidential its reports are, such as INTERNAL. It stands on each page.
    pub marking: Option<String>,
    /// A directory with templates: report.html, report.css, or both.
    pub templates: Option<PathBuf>,
    /// The code of a shipped language (en, de), or a language file.
    pub language: Option<String>,
}

impl Organisation {
    /// Reads an organisation file, and the files that it names.
    ///
    /// # Errors
    /// Which file cannot be used, why, and what to write.
    pub fn read(path: &Path) -> Result<Self, String> {
        let said = path.display();
        let text = text(path)?;
        let file: OrganisationFile = serde_saphyr::from_str(&text).map_err(|e| {
            let first = e.to_string().lines().next().unwrap_or_default().to_owned();
            format!("{said}: this is not an organisation file: {first}; it needs `name`, and may have `logo`, `marking`, `templates` and `language`")
        })?;
        let beside = path.parent().unwrap_or(Path::new("."));
        let cover = Cover {
            name: short(&said, "name", &file.name)?,
            marking: file.marking.as_deref().map(|m| short(&said, "marking", m)).transpose()?.unwrap_or_default(),
            logo: file.logo.as_deref().map(|l| logo(&beside.join(l))).transpose()?,
        };
        let words = file.language.as_deref().map(|l| language(beside, l)).transpose()?.unwrap_or_default();
        let mut all = Self { cover: Some(cover), words, ..Self::default() };
        if let Some(templates) = &file.templates {
            all.templates(&beside.join(templates))?;
        }
        Ok(all)
    }

    /// The same, in another language: a shipped one, or a language file.
    ///
    /// # Errors
    /// Which text is missing or wrong.
    pub fn in_language(self, language_or_file: &str) -> Result<Self, String> {
        Ok(Self { words: language(Path::new("."), language_or_file)?, ..self })
    }

    fn templates(&mut self, dir: &Path) -> Result<(), String> {
        let entries =
            std::fs::read_dir(dir).map_err(|e| format!("{}: cannot read the templates: {e}", dir.display()))?;
        for entry in entries {
            let entry = entry.map_err(|e| format!("{}: cannot read the templates: {e}", dir.display()))?;
            let (name, path) = (entry.file_name(), entry.path());
            if !TEMPLATES.iter().any(|known| name == *known) {
                return Err(format!(
                    "{}: this is not a template; a directory of templates holds {}",
                    path.display(),
                    TEMPLATES.join(" and ")
                ));
            }
            let text = text(&path)?;
            if name == TEMPLATES[0] {
                super::html::check(&text).map_err(|why| format!("{}: {why}", path.display()))?;
                self.html = Some((path.display().to_string(), text));
            } else {
                // The style sheet is copied into the page without escaping.
                if text.to_lowercase().contains("</style") {
                    return Err(format!("{}: a style sheet cannot contain `</style`", path.display()));
                }
                self.css = Some(text);
            }
        }
        if self.html.is_none() && self.css.is_none() {
            return Err(format!("{}: this directory contains neither {}", dir.display(), TEMPLATES.join(" nor ")));
        }
        Ok(())
    }
}

fn text(path: &Path) -> Result<String, String> {
    let bytes = bytes(path, LARGEST)?;
    String::from_utf8(bytes).map_err(|_| format!("{}: this is not text in UTF-8", path.display()))
}

fn bytes(path: &Path, largest: u64) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let fail = |e: std::io::Error| format!("{}: cannot read it: {e}", path.display());
    let mut found = vec![];
    files::regular(path).map_err(fail)?.take(largest + 1).read_to_end(&mut found).map_err(fail)?;
    if found.len() as u64 > largest {
        return Err(format!("{}: it is larger than {} KiB", path.display(), largest >> 10));
    }
    Ok(found)
}

/// A text of the cover: one printable line.
fn short(file: &impl std::fmt::Display, key: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST || !text.chars().all(is_printable) {
        return Err(format!("{file}: `{key}` must be one line with 1 to {LONGEST} printable characters"));
    }
    Ok(text.to_owned())
}

/// The type comes from the content, because a name proves nothing. SVG is refused: it may hold scripts and references.
fn logo(path: &Path) -> Result<Logo, String> {
    let bytes = bytes(path, LARGEST_LOGO)?;
    let media = match &bytes[..] {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        _ => return Err(format!("{}: this is not a PNG or JPEG picture; convert the logo to PNG", path.display())),
    };
    Ok(Logo { media, bytes })
}

/// The texts of a shipped language, or of a language file.
fn language(beside: &Path, language: &str) -> Result<Words, String> {
    if let Some(shipped) = Words::shipped(language) {
        return shipped.map_err(|e| e.to_string());
    }
    let path = beside.join(language);
    if !path.exists() {
        let shipped: Vec<&str> = super::words::SHIPPED.iter().map(|(code, _)| *code).collect();
        return Err(format!(
            "`{language}` is not a language of this version (en, {}), and the file {} does not exist",
            shipped.join(", "),
            path.display()
        ));
    }
    Words::read(&path.display().to_string(), &text(&path)?).map_err(|e| e.to_string())
}
