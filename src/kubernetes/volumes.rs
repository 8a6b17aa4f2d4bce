//! What becomes of a volume when its claim is deleted and restored: reclaim
//! policy × capture (measured with Velero 1.18; correctness 28, 35, 37).

/// What a restore will find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeFate {
    /// The content comes back from the backup.
    Restored,
    /// The claim is bound again, to a new and empty volume; the restore says Completed.
    Empty,
    /// The claim stays Pending for ever: the old volume still names the old claim.
    Pending,
}

/// The fate of a volume with a reclaim policy whose content the backup holds or not.
pub fn fate(reclaim_policy: &str, captured: bool) -> VolumeFate {
    match (captured, reclaim_policy) {
        (true, _) => VolumeFate::Restored,
        (false, "Retain") => VolumeFate::Pending,
        (false, _) => VolumeFate::Empty,
    }
}
