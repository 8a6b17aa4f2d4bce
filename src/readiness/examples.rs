//! Which checks are proven: those with an example that fails and one that passes.

/// Each has its file in `tests/checks/`, and a test that reads it.
pub(crate) const PROVEN: &[&str] = &[
    "AFF-001", "AFF-002", "AFF-003", "AFF-004", "ALR-001", "ALR-002", "ALR-008", "BCK-001", "BCK-002", "BCK-003",
    "BCK-004", "BCK-005", "BCK-006", "BCK-007", "BCK-008", "BCK-009", "BCK-010", "BCK-011", "DRF-001", "DRF-003",
    "DRP-001", "DRP-004", "DRP-005", "DRP-007", "DRP-008", "DSH-001", "IMG-001", "IMG-002", "IMG-003", "IMG-004",
    "IMG-005", "IMG-006", "IMG-007", "LOG-001", "LOG-002", "LOG-003", "MET-001", "MET-002", "MET-003", "MET-005",
    "MHA-001", "MHA-002", "MON-SEC", "NET-001", "NET-002", "NET-003", "NET-004", "NET-005", "NET-006", "NET-007",
    "NET-008", "NET-009", "PDB-001", "PDB-002", "PDB-003", "PDB-004", "PDB-005", "PDB-006", "PRB-001", "PRB-002",
    "PRB-003", "PRB-004", "PRF-001", "RBAC-001", "RBAC-002", "RBAC-003", "RBAC-004", "RBAC-005", "RBAC-006",
    "RBAC-007", "RBAC-008", "RBAC-009", "RES-001", "RES-002", "RES-005", "RES-006", "RES-007", "SEC-001", "SEC-002",
    "SEC-003", "SEC-004", "SEC-005", "SEC-006", "SEC-007", "SEC-008", "SEC-009", "STO-001", "STO-002", "STO-003",
    "STO-004", "WRK-001", "WRK-002", "WRK-003", "WRK-004", "WRK-005", "WRK-006", "WRK-007", "WRK-008", "ZON-001",
    "ZON-002", "ZON-003", "ZON-004", "ZON-005", "ZON-006", "ZON-007",
];

/// Whether a check has both examples.
pub(crate) fn proven(id: &str) -> bool {
    PROVEN.contains(&id)
}

/// Checks whose fail or pass was seen on a real API server (`review::` of tests/lab),
/// with objects made for it or with what such a cluster holds.
const LIVE: &[&str] = &[
    "AFF-001", "BCK-002", "BCK-003", "DRP-001", "DRP-008", "PDB-001", "PDB-002", "PDB-003", "PDB-006", "RBAC-007",
    "RBAC-008", "RES-006", "RES-007", "SEC-003", "STO-001", "WRK-003", "ZON-002", "ZON-005",
];

/// How a check was proven.
pub(super) fn proof(id: &str) -> &'static str {
    match (LIVE.contains(&id), proven(id)) {
        (true, _) => "on a real API server",
        (false, true) => "by manifests only",
        (false, false) => "not at all",
    }
}
