//! The objects that a drill leaves behind in the cluster. Journals and reports contain them as text, which is made and
//! read here only.

use std::fmt;

/// An object that a drill leaves behind, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftObject {
    /// A Velero Backup.
    Backup(String),
    /// The labels that a drill set on a Velero Backup.
    BackupLabels(String),
    /// A Velero Restore.
    Restore(String),
    /// A namespace.
    Namespace(String),
    /// The volumes of a namespace that is gone.
    VolumesOf(String),
}

impl fmt::Display for LeftObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backup(name) => write!(f, "Velero backup {name}"),
            Self::BackupLabels(name) => write!(f, "labels drillmaster.dev/… of Velero backup {name}"),
            Self::Restore(name) => write!(f, "Velero restore {name}"),
            Self::Namespace(name) => write!(f, "namespace {name}"),
            Self::VolumesOf(namespace) => write!(f, "volumes of namespace {namespace}"),
        }
    }
}

impl LeftObject {
    /// Reads the text of a journal; none if another version wrote it about something that this one does not know.
    pub fn read(text: &str) -> Option<Self> {
        let sorts: [fn(String) -> Self; 5] =
            [Self::Backup, Self::BackupLabels, Self::Restore, Self::Namespace, Self::VolumesOf];
        // Each text ends with the name.
        sorts.into_iter().find_map(|sort| {
            let before_name = sort(String::new()).to_string();
            text.strip_prefix(before_name.as_str()).map(|name| sort(name.to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_read_as_what_it_was_written_for() {
        let name = || "drill-1-snapshot".to_owned();
        for object in [
            LeftObject::Backup(name()),
            LeftObject::BackupLabels(name()),
            LeftObject::Restore(name()),
            LeftObject::Namespace(name()),
            LeftObject::VolumesOf(name()),
        ] {
            assert_eq!(LeftObject::read(&object.to_string()), Some(object));
        }
        assert_eq!(LeftObject::read("a bucket of another version"), None);
    }
}
