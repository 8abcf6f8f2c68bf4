use std::time::Duration;

use serde_json::Value;

use crate::harness::SioLoad;

/// What the doctor says of a server.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) exit_code: i32,
    pub(super) report: Value,
}

/// However busy the machine is.
const LIMIT: Duration = Duration::from_secs(120);

/// Has a server examined.
pub(super) fn diagnose(url: &str, flags: &[&str]) -> Diagnosis {
    let mut arguments = vec!["doctor", url, "--json"];
    arguments.extend_from_slice(flags);
    let finished = SioLoad::new(&arguments).run(LIMIT);
    let report = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let diagnosis = Diagnosis {
        exit_code: finished.status.code().unwrap(),
        report,
    };
    assert_eq!(
        diagnosis.exit_code,
        i32::from(!diagnosis.report["well"].as_bool().unwrap())
    );
    diagnosis
}

impl Diagnosis {
    /// The codes of all findings with this severity.
    pub(super) fn codes(&self, severity: &str) -> Vec<&str> {
        self.findings()
            .filter(|finding| finding["severity"] == severity)
            .map(|finding| finding["code"].as_str().unwrap())
            .collect()
    }

    /// The finding of this code.
    ///
    /// # Panics
    /// If it was not found.
    pub(super) fn finding(&self, code: &str) -> &Value {
        self.findings()
            .find(|finding| finding["code"] == code)
            .unwrap_or_else(|| panic!("no {code}: {:#}", self.report))
    }

    pub(super) fn has(&self, code: &str) -> bool {
        self.findings().any(|finding| finding["code"] == code)
    }

    /// That nothing but the given is wrong.
    pub(super) fn assert_only(&self, codes: &[&str]) {
        let mut wrong = self.codes("error");
        wrong.extend(self.codes("warning"));
        assert_eq!(wrong, codes, "{:#}", self.report);
    }

    /// That there is one problem, and which finding explains it.
    pub(super) fn assert_problem(&self, code: &str) {
        let problems = self.report["problems"].as_array().unwrap();
        let codes: Vec<&Value> = problems.iter().map(|problem| &problem["code"]).collect();
        assert_eq!(codes, [code], "{:#}", self.report);
    }

    /// The report of one check.
    pub(super) fn check(&self, name: &str) -> &Value {
        let checks = self.report["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|check| check["name"] == name)
            .unwrap_or_else(|| panic!("no check {name}: {:#}", self.report))
    }

    /// The requests behind a finding.
    pub(super) fn evidence(&self, code: &str) -> Vec<&Value> {
        let ids = self.finding(code)["evidence"].as_array().unwrap();
        ids.iter()
            .map(|id| &self.report["exchanges"][id.as_u64().unwrap() as usize])
            .collect()
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.report["findings"].as_array().unwrap().iter()
    }
}
