//! The controls of common frameworks for which a drill can be evidence. The descriptions are our own summaries; no
//! text of a standard is copied. Start with [`FRAMEWORKS`].

/// A framework with its controls.
#[derive(Clone, Copy, Debug)]
pub struct Framework {
    /// The key in scenarios.
    pub key: &'static str,
    /// Its name and edition.
    pub name: &'static str,
    /// Its controls: id, and what it asks for, in our own words.
    pub controls: &'static [(&'static str, &'static str)],
}

impl Framework {
    /// The framework with this key.
    pub fn of(key: &str) -> Option<&'static Self> {
        FRAMEWORKS.iter().find(|f| f.key == key)
    }

    /// What a control asks for.
    pub fn asks(&self, id: &str) -> Option<&'static str> {
        self.controls.iter().find(|(known, _)| *known == id).map(|(_, asks)| *asks)
    }
}

/// Every framework of the catalogue.
pub const FRAMEWORKS: &[Framework] = &[
    Framework {
        key: "soc2",
        name: "SOC 2 (Trust Services Criteria 2017, revised 2022)",
        controls: &[
            (
                "A1.2",
                "Backup and recovery infrastructure exists and is maintained so that availability objectives can be met",
            ),
            ("A1.3", "Recovery procedures are tested, including the completeness of backups"),
            ("CC7.5", "Recovery from incidents is carried out, and lessons change the recovery plans"),
            ("CC9.1", "Risks of business disruption are identified and reduced"),
        ],
    },
    Framework {
        key: "iso22301",
        name: "ISO 22301:2019",
        controls: &[
            ("8.2", "Business impact analysis and risk assessment set priorities and objectives for recovery"),
            ("8.3", "Continuity strategies and solutions are chosen and put in place"),
            ("8.4", "Continuity plans and procedures exist, including how to return to normal operation"),
            ("8.5", "Exercises with clear aims are run at planned intervals and reported with results and actions"),
            ("8.6", "Continuity documentation and capabilities are evaluated"),
            ("9.1", "Performance is measured and the measurements are kept"),
            ("10.1", "What does not conform is corrected, and the correction is checked"),
        ],
    },
    Framework {
        key: "iso27001",
        name: "ISO/IEC 27001:2022, annex A",
        controls: &[
            ("A.5.24", "The handling of incidents is planned, with roles and procedures"),
            ("A.5.29", "Information security is kept up during a disruption"),
            ("A.5.30", "Technology is ready for continuity: planned, implemented, maintained and tested"),
            ("A.8.13", "Backups are made, kept and tested regularly"),
            ("A.8.14", "Facilities are redundant enough to meet availability requirements"),
            ("A.8.15", "Events are logged, and the logs are kept safe"),
            ("A.8.16", "Systems are monitored, and anomalies are evaluated"),
        ],
    },
    Framework {
        key: "nist80034",
        name: "NIST SP 800-34 Rev. 1",
        controls: &[
            ("3.2", "A business impact analysis names critical processes and tolerable downtime"),
            ("3.4", "Contingency strategies cover backup, recovery and alternate sites"),
            (
                "3.5.1",
                "Contingency plans are tested: notification, recovery from backups, connectivity, performance, return to normal",
            ),
            ("3.5.2", "Staff are trained in their roles of the contingency plan"),
            ("3.5.3", "Exercises check the plan in a scenario, from a discussion to a full-scale exercise"),
            ("3.6", "The contingency plan is kept current"),
        ],
    },
    Framework {
        key: "nist80053",
        name: "NIST SP 800-53 Rev. 5",
        controls: &[
            ("CP-2", "A contingency plan with recovery objectives exists, is reviewed and kept current"),
            ("CP-3", "Users are trained for their contingency roles"),
            ("CP-4", "The contingency plan is tested, results are reviewed, and corrective action follows"),
            ("CP-6", "An alternate storage site holds backups"),
            ("CP-7", "An alternate processing site can take over"),
            ("CP-9", "Backups are made and protected, and their integrity is tested"),
            ("CP-10", "The system is recovered to a known state within its objectives"),
            ("IR-3", "The response to incidents is tested"),
            ("SI-4", "The system is monitored to detect attacks and failures"),
        ],
    },
    Framework {
        key: "nist80084",
        name: "NIST SP 800-84",
        controls: &[
            ("3", "A program of tests, training and exercises is planned and maintained"),
            ("4", "Tabletop exercises are designed, held, evaluated and reported"),
            ("5", "Functional exercises are designed, held, evaluated and reported"),
            ("6", "Tests are designed, held, evaluated and reported"),
        ],
    },
    Framework {
        key: "dora",
        name: "DORA, Regulation (EU) 2022/2554",
        controls: &[
            ("11", "Response and recovery: continuity policy and plans for critical or important functions"),
            ("11(6)", "Continuity and recovery plans are tested at least yearly and after substantive changes"),
            ("12", "Backup and recovery: policies, restoration procedures and checks of what was recovered"),
            ("12(2)", "Backup systems can be activated without endangering security, and are tested periodically"),
            ("12(6)", "Recovery time and point objectives are set for each function, and met in extreme scenarios"),
            ("12(7)", "Recovered data is checked, including reconciliation, for the highest integrity"),
            ("13", "Lessons from tests and incidents change the risk assessment"),
            ("24", "A programme of operational resilience testing exists"),
            ("25", "Tools and systems are tested, including scenario-based tests"),
        ],
    },
    Framework {
        key: "doraRts",
        name: "DORA RTS, Delegated Regulation (EU) 2024/1774",
        controls: &[
            ("24", "The continuity policy has objectives, scope, recovery objectives and governance"),
            (
                "25",
                "Continuity plans are tested with severe but plausible scenarios, including the switch to backups; results are documented and reported to the management body",
            ),
            ("26", "Response and recovery plans name conditions, actions and recovery options for listed scenarios"),
            ("40", "Simplified framework: backup and restore are tested yearly"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_once_in_its_framework_and_never_says_compliant() {
        for framework in FRAMEWORKS {
            let mut ids: Vec<&str> = framework.controls.iter().map(|(id, _)| *id).collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count, "{}", framework.key);
            for (id, asks) in framework.controls {
                assert!(!asks.to_lowercase().contains("complian") && asks.len() > 20, "{} {id}", framework.key);
            }
        }
        assert!(Framework::of("soc2").and_then(|f| f.asks("A1.3")).is_some());
        assert!(Framework::of("soc2").and_then(|f| f.asks("A9.9")).is_none());
    }
}
